#include "agent/mail/exchange/service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/services/dependents.h"
#include "agent/mail/services/progress.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kHeld, "exchange.stop.held");
MQ_DEFINE_FAULT_POINT(kStopped, "exchange.stop.stopped");
MQ_DEFINE_FAULT_POINT(kStarted, "exchange.start.started");

bool IsRefusedAsInactive(const DialogueResult& said) {
  return absl::StrContains(said.reply, "4.3.2") || absl::StrContains(said.banner, "4.3.2");
}
}  // namespace

TransportService::TransportService(ServiceManager& services,
                                   Shell& shell,
                                   Installation installation,
                                   ListListeners listeners,
                                   ServiceOptions options)
    : services_(services),
      shell_(shell),
      installation_(std::move(installation)),
      listeners_(std::move(listeners)),
      options_(std::move(options)),
      inactive_file_(JoinPath(options_.state_directory, "exchange-inactive")),
      hold_(shell, installation_.server, JoinPath(options_.state_directory, "exchange-recovery")) {}

std::vector<std::string> TransportService::Names() const {
  if (installation_.role == Role::kEdge) return {kTransport};
  return {kTransport, kFrontEnd};
}

absl::Time TransportService::CallDeadline(const CallContext& context) const {
  return std::min(context.deadline, absl::Now() + options_.call_wait);
}

absl::StatusOr<ServiceState> TransportService::State(const std::string& name) {
  const absl::StatusOr<ServiceInfo> info = services_.Query(name);
  if (info.ok()) return info->state;
  if (absl::IsNotFound(info.status()))
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SERVICE",
                 absl::StrCat("this host has no service ", name,
                              "; nothing was done; repair Exchange's installation, or give this "
                              "agent its right mail_system"));
  return info.status();
}

absl::StatusOr<bool> TransportService::Runs() {
  for (const std::string& name : Names()) {
    MQ_ASSIGN_OR_RETURN(const ServiceState state, State(name));
    if (state != ServiceState::kStopped) return true;
  }
  return false;
}

absl::Status TransportService::StopDependents(const CallContext& context) {
  std::vector<std::string> list;
  for (const std::string& name : Names()) {
    MQ_ASSIGN_OR_RETURN(const std::vector<std::string> dependents,
                        services_.RunningDependents(name));
    for (const std::string& one : dependents) {
      const std::vector<std::string> own = Names();
      if (std::find(own.begin(), own.end(), one) == own.end()) list.push_back(one);
    }
  }
  if (list.empty()) return absl::OkStatus();
  // A full disk keeps nobody from stopping spam.
  const absl::Status written = ListDependents(DependentsFile(), list);
  if (!written.ok())
    context.progress(
        absl::StrCat("warning: ", absl::StrJoin(list, ", "),
                     " will not be started again with Transport: ", written.message()));
  absl::Status first;
  for (const std::string& name : list) {
    context.progress(absl::StrCat("stopping ", name, ", which depends on Transport"));
    const absl::Time until = std::min(context.deadline, absl::Now() + options_.other_wait);
    first.Update(
        Prepend(services_.Stop(name, until, Talk(context, absl::StrCat(name, " is stopping"))),
                absl::StrCat("service ", name,
                             " depends on Transport and did not stop; no queue was touched")));
    MQ_RETURN_IF_ERROR(context.still_wanted());
  }
  return first;
}

std::string TransportService::DependentsFile() const {
  return JoinPath(options_.state_directory, "exchange-dependents");
}

absl::StatusOr<bool> TransportService::StaysStopped() {
  const absl::Time until = absl::Now() + options_.settle;
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const bool runs, Runs());
    if (runs) return false;
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, options_.between_looks));
  }
}

absl::Status TransportService::StopOne(const std::string& name,
                                       absl::Time deadline,
                                       const CallContext& context) {
  const absl::Time began = absl::Now();
  const absl::Status stopped =
      services_.Stop(name, deadline, Talk(context, absl::StrCat(name, " is stopping")));
  if (ReasonOf(stopped) == "SERVICE_STOP_TIMED_OUT")
    return Error(
        absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT",
        absl::StrCat(name, " was told to stop and had not after ", Seconds(absl::Now() - began),
                     "; it may still stop by itself; no queue and no setting was touched; "
                     "wait for its end, or end its process, then repeat with more time"));
  return Prepend(stopped, absl::StrCat(name, " did not stop; no queue was touched"));
}

absl::Status TransportService::StopRound(const CallContext& context) {
  absl::Status first = StopDependents(context);
  MQ_RETURN_IF_ERROR(context.still_wanted());
  // The front end first: nothing comes in any more. But what sends the spam is Transport, which is
  // told to stop whatever became of the others.
  bool front_end_hangs = false;
  if (installation_.role != Role::kEdge) {
    const absl::Time until = std::min(context.deadline, absl::Now() + options_.other_wait);
    const absl::Status stopped = StopOne(kFrontEnd, until, context);
    MQ_RETURN_IF_ERROR(context.still_wanted());
    front_end_hangs = absl::IsDeadlineExceeded(stopped);
    if (!front_end_hangs) first.Update(stopped);
    if (!stopped.ok())
      context.progress(
          absl::StrCat("warning: ", stopped.message(), "; Transport is stopped first"));
  }
  first.Update(StopOne(kTransport, context.deadline, context));
  // Slow is not stuck.
  if (front_end_hangs) first.Update(StopOne(kFrontEnd, context.deadline, context));
  return first;
}

absl::Status TransportService::StopAll(const CallContext& context) {
  // Twice: a recovery action starts it once, somebody who fights for it again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    MQ_RETURN_IF_ERROR(StopRound(context));
    MQ_ASSIGN_OR_RETURN(const bool stays, StaysStopped());
    if (stays) return absl::OkStatus();
    context.progress("Transport was started again by somebody; stopping it again");
  }
  return Error(absl::StatusCode::kAborted, "SERVICE_CAME_BACK",
               "Transport was stopped twice and runs again: something on this host starts it "
               "(Managed Availability, the service's recovery, a person); no queue was touched; "
               "end what starts it, then repeat");
}

std::vector<std::string> TransportService::Inactive(const std::vector<Component>& all) const {
  std::vector<std::string> out;
  for (const std::string& name : MailComponents(installation_.role)) {
    for (const Component& one : all) {
      if (one.name == name && !one.active()) out.push_back(name);
    }
  }
  return out;
}

absl::Status TransportService::HoldOff(const CallContext& context) {
  const absl::Time deadline = std::min(context.deadline, absl::Now() + options_.hold_wait);
  MQ_ASSIGN_OR_RETURN(const std::vector<Component> now,
                      ReadComponents(shell_, installation_.server, deadline));
  // Of a stop that is repeated the first record counts.
  const absl::StatusOr<ServiceState> transport = State(kTransport);
  if (transport.ok() && *transport == ServiceState::kRunning) {
    const std::vector<std::string> inactive = Inactive(now);
    const absl::Status written =
        inactive.empty()
            ? RemoveFile(inactive_file_)
            : WriteFileAtomically(inactive_file_, absl::StrJoin(inactive, "\n") + "\n", 0600);
    if (!written.ok())
      context.progress(
          absl::StrCat("warning: which components others hold inactive could not be "
                       "written down: ",
                       written.message()));
  }
  return hold_.Hold(now, deadline);
}

absl::Status TransportService::Stop(const CallContext& context) {
  MQ_RETURN_IF_ERROR(Runs().status());
  const absl::Status held = HoldOff(context);
  if (!held.ok())
    context.progress(
        absl::StrCat("warning: Managed Availability could not be held off and may start Transport "
                     "again: ",
                     held.message()));
  MQ_FAULT_POINT(kHeld);
  absl::Status stopped = StopAll(context);
  MQ_FAULT_POINT(kStopped);
  // One that has ended, or may still, is not to be started by Managed Availability; who looks after
  // forgotten holds lifts it once Transport runs.
  const absl::StatusOr<ServiceState> transport = State(kTransport);
  const bool runs = transport.ok() && *transport == ServiceState::kRunning;
  if (!stopped.ok() && runs && hold_.IsHeld()) {
    const absl::Status lifted = hold_.Lift(absl::Now() + options_.call_wait);
    if (!lifted.ok())
      context.progress(
          absl::StrCat("warning: ", kRecovery, " is still held inactive: ", lifted.message()));
  }
  return stopped;
}

absl::StatusOr<bool> TransportService::CheckComponents(const CallContext& context) {
  const absl::StatusOr<std::vector<Component>> all =
      ReadComponents(shell_, installation_.server, CallDeadline(context));
  if (!all.ok()) {
    context.progress(
        absl::StrCat("warning: whether Transport's components are active is not known: ",
                     all.status().message()));
    return false;
  }
  const std::vector<std::string> bad = Inactive(*all);
  if (bad.empty()) return false;
  std::vector<std::string> words;
  for (const Component& one : *all) {
    if (std::find(bad.begin(), bad.end(), one.name) != bad.end()) words.push_back(Words(one));
  }
  const std::string record = ReadFile(inactive_file_, 4096).value_or("");
  const std::vector<std::string> before = absl::StrSplit(record, '\n', absl::SkipEmpty());
  const bool new_one = std::any_of(bad.begin(), bad.end(), [&before](const std::string& name) {
    return std::find(before.begin(), before.end(), name) == before.end();
  });
  const std::string who =
      absl::StrCat(absl::StrJoin(words, ", "),
                   "; others than Mailquench hold that, and it was left so; lift it with "
                   "Set-ServerComponentState and the same requester");
  if (new_one)
    return Error(absl::StatusCode::kFailedPrecondition, "COMPONENT_INACTIVE",
                 absl::StrCat("Transport was started and takes no mail: ", who));
  context.progress(absl::StrCat(
      "warning: Transport was started and takes as little mail as before its stop: ", who));
  return true;
}

absl::Status TransportService::CheckListeners(const CallContext& context) {
  const absl::StatusOr<std::vector<std::string>> targets = listeners_();
  if (!targets.ok()) {
    context.progress(absl::StrCat("warning: the listeners are not known and were not asked: ",
                                  targets.status().message()));
    return absl::OkStatus();
  }
  const absl::Time until = std::min(context.deadline, absl::Now() + options_.ready_wait);
  for (;;) {
    MQ_RETURN_IF_ERROR(context.still_wanted());
    std::string inactive, silent;
    bool answered = targets->empty();
    for (const std::string& target : *targets) {
      MQ_ASSIGN_OR_RETURN(const DialogueResult said, Dialogue(target, DialogueRequest()));
      answered |= said.answered;
      if (IsRefusedAsInactive(said)) inactive = absl::StrCat(target, ": ", said.reply);
      if (!said.answered) silent = absl::StrCat(target, ": ", said.reply);
    }
    if (answered && inactive.empty() && silent.empty()) return absl::OkStatus();
    if (absl::Now() < until) {
      absl::SleepFor(std::min(options_.between_looks * 4, until - absl::Now()));
      continue;
    }
    if (answered && inactive.empty()) {
      context.progress(absl::StrCat("warning: a listener does not answer: ", silent));
      return absl::OkStatus();
    }
    return Error(absl::StatusCode::kFailedPrecondition,
                 inactive.empty() ? "LISTENER_DEAD" : "COMPONENT_INACTIVE",
                 absl::StrCat("Transport was started and takes no mail: ",
                              inactive.empty() ? silent : inactive,
                              "; it was left running; look at Get-ServerComponentState and at "
                              "Transport's events"));
  }
}

absl::Status TransportService::Start(const CallContext& context) {
  absl::Status started;
  for (const std::string& name : Names()) {
    started = Prepend(
        services_.Start(name, context.deadline, Talk(context, absl::StrCat(name, " is starting"))),
        absl::StrCat(name, " did not start"));
    if (!started.ok()) break;
  }
  MQ_FAULT_POINT(kStarted);
  if (started.ok()) {
    const absl::Status others = StartDependents(services_, DependentsFile(), "Transport", context);
    if (!others.ok())
      context.progress(
          absl::StrCat("warning: what depends on Transport and was stopped with it may "
                       "not run: ",
                       others.message(), "; look at the services of this host"));
  }
  // Also where the front end alone did not: Managed Availability may mend that.
  const absl::StatusOr<ServiceState> transport = State(kTransport);
  if (started.ok() || (transport.ok() && *transport == ServiceState::kRunning)) {
    const absl::Status lifted = hold_.Lift(absl::Now() + options_.call_wait);
    if (!lifted.ok())
      context.progress(absl::StrCat("warning: Managed Availability is still held off (", kRecovery,
                                    "): ", lifted.message(), "; the next call lifts it"));
  }
  MQ_RETURN_IF_ERROR(started);
  MQ_ASSIGN_OR_RETURN(const bool as_before, CheckComponents(context));
  // Its listeners say 4.3.2 as they did.
  if (!as_before) MQ_RETURN_IF_ERROR(CheckListeners(context));
  RemoveFile(inactive_file_).IgnoreError();
  return absl::OkStatus();
}

void TransportService::LiftForgotten() {
  if (!hold_.IsHeld()) return;
  const absl::StatusOr<ServiceState> state = State(kTransport);
  if (!state.ok() || *state != ServiceState::kRunning) return;
  hold_.Lift(absl::Now() + options_.lift_wait).IgnoreError();  // The next call tries again.
}

std::vector<Component> TransportService::Components() {
  const auto all = ReadComponents(shell_, installation_.server, absl::Now() + options_.call_wait);
  std::vector<Component> out;
  if (!all.ok()) return out;
  std::vector<std::string> names = MailComponents(installation_.role);
  names.emplace_back(kRecovery);
  for (const std::string& name : names) {
    for (const Component& one : *all) {
      if (one.name == name) out.push_back(one);
    }
  }
  return out;
}

}  // namespace mailquench::agent::exchange
