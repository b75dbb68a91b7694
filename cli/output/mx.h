// Mail domains, checks and switches of mail routes in tables.
#ifndef MAILQUENCH_CLI_OUTPUT_MX_H_
#define MAILQUENCH_CLI_OUTPUT_MX_H_

#include <string>

#include "cli/output/printer.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::cli {

std::string WordOf(v1::SwitchState state);  // "watching"
std::string WordOf(v1::RecordState state);  // "applied"
std::string WordOf(v1::CheckState state);   // "failed"

Table DomainTable(const v1::DomainView& view);
Table ChecksTable(const google::protobuf::RepeatedPtrField<v1::Check>& checks);
// What is changed, from what to what, and how far it is.
Table RecordsTable(const v1::MxSwitch& one);
// Each server and resolver of the records that are not everywhere yet; with `wide` of all.
Table WhereTable(const v1::MxSwitch& one, bool wide);
Table SwitchesTable(const v1::ListSwitchesResponse& all);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_MX_H_
