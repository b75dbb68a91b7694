#include "agent/mail/postfix/listener_check.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/smtp/probe.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
// Of one dialogue after a change. Generous: a server without a resolver says its banner after 10 s.
constexpr absl::Duration kDialogueTimeout = absl::Seconds(10);

// A foreign recipient shows whether strangers relay. One of our own passes that question, so that
// it meets the restrictions which come after it; every server knows postmaster.
constexpr char kStranger[] = "probe@mailquench.invalid";
constexpr char kOwn[] = "postmaster";

bool HasWrapper(const Listener& listener) {
  const auto it = listener.overrides.find("smtpd_tls_wrappermode");
  return it != listener.overrides.end() && it->second == "yes";
}

DialogueRequest For(const Listener& listener, DialogueRequest request) {
  request.tls_wrapper = HasWrapper(listener);
  return request;
}

// Whether the listener lets this host relay by the address that it asks from: then an acceptance
// from inside says nothing about strangers.
bool TrustsUs(const Listener& listener, const Parameters& main, const std::string& address) {
  if (!absl::StrContains(ValueAt(listener, main, "smtpd_relay_restrictions"),
                         "permit_mynetworks")) {
    return false;
  }
  // A connection to an address of this host comes from that address; to any loopback one, from the
  // first.
  std::string source = address.substr(0, address.rfind(':'));
  if (absl::StartsWith(source, "127.")) source = "127.0.0.1";
  const std::optional<Cidr> ours = Cidr::Parse(source);
  if (!ours.has_value()) return false;
  const std::vector<std::string> networks = SplitList(ValueAt(listener, main, "mynetworks"));
  return std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
    const std::optional<Cidr> cidr = Cidr::Parse(network);
    return cidr.has_value() && cidr->Contains(*ours);
  });
}

// False where smtpd says nothing or hangs up (it exits over some settings), or answers that its
// settings or tables are broken (451 4.3.0, 451 4.3.5).
bool Works(const DialogueResult& said) {
  if (!said.answered || absl::StartsWith(said.reply, "451 4.3.")) return false;
  return said.recipient_code != 0 || said.verdict != v1::RELAY_VERDICT_UNKNOWN;
}

absl::StatusOr<DialogueResult> Ask(const Listener& listener,
                                   const std::string& address,
                                   const std::string& recipient,
                                   const CallContext& context) {
  DialogueRequest request = For(listener, {});
  request.recipient = recipient;
  request.timeout = std::min(kDialogueTimeout, context.deadline - absl::Now());
  return Dialogue(address, request);
}

// Which of the two questions it does not answer: address and recipient.
absl::StatusOr<std::vector<std::string>> Broken(const Listener& listener,
                                                const std::string& address,
                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const DialogueResult stranger, Ask(listener, address, kStranger, context));
  if (!stranger.answered) return std::vector{address + kStranger, address + kOwn};
  std::vector<std::string> broken;
  if (!Works(stranger)) broken.push_back(address + kStranger);
  MQ_ASSIGN_OR_RETURN(const DialogueResult own, Ask(listener, address, kOwn, context));
  if (!Works(own)) broken.push_back(address + kOwn);
  return broken;
}

// What a change has made of one address of a listener.
struct Verdict {
  const Instance& instance;
  const Listener& listener;
  const Parameters& main;
  const std::set<std::string>& broken;
  bool verify_closed;
  const CallContext& context;

  absl::Status Of(const std::string& address) const {
    for (const char* recipient : {kOwn, kStranger}) {
      MQ_ASSIGN_OR_RETURN(const DialogueResult said, Ask(listener, address, recipient, context));
      // What did not work before is no fault of a restore. A lock is stricter: it stands on what
      // every listener says, so one that says nothing, or calls its own settings broken, undoes it.
      // (A contain judges for itself.)
      const bool excused = broken.count(address + recipient) != 0;
      if (!Works(said) && (!excused || (verify_closed && !listener.exempt))) {
        return Error(
            absl::StatusCode::kFailedPrecondition, "LISTENER_DEAD",
            absl::StrCat("listener ", address, " of instance '", instance.name,
                         "' does not work with the new settings",
                         excused ? ", nor did it before; mend it first" : "", ": ", said.reply));
      }
      const bool open =
          recipient == std::string(kStranger) && said.verdict == v1::RELAY_VERDICT_OPEN;
      if (verify_closed && open && !listener.exempt && !TrustsUs(listener, main, address)) {
        return Error(absl::StatusCode::kFailedPrecondition, "LISTENER_OPEN",
                     absl::StrCat("listener ", address, " of instance '", instance.name,
                                  "' still relays for strangers: ", said.reply));
      }
    }
    return absl::OkStatus();
  }
};

}  // namespace

// All are asked at once: a broken listener, or one whose processes are all taken by an attack, is
// waited for once and not once an address.
absl::Status ListenerCheck::Before(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
  std::vector<absl::StatusOr<std::vector<std::string>>> answers;
  std::vector<std::function<void()>> tasks;
  for (const Listener& listener : listeners) {
    for (const std::string& address : listener.addresses) {
      const std::size_t i = answers.size();
      answers.emplace_back();
      tasks.emplace_back([&, i, it = &listener] { answers[i] = Broken(*it, address, context_); });
    }
  }
  RunTogether(tasks, static_cast<int>(tasks.size()));
  absl::Status status;
  for (const auto& broken : answers) {
    status.Update(broken.status());
    if (broken.ok()) broken_.insert(broken->begin(), broken->end());
  }
  return status;
}

absl::Status ListenerCheck::After(const Instance& instance) const {
  MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
  MQ_ASSIGN_OR_RETURN(
      const Parameters main,
      EffectiveParameters(instance.config_directory, {"smtpd_relay_restrictions", "mynetworks"}));
  for (const Listener& listener : listeners) {
    const Verdict verdict{instance, listener, main, broken_, verify_closed_, context_};
    for (const std::string& address : listener.addresses) {
      absl::Status status = verdict.Of(address);
      if (!status.ok()) {  // Once more: an old session's process, or a master that is busy.
        absl::SleepFor(absl::Seconds(1));
        status = verdict.Of(address);
      }
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RelayProbeResult> ProbeListeners(const std::vector<Instance>& instances,
                                                    const v1::RelayProbe& request,
                                                    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const DialogueRequest dialogue, ProbeDialogue(request));
  std::vector<std::pair<std::string, DialogueRequest>> questions;
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    for (const Listener& listener : listeners) {
      if (listener.exempt) continue;
      for (const std::string& address : listener.addresses) {
        DialogueRequest one = For(listener, dialogue);
        one.timeout = std::min(one.timeout, context.deadline - absl::Now());
        questions.emplace_back(address, one);
      }
    }
  }
  std::vector<absl::StatusOr<v1::ListenerProbe>> answers(questions.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    tasks.emplace_back([&, i] {
      answers[i] = ProbeTarget(questions[i].first, questions[i].second, !request.skip_auth());
    });
  }
  RunTogether(tasks);
  v1::RelayProbeResult result;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(v1::ListenerProbe probe, std::move(answers[i]));
    context.progress(absl::StrCat(questions[i].first, ": ", probe.reply()));
    *result.add_listeners() = std::move(probe);
  }
  return result;
}

}  // namespace mailquench::agent::postfix
