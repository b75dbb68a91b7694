#include "controller/notify/kinds.h"

#include <algorithm>

namespace mailquench::controller {

const std::vector<NoticeKind>& NoticeKinds() {
  static const auto* const kinds = new std::vector<NoticeKind>{
      {"page", "page", "A person is needed"},
      {"proposal", "page", "A run waits for approval"},
      {"relay-open", "page", "A host relays for strangers"},
      {"rules-unreadable", "page", "The rules cannot be read, nothing is escalated"},
      {"refilling", "page", "The queue fills again"},
      {"run-failed", "warning", "A run failed"},
      {"held", "warning", "A guard held something back"},
      {"incident-opened", "warning", "An incident was opened"},
      {"proposal-expired", "warning", "A proposal expired, nothing was done"},
      {"switch-stuck", "page", "A switch of mail routes waits for a person"},
      {"silence-stuck", "warning", "A silence cannot be lifted"},
      {"listing", "warning", "A blacklist lists the fleet"},
      {"agent-lost", "warning", "An agent is out of reach"},
      {"obligation-overdue", "warning", "A restore is overdue"},
      {"drift", "warning", "A setting has changed"},
      {"paused", "warning", "Automation was paused or goes on"},
      {"run-started", "info", "A run was started"},
      {"run-ended", "info", "A run has ended"},
      {"contained", "info", "A host was contained"},
      {"resolved", "info", "The alerts are resolved"},
      {"test", "info", "A test of notifications"},
  };
  return *kinds;
}

const NoticeKind* FindNoticeKind(const std::string& name) {
  const auto& kinds = NoticeKinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const NoticeKind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

int SeverityRank(const std::string& severity) {
  if (severity == "info") return 0;
  if (severity == "warning") return 1;
  return severity == "page" ? 2 : -1;
}

}  // namespace mailquench::controller
