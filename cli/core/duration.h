// Durations and instants as people read them.
#ifndef MAILQUENCH_CLI_CORE_DURATION_H_
#define MAILQUENCH_CLI_CORE_DURATION_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>

namespace mailquench::cli {

double Seconds(const google::protobuf::Duration& duration);
double Seconds(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to);

// "3.2 s", "4 min 10 s", "2 h 5 min".
std::string HumanSeconds(double seconds);
// RFC 3339 in UTC, whole seconds; "-" where unset.
std::string HumanTime(const google::protobuf::Timestamp& time);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_DURATION_H_
