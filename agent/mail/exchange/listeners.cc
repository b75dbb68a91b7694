#include "agent/mail/exchange/listeners.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/smtp/ask_listeners.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
void Add(const std::string& value, std::vector<std::string>* list) {
  if (std::find(list->begin(), list->end(), value) == list->end()) list->push_back(value);
}

// The address that a listener sees who is asked at its own address from its own host.
std::optional<IpRange> AddressIn(const std::string& target) {
  std::string address = target.substr(0, target.rfind(':'));
  if (absl::StartsWith(address, "[")) address = address.substr(1, address.size() - 2);
  return ParseRange(address);
}

bool LetsRelay(const Connector& connector, const IpRange& address) {
  return connector.enabled &&
         std::any_of(connector.remote_ranges.begin(), connector.remote_ranges.end(),
                     [&](const std::string& text) {
                       const std::optional<IpRange> range = ParseRange(text);
                       return range.has_value() && !range->HoldsStrangers() &&
                              range->Contains(address);
                     });
}
}  // namespace

std::vector<std::string> TargetsOf(const std::vector<Connector>& connectors,
                                   const std::vector<std::string>& own) {
  std::vector<std::string> out;
  for (const Connector& connector : connectors) {
    if (!connector.enabled) continue;
    for (const std::string& binding : connector.bindings) {
      const std::size_t colon = binding.rfind(':');
      int port = 0;
      if (colon == std::string::npos || !absl::SimpleAtoi(binding.substr(colon + 1), &port) ||
          port < 1 || port > 65535)
        continue;
      std::string address = binding.substr(0, colon);
      if (address.size() > 2 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
      const std::optional<IpRange> parsed = ParseRange(address);
      if (!parsed.has_value() || !parsed->IsOne()) continue;
      if (address != "0.0.0.0" && address != "::") {
        Add(ListenerTarget(address, port), &out);
        continue;
      }
      for (const std::string& one : own) {
        if (absl::StrContains(one, ":") != parsed->IsV4()) Add(ListenerTarget(one, port), &out);
      }
      Add(ListenerTarget(parsed->IsV4() ? "127.0.0.1" : "::1", port), &out);
    }
  }
  return out;
}

absl::Status ListenerCheck::Before(const std::vector<Connector>& connectors,
                                   const std::vector<std::string>& own) {
  const std::vector<std::string> targets = TargetsOf(connectors, own);
  MQ_ASSIGN_OR_RETURN(const std::vector<DialogueResult> said, AskListeners(targets, deadline_));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (said[i].answered) answered_.insert(targets[i]);
  }
  return absl::OkStatus();
}

absl::Status ListenerCheck::Judge(const std::vector<Connector>& connectors,
                                  const std::string& target,
                                  const DialogueResult& said) const {
  if (!said.answered && answered_.count(target) != 0)
    return Error(
        absl::StatusCode::kFailedPrecondition, "LISTENER_DEAD",
        absl::StrCat("listener ", target, " does not answer with the new settings: ", said.reply));
  if (!verify_closed_ || said.verdict != v1::RELAY_VERDICT_OPEN) return absl::OkStatus();
  const std::optional<IpRange> address = AddressIn(target);
  const bool may_be_listed =
      address.has_value() &&
      std::any_of(connectors.begin(), connectors.end(),
                  [&](const Connector& connector) { return LetsRelay(connector, *address); });
  if (may_be_listed) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "LISTENER_OPEN",
               absl::StrCat("listener ", target, " still relays for strangers: ", said.reply));
}

absl::Status ListenerCheck::After(const std::vector<Connector>& connectors,
                                  const std::vector<std::string>& own) const {
  const std::vector<std::string> targets = TargetsOf(connectors, own);
  const absl::Time until = std::min(deadline_, absl::Now() + wait_);
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const std::vector<DialogueResult> said, AskListeners(targets, deadline_));
    absl::Status worst;
    for (std::size_t i = 0; i < targets.size(); ++i)
      worst.Update(Judge(connectors, targets[i], said[i]));
    if (worst.ok() || absl::Now() >= until) return worst;
    absl::SleepFor(std::min<absl::Duration>(absl::Seconds(1), wait_ / 10));
  }
}

}  // namespace mailquench::agent::exchange
