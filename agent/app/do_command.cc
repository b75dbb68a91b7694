// Break-glass: the same operations on the host itself, with or without a controller.
#include <google/protobuf/util/json_util.h>
#include <openssl/rand.h>

#include <cstdio>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/app/agent.h"
#include "common/command/words.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kProgram[] = "mailquench-agent";

// The table of exit codes is the CLI's: 0 ok, 1 usage or internal, 2 failed, 4 not permitted.
int ExitCode(const v1::OperationReport& report) {
  switch (report.outcome()) {
    case v1::OUTCOME_SUCCEEDED:
    case v1::OUTCOME_UNCHANGED:
      return 0;
    case v1::OUTCOME_REFUSED:
      return report.error().code() == static_cast<int>(absl::StatusCode::kPermissionDenied) ? 4 : 1;
    case v1::OUTCOME_TIMED_OUT:
      return 124;
    default:
      return 2;
  }
}

std::string Json(const google::protobuf::Message& message) {
  std::string out;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(message, &out, options).ok()) return "{}\n";
  return out;
}

std::string NewCommandId() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return "";
  return absl::StrCat("local-", absl::BytesToHexString(absl::string_view(
                                    reinterpret_cast<char*>(bytes), sizeof bytes)));
}
}  // namespace

int DoCommand(const std::string& state_dir,
              const std::string& operation,
              const std::string& json,
              bool dry_run,
              const std::string& command_id,
              absl::Duration timeout) {
  v1::Command command;
  auto made = MakeOperation(operation, json);
  if (!made.ok()) {
    command::Say(kProgram, std::string(made.status().message()));
    return 1;
  }
  auto agent = OpenAgent(state_dir);
  if (!agent.ok()) {
    command::Say(kProgram, std::string(agent.status().message()));
    return 1;
  }
  *command.mutable_operation() = *std::move(made);
  command.set_command_id(command_id.empty() ? NewCommandId() : command_id);
  command.set_host_id((*agent)->host_id);
  command.set_requested_by("local");
  if (timeout > absl::ZeroDuration())
    command.mutable_timeout()->set_seconds(absl::ToInt64Seconds(timeout));
  if (dry_run) {
    const v1::OperationPlanned planned = (*agent)->executor->Plan(command);
    std::cout << Json(planned) << std::flush;
    return planned.has_refused() ? ExitCode(planned.refused()) : 0;
  }
  const v1::OperationReport report = (*agent)->executor->Execute(
      command, true,
      [](const std::string&, const std::string& text) { command::Say(kProgram, text); });
  std::cout << Json(report) << std::flush;
  if (report.has_error()) command::Say(kProgram, report.error().message());
  if (operation == "service.stop" && ExitCode(report) == 0)
    std::fprintf(stderr,
                 "the lease is ended by 'mailquench-agent run'; without it the service stays "
                 "stopped until 'do service.start'\n");
  return ExitCode(report);
}

}  // namespace mailquench::agent
