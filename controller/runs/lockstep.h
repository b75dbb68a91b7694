// Barriers of a run: all hosts of a group end a step before any of them begins the next. Pure
// functions over the run, so that a restart comes to the same answer; any thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_LOCKSTEP_H_
#define MAILQUENCH_CONTROLLER_RUNS_LOCKSTEP_H_

#include <functional>
#include <string>
#include <vector>

#include "controller/runs/groups.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// What the run itself does not know.
struct BarrierView {
  std::function<bool(const v1::HostStep& step)> final;  // It will not change any more.
  std::function<bool(const std::string& host_id)> online;
  // Who shares this one's transport group and is not in the run: the fleet's active hosts, and
  // servers that have no agent.
  std::function<std::vector<std::string>(const v1::RunHost& host)> missing;
  // Why the host will be refused the step whatever its group does; "": nothing is known.
  std::function<std::string(const v1::RunHost& host)> hindered;
  // Why the host's organisation keeps copies although shadow.suspend is outstanding; "": it is not.
  std::function<std::string(const v1::RunHost& host)> copies;
};

struct Barrier {
  enum class Kind {
    kOpen,
    kWait,        // `why`: "waits for ex2 (stop)".
    kBroken,      // Another host's step went wrong. `why`: the whole sentence.
    kIncomplete,  // The group cannot begin, and nothing was touched on any of its hosts.
  };
  Kind kind = Kind::kOpen;
  std::string why;
};

// Whether `host`, which has ended all steps before it, may begin `step`. Hosts without an agent
// take no part. The rules, in their order:
//  - a step waits until every host of a group of an earlier lockstep step has ended that one;
//  - where one of them ended it badly, no other begins a further step in lockstep of that group
//    (but for continue_on_failure, and where no copies are kept); steps after those go on;
//  - the first step of a group begins when all of its hosts in the run are there. Where one will
//    not come, or the fleet knows one of the transport group that is not in the run, it is refused;
//  - where others keep copies of the host's mail, nothing is begun of a playbook that empties its
//    queue before all of them were swept in lockstep `transport`;
//  - where one of them has started alone before all were swept, none is started by the run. Each
//    is still asked for its parts up to that: what its agent did alone is known by then.
Barrier LookAtBarrier(const v1::Run& run,
                      const v1::RunHost& host,
                      int step,
                      const BarrierView& view);

// Whether the group that binds the host at `step` has begun in the run: its hosts are waited for
// longer then, since the others are stopped. Where no copies are kept: whether the host itself has.
bool GroupBegun(const v1::Run& run, const v1::RunHost& host, int step);
// The last contain step that was sent, where it was a part that went well and whose lease has not
// ended since; null: the host is not held by one.
const v1::HostStep* HeldBy(const v1::Run& run, const v1::RunHost& host);

// The step whose lease ended without its agent being able to end the contain, so that nothing
// starts the host any more; null: there is none, or a later contain or start of the run went well.
const v1::HostStep* LeftForGood(const v1::Run& run, const v1::RunHost& host);

// The whole command that takes up again what this host's group was left in, with the lock of the
// last contain step that was sent to it.
std::string ContainAgain(const v1::Run& run, const v1::RunHost& host);

// Of a host that a part of a contain has left stopped: how long it stays so and what to do, as one
// clause; "" where none has.
std::string StaysStopped(const v1::Run& run, const v1::RunHost& host);

// Whether the lease that `step` of this host holds is renewed while the host is heard. One of a
// part of a contain only as long as the run may go on with that host: then it runs out, and the
// agent does the rest alone.
bool RenewsLease(const v1::Run& run, const v1::RunHost& host, int step);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_LOCKSTEP_H_
