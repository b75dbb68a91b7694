// The end of a contain: start, and a dialogue with every listener that decides.
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/operations/contain.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kContainStarted, "contain.start.after");
constexpr absl::Duration kAskStartedAgainAfter = absl::Seconds(3);
}  // namespace

// Where servers share their settings in a directory, one sees a change some seconds late.
absl::Status Executor::AskListeners(const InstanceNames& instances,
                                    v1::RelayMode mode,
                                    const CallContext& context,
                                    v1::RelayProbeResult& probe) {
  const bool late = mail_.OrganisationWide(v1::Operation::kNdrSilence);
  const absl::Time until = std::min(
      clock_.Now() + (late ? options_.verify_for : absl::ZeroDuration()), context.deadline);
  while (true) {
    absl::Status asked = AskListenersOnce(instances, mode, context, probe);
    if (ReasonOf(asked) != "STILL_OPEN" || clock_.Now() + kAskStartedAgainAfter > until)
      return asked;
    context.progress(absl::StrCat(asked.message(), "; asked again"));
    clock_.Sleep(kAskStartedAgainAfter);
  }
}

// Whether these instances have listeners that could have been asked. Told only where they are all
// of the host: a mail system names its listeners as a whole.
bool Executor::HasListeners(const InstanceNames& instances) {
  const auto all = mail_.Status({});
  if (!instances.empty() && all.ok() && all->instances_size() > static_cast<int>(instances.size()))
    return false;
  const auto inventory = mail_.Inspect();
  return !inventory.ok() || !inventory->listeners.empty();
}

absl::Status Executor::AskListenersOnce(const InstanceNames& instances,
                                        v1::RelayMode mode,
                                        const CallContext& context,
                                        v1::RelayProbeResult& probe) {
  v1::RelayProbe request;
  request.mutable_instances()->Assign(instances.begin(), instances.end());
  request.set_skip_auth(true);  // Servers answer a failed login late; relay.probe asks that.
  MQ_ASSIGN_OR_RETURN(probe, Persistently(context, [&] { return mail_.Probe(request, context); }));
  int answered = 0;
  std::vector<std::string> open;
  for (const v1::ListenerProbe& listener : probe.listeners()) {
    answered += listener.verdict() != v1::RELAY_VERDICT_UNKNOWN ? 1 : 0;
    // Under LISTED this host itself may be one of the listed clients, so that an inside answer
    // proves nothing.
    if (listener.verdict() == v1::RELAY_VERDICT_OPEN && mode != v1::RELAY_MODE_LISTED)
      open.push_back(listener.target());
  }
  if (!open.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "STILL_OPEN",
                 absl::StrCat("after the lock a dialogue could still relay through ",
                              absl::StrJoin(open, ", ")));
  if (answered == 0 && (probe.listeners_size() > 0 || HasListeners(instances)))
    return Error(absl::StatusCode::kFailedPrecondition, "NO_LISTENER_ANSWERS",
                 "after the lock no listener answered an SMTP dialogue");
  return absl::OkStatus();
}

absl::Status Executor::StartAndVerify(const ContainUnit& unit,
                                      v1::ContainResult& result,
                                      const CallContext& given) {
  // Swept and locked: it is ended, also where the time for it is over.
  const CallContext context = ToRepair(given);
  context.progress("starting");
  const absl::Time step = clock_.Now();
  const auto started =
      Persistently(context, [&] { return mail_.Start(unit.was_running, context); });
  *result.mutable_start_time() =
      TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(clock_.Now() - step));
  MQ_FAULT_POINT(kContainStarted);
  absl::Status verdict = started.status();
  if (verdict.ok()) {
    context.progress("asking every listener");
    verdict =
        AskListeners(unit.was_running, unit.request().mode(), context, *result.mutable_probe());
  }
  verdict = WithNotices(verdict, unit.was_running, context);
  if (verdict.ok()) return absl::OkStatus();
  // It takes no mail because somebody made it so: an open relay is none of its troubles.
  if (ReasonOf(verdict) == "COMPONENT_INACTIVE") {
    absl::Status out = Prepend(
        verdict, "swept and locked, and the lock stays; the service runs, but takes no mail");
    RaiseAlarm(unit.chosen, std::string(out.message()));
    EndLeasesOf(unit.chosen);
    return out;
  }
  // Whether it relays could not be told, nor could settings be put back: it is stopped behind its
  // lock, and the end of a lease tries again.
  if (absl::IsUnavailable(verdict)) {
    const absl::Status ended = mail_.Stop(unit.was_running, context).status();
    absl::Status out = Prepend(
        verdict, absl::StrCat("swept and locked, and the lock stays, but the start could not be "
                              "verified; the service ",
                              ended.ok() ? "stays stopped" : "could NOT be stopped"));
    RaiseAlarm(unit.chosen, std::string(out.message()));
    return out;
  }
  // Neither open nor dead: the settings go back to what they were and the host stays stopped, with
  // its queues set aside.
  const absl::Status stopped = mail_.Stop(unit.was_running, context).status();
  // What each round changed, the last first.
  const auto roll_back = [&](const char* change) {
    absl::Status out;
    for (int round = unit.round; round > 0; --round)
      out.Update(RollBack(absl::StrCat(unit.id(), ".", unit.Step(change, round)), context));
    return out;
  };
  absl::Status back = roll_back("silence");
  if (back.ok()) result.clear_silence();  // Nothing of it is owed any more.
  const absl::Status unlocked = roll_back("lock");
  if (unlocked.ok()) result.clear_lock();
  back.Update(unlocked);
  absl::Status out =
      Prepend(verdict, absl::StrCat("the start could not be verified; the settings were ",
                                    back.ok() ? "put back as they were" : "NOT all put back",
                                    ", the service ",
                                    stopped.ok() ? "stays stopped" : "could NOT be stopped",
                                    ", the queues stay set aside"));
  RaiseAlarm(unit.chosen, std::string(out.message()));
  EndLeasesOf(unit.chosen);
  return out;
}

}  // namespace mailquench::agent
