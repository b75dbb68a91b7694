#include "agent/mail/exchange/components.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

void AddEntry(const std::string& text, std::map<std::string, std::string>& entries) {
  std::string requester, state;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::vector<std::string> pair = absl::StrSplit(part, absl::MaxSplits(':', 1));
    if (pair.size() != 2) continue;
    const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(pair[0]));
    const std::string value(absl::StripAsciiWhitespace(pair[1]));
    if (name == "requestor" || name == "requester") requester = value;
    if (name == "state") state = value;
  }
  if (requester.empty() || state.empty()) return;
  std::string& known = entries[requester];
  if (known.empty() || known == "Active") known = state;
}

absl::StatusOr<std::vector<Component>> ReadComponents(Shell& shell,
                                                      const std::string& server,
                                                      absl::Time deadline) {
  Pipeline pipeline;
  pipeline.cmdlets.push_back({"Get-ServerComponentState", {{"Identity", server}}});
  pipeline.fields = {"Component", "State", "LocalStates", "RemoteStates"};
  MQ_ASSIGN_OR_RETURN(Answer answer, shell.Run(pipeline, deadline));
  std::vector<Component> out;
  for (Row& row : answer.rows) {
    Component& one = out.emplace_back();
    one.name = row["Component"].text();
    one.state = row["State"].text();
    for (const char* where : {"LocalStates", "RemoteStates"}) {
      for (const std::string& text : row[where].texts) AddEntry(text, one.entries);
    }
  }
  return out;
}

std::vector<std::string> MailComponents(Role role) {
  if (role == Role::kEdge) return {"ServerWideOffline", "EdgeTransport"};
  return {"ServerWideOffline", "HubTransport", "FrontendTransport"};
}

std::string Words(const Component& component) {
  std::vector<std::string> by;
  for (const auto& [requester, state] : component.entries) {
    if (state != "Active") by.push_back(requester);
  }
  return absl::StrCat(component.name, " ", component.state,
                      by.empty() ? "" : absl::StrCat(" (", absl::StrJoin(by, ", "), ")"));
}

}  // namespace mailquench::agent::exchange
