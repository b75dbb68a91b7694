// What antivirus operations found, in one clause.
#ifndef MAILQUENCH_CLI_CORE_ANTIVIRUS_TEXT_H_
#define MAILQUENCH_CLI_CORE_ANTIVIRUS_TEXT_H_

#include <string>

#include "mailquench/v1/operations.pb.h"

namespace mailquench::cli {

std::string DescribeStatus(const v1::AntivirusStatusResult& result);
std::string DescribeUpdate(const v1::AntivirusUpdateResult& result);
// The first findings by name; -o json has them all.
std::string DescribeScan(const v1::AntivirusScanResult& result);
std::string DescribeScan(const v1::QuarantineScanResult& result);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_ANTIVIRUS_TEXT_H_
