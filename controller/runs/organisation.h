// What all hosts of an organisation share is changed by one of them: its hosts elect it when the
// plan is made, and the run keeps to it. Pure functions over the run; any thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_ORGANISATION_H_
#define MAILQUENCH_CONTROLLER_RUNS_ORGANISATION_H_

#include <functional>
#include <string>

#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// What the run itself does not know.
struct OrganisationView {
  std::function<bool(const v1::HostStep& step)> final;  // It will not change any more.
  std::function<bool(const v1::HostStep& step)> asked;  // Its command has left, as far as known.
  std::function<bool(const std::string& host_id)> online;
  // The host says of this operation that it changes the whole organisation. Whether it can do it at
  // the moment is another question: one that cannot must not act for itself beside the elected one.
  std::function<bool(const std::string& host_id, const v1::Operation& operation)> wide;
  std::function<bool(const std::string& host_id, const v1::Operation& operation)> able;
};

struct Share {
  enum class Kind {
    kOwn,        // The host does the step. `why`: what to know beside it, or "".
    kWait,       // For the elected one. `why`: "waits for ex1 (suspend)".
    kElsewhere,  // Nothing is to be done here. `why` says who does it.
    kLeft,       // The elected one did not do it, and nobody repeats it blindly. `why` says all.
  };
  Kind kind = Kind::kOwn;
  std::string why;
};

// Whether `host` does `step`, which it may begin otherwise. A contain is done by every host, but
// those that were not elected begin it only after the elected one has, so that another one can
// still take over what that one was never asked for. A restore is each host's own: it puts back
// what that host recorded.
Share LookAtShare(const v1::Run& run,
                  const v1::RunHost& host,
                  int step,
                  const OrganisationView& view);

// Who takes over from `host`, which is elected and was never asked to do `step`: an id; "" where
// the organisation waits for nothing of it, or where no other one is left.
std::string NextToAct(const v1::Run& run,
                      const v1::RunHost& host,
                      int step,
                      const OrganisationView& view);

// The step, or one after it, changes what the host's organisation shares.
bool ConcernsOrganisation(const v1::Run& run,
                          const v1::RunHost& host,
                          int step,
                          const OrganisationView& view);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_ORGANISATION_H_
