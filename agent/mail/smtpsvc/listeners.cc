#include "agent/mail/smtpsvc/listeners.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/smtp/ask_listeners.h"
#include "agent/mail/smtp/probe.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "agent/os/host.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
void AddOnce(std::vector<std::string>& list, const std::string& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}
}  // namespace

std::vector<std::string> AddressesOf(const VirtualServer& server,
                                     const std::vector<std::string>& own) {
  std::vector<std::string> out;
  for (const std::string& binding : server.bindings) {
    // ADDRESS:PORT:HOST, and an address of IPv6 has colons itself.
    const std::size_t host = binding.rfind(':');
    if (host == std::string::npos || host == 0) continue;
    const std::size_t before = binding.rfind(':', host - 1);
    if (before == std::string::npos) continue;
    int port = 0;
    if (!absl::SimpleAtoi(binding.substr(before + 1, host - before - 1), &port) || port < 1 ||
        port > 65535)
      continue;
    std::string address = binding.substr(0, before);
    if (address.size() > 2 && address.front() == '[' && address.back() == ']')
      address = address.substr(1, address.size() - 2);
    if (!address.empty() && address != "0.0.0.0" && address != "::") {
      AddOnce(out, ListenerTarget(address, port));
      continue;
    }
    for (const std::string& one : own) AddOnce(out, ListenerTarget(one, port));
    AddOnce(out, ListenerTarget("127.0.0.1", port));
  }
  return out;
}

bool IsLoopback(const std::string& listener) {
  return absl::StartsWith(listener, "127.") || absl::StartsWith(listener, "[::1]");
}

absl::Status ListenerCheck::Before(const std::vector<VirtualServer>& servers) {
  std::vector<std::string> targets;
  for (const VirtualServer& server : servers) {
    for (const std::string& target : AddressesOf(server, OwnAddresses())) AddOnce(targets, target);
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<DialogueResult> said,
                      AskListeners(targets, context_.deadline));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (said[i].answered) answered_.insert(targets[i]);
  }
  return absl::OkStatus();
}

// A server that takes new settings, or is under the load of an attack, may miss one dialogue.
absl::StatusOr<std::vector<DialogueResult>> ListenerCheck::AskAgain(
    const std::vector<std::string>& targets) const {
  const absl::Time until = std::min(context_.deadline, absl::Now() + dead_wait_);
  for (;;) {
    MQ_ASSIGN_OR_RETURN(std::vector<DialogueResult> said, AskListeners(targets, context_.deadline));
    bool dead = false;
    for (std::size_t i = 0; i < targets.size(); ++i)
      dead |= !said[i].answered && answered_.count(targets[i]) != 0;
    if (!dead || absl::Now() >= until) return said;
    absl::SleepFor(std::min<absl::Duration>(absl::Seconds(1), dead_wait_ / 10));
  }
}

absl::Status ListenerCheck::After(const std::vector<VirtualServer>& servers) const {
  for (const VirtualServer& server : servers) {
    MQ_ASSIGN_OR_RETURN(const auto list,
                        metabase_.ReadIpSecurity(server.name, Property::kRelayIpList));
    const bool may_be_listed = !GrantsNobody(list);
    const std::vector<std::string> targets = AddressesOf(server, OwnAddresses());
    MQ_ASSIGN_OR_RETURN(const std::vector<DialogueResult> said, AskAgain(targets));
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (!said[i].answered && answered_.count(targets[i]) != 0)
        return Error(absl::StatusCode::kFailedPrecondition, "LISTENER_DEAD",
                     absl::StrCat("listener ", targets[i], " of virtual server ", server.name,
                                  " does not answer with the new settings: ", said[i].reply));
      if (verify_closed_ && !may_be_listed && said[i].verdict == v1::RELAY_VERDICT_OPEN)
        return Error(absl::StatusCode::kFailedPrecondition, "LISTENER_OPEN",
                     absl::StrCat("listener ", targets[i], " of virtual server ", server.name,
                                  " still relays for strangers: ", said[i].reply));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RelayProbeResult> ProbeListeners(const std::vector<VirtualServer>& servers,
                                                    const v1::RelayProbe& request,
                                                    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(DialogueRequest dialogue, ProbeDialogue(request));
  dialogue.timeout = std::min(dialogue.timeout, context.deadline - absl::Now());
  std::vector<std::string> targets;
  for (const VirtualServer& server : servers) {
    for (const std::string& target : AddressesOf(server, OwnAddresses())) AddOnce(targets, target);
  }
  std::vector<absl::StatusOr<v1::ListenerProbe>> answers(targets.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    tasks.emplace_back([&answers, &targets, &dialogue, &request, i] {
      answers[i] = ProbeTarget(targets[i], dialogue, !request.skip_auth());
    });
  }
  RunTogether(tasks);
  v1::RelayProbeResult result;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(v1::ListenerProbe probe, std::move(answers[i]));
    context.progress(absl::StrCat(targets[i], ": ", probe.reply()));
    *result.add_listeners() = std::move(probe);
  }
  return result;
}

}  // namespace mailquench::agent::smtpsvc
