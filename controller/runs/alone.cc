#include "controller/runs/alone.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/runs/engine.h"
#include "controller/runs/groups.h"
#include "controller/runs/lockstep.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// A host that started by itself.
struct Start {
  int told = 0;  // By its report of this step.
  std::optional<absl::Time> time;
};

std::string ClockText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%H:%M:%S UTC", TimeOf(time), absl::UTCTimeZone());
}

// One that its own report shows to have been left stopped has not started.
std::optional<Start> StartOf(const v1::RunHost& host) {
  std::optional<Start> start;
  for (const v1::HostStep& step : host.steps()) {
    const v1::LeaseEnd& end = step.lease_end();
    const bool started = end.last().result().contain().has_start_time();
    if (started && end.has_begin_time()) return Start{step.step(), TimeOf(end.begin_time())};
    if (start.has_value() || !step.report().result().contain().ended_alone()) continue;
    if (end.ended() && !started) return std::nullopt;
    start = Start{step.step(), std::nullopt};
    if (step.report().result().contain().has_lease_end_time())
      start->time = TimeOf(step.report().result().contain().lease_end_time());
  }
  return start;
}

// Whether the host was swept, with its group or alone, before `start`. Hosts' clocks are compared,
// as their agents do at their leases' ends.
bool SweptBy(const v1::Run& run, const v1::RunHost& host, const Start& start) {
  for (const v1::HostStep& one : host.steps()) {
    if (one.lease_end().has_swept_time() && start.time.has_value() &&
        TimeOf(one.lease_end().swept_time()) <= *start.time)
      return true;
    const v1::PlaybookStep& step = run.playbook().steps(one.step());
    const v1::OperationReport& report = one.report();
    if (step.lockstep() != kTransportLockstep ||
        step.operation().contain().until() != v1::CONTAIN_UNTIL_SWEPT ||
        !WentWell(report.outcome()))
      continue;
    // Its agent's word that it had been swept before it was asked, at a time that the lease's end
    // alone tells. A report of its own sweep stays one, however its lease ended.
    if (report.result().contain().ended_alone() && !one.has_lease_end()) continue;
    if (start.time.has_value() && report.has_end_time() ? TimeOf(report.end_time()) <= *start.time
                                                        : one.step() < start.told)
      return true;
  }
  return false;
}

}  // namespace

const v1::HostStep* EndedAlone(const v1::RunHost& host) {
  const auto ended =
      std::find_if(host.steps().begin(), host.steps().end(),
                   [](const v1::HostStep& step) { return step.lease_end().ended(); });
  return ended == host.steps().end() ? nullptr : &*ended;
}

std::string WhatItDidAlone(const v1::Run& run, const v1::RunHost& host) {
  const v1::HostStep* last = nullptr;
  for (const v1::HostStep& step : host.steps()) {
    if (step.has_lease_end()) last = &step;
  }
  if (last == nullptr || HeldBy(run, host) != nullptr) return "";
  const v1::LeaseEnd& end = last->lease_end();
  if (!end.ended()) {
    // One that was to be started says itself what became of that.
    const bool stays =
        LeftForGood(run, host) == last && !end.last().result().contain().has_start_time();
    return absl::StrCat("when its lease ended, ", host.name(),
                        " could not do the rest by itself: ", end.last().error().message(),
                        stays ? "; it stays stopped, and no lease starts it any more" : "");
  }
  return absl::StrCat(host.name(),
                      end.last().result().contain().has_start_time()
                          ? " swept, locked and started by itself"
                          : " swept and locked by itself, and was not started,",
                      " when its lease ended",
                      end.last().has_end_time()
                          ? absl::StrCat(" (at ", ClockText(end.last().end_time()), ")")
                          : "");
}

std::string StartedTooEarly(const v1::Run& run, const v1::RunHost& host, int number) {
  for (int i = 0; i < number; ++i) {
    const v1::PlaybookStep& step = run.playbook().steps(i);
    const std::string key = GroupKey(step, host);
    if (key.empty() || step.lockstep() != kTransportLockstep) continue;
    for (const v1::RunHost& alone : run.hosts()) {
      if (GroupKey(step, alone) != key) continue;
      const std::optional<Start> start = StartOf(alone);
      if (!start.has_value()) continue;
      for (const v1::RunHost& other : run.hosts()) {
        if (other.host_id() == alone.host_id() || GroupKey(step, other) != key ||
            SweptBy(run, other, *start))
          continue;
        const std::string stays = StaysStopped(run, host);
        const std::string did = stays.empty() ? WhatItDidAlone(run, host) : stays;
        return absl::StrCat(alone.name(), " has started alone when its lease ended, and ",
                            other.name(), " of the same group ", GroupWord(step, host),
                            " was not swept by then, so that mail of ", alone.name(),
                            " may have come back from there; ", host.name(), " goes no further; ",
                            did.empty() ? "" : absl::StrCat(did, "; "),
                            "run contain again for all of the group: ", ContainAgain(run, host));
      }
    }
  }
  return "";
}

}  // namespace mailquench::controller
