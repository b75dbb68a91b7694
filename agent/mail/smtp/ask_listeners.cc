#include "agent/mail/smtp/ask_listeners.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kDialogueTimeout = absl::Seconds(10);
}

std::string ListenerTarget(const std::string& address, int port) {
  return absl::StrContains(address, ":") ? absl::StrCat("[", address, "]:", port)
                                         : absl::StrCat(address, ":", port);
}

absl::StatusOr<std::vector<DialogueResult>> AskListeners(const std::vector<std::string>& targets,
                                                         absl::Time deadline) {
  std::vector<absl::StatusOr<DialogueResult>> answers(targets.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    tasks.emplace_back([&answers, &targets, deadline, i] {
      DialogueRequest request;
      request.timeout = std::min(kDialogueTimeout, deadline - absl::Now());
      answers[i] = Dialogue(targets[i], request);
    });
  }
  RunTogether(tasks, static_cast<int>(tasks.size()));
  std::vector<DialogueResult> out;
  for (auto& answer : answers) {
    MQ_RETURN_IF_ERROR(answer.status());
    out.push_back(*std::move(answer));
  }
  return out;
}

}  // namespace mailquench::agent
