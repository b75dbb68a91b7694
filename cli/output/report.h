// A report on an incident that a manager can read, from what the controller recorded.
#ifndef MAILQUENCH_CLI_OUTPUT_REPORT_H_
#define MAILQUENCH_CLI_OUTPUT_REPORT_H_

#include <string>
#include <vector>

#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::cli {

// `format`: "md" or "html" (one self-contained page). What came from hosts is escaped.
std::string IncidentReport(const v1::Incident& incident,
                           const std::vector<v1::Run>& runs,
                           const std::string& format);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_REPORT_H_
