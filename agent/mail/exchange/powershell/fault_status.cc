#include "agent/mail/exchange/powershell/fault_status.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

// Error ids are "NAME,CLASS"; the reason is lost where a record is wrapped on its way.
bool Is(const Fault& fault, absl::string_view name) {
  return absl::StartsWith(fault.id, name) || fault.reason == name;
}

bool NotInRole(const Fault& fault) {
  return Is(fault, "CommandNotFoundException") || Is(fault, "NamedParameterNotFound") ||
         fault.category == "PermissionDenied" || fault.reason == "UnauthorizedAccessException";
}

// The words come in the system's language; the name of the switch stays in them.
bool Asked(const Fault& fault) {
  return fault.reason == "HostException" || fault.reason == "PromptingException" ||
         absl::StrContains(fault.message, "NonInteractive");
}

bool NotFound(const Fault& fault) {
  return fault.category == "ObjectNotFound" ||
         fault.reason == "ManagementObjectNotFoundException" ||
         absl::StrContains(fault.id, "ManagementObjectNotFoundException");
}

bool SessionLost(const Fault& fault) {
  return Is(fault, "JobFailure") || Is(fault, "InvalidSessionState") ||
         Is(fault, "PSSessionStateBroken") || fault.reason == "PSRemotingTransportException" ||
         fault.reason == "InvalidRunspaceStateException" ||
         absl::EndsWith(fault.type, ".PSRemotingTransportException");
}

std::string Words(const Fault& fault) {
  return absl::StrCat(absl::StrReplaceAll(fault.message, {{"\r\n", " "}, {"\n", " "}}), " [",
                      fault.id, "]");
}
}  // namespace

absl::Status FaultStatus(const Reply& reply, const std::string& text) {
  const Fault& first = reply.faults.front();
  const std::string what = absl::StrCat("'", absl::string_view(text).substr(0, 300), "'");
  const std::string more = reply.faults.size() > 1
                               ? absl::StrCat(" (and ", reply.faults.size() - 1, " errors more)")
                               : "";
  const auto any = [&](bool (*is)(const Fault&)) {
    return std::any_of(reply.faults.begin(), reply.faults.end(), is);
  };
  if (!reply.opened)
    return Error(absl::StatusCode::kUnavailable, "NO_SHELL",
                 absl::StrCat("the Exchange management shell could not be opened: ", Words(first),
                              "; ", what, " was not sent"));
  if (reply.lost || any(SessionLost))
    return Error(absl::StatusCode::kUnavailable, "SESSION_LOST",
                 absl::StrCat("the session with Exchange ended during ", what, ": ", Words(first),
                              "; nobody knows whether it was done, so read it again"));
  if (any(Asked))
    return Error(
        absl::StatusCode::kFailedPrecondition, "ASKED_FOR_CONFIRMATION",
        absl::StrCat(what, " asked for a confirmation that nobody can give and was not done: ",
                     Words(first), more));
  if (NotInRole(first))
    return Error(absl::StatusCode::kPermissionDenied, "NOT_IN_ROLE",
                 absl::StrCat("the agent's account may not run ", what,
                              " as it is: the cmdlet, a parameter or the object is outside its "
                              "roles, or this version has none such: ",
                              Words(first), more, "; add the role and try again"));
  if (NotFound(first))
    return Error(absl::StatusCode::kNotFound, "OBJECT_NOT_FOUND",
                 absl::StrCat(what, " found no such object: ", Words(first), more));
  return Error(absl::StatusCode::kAborted, "CMDLET_FAILED",
               absl::StrCat(what, " failed: ", Words(first), more));
}

}  // namespace mailquench::agent::exchange
