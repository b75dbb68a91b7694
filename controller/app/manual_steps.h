// The steps of hosts without an agent, between those who do them and the runs that wait for them.
#ifndef MAILQUENCH_CONTROLLER_APP_MANUAL_STEPS_H_
#define MAILQUENCH_CONTROLLER_APP_MANUAL_STEPS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/fleet/hosts.h"
#include "controller/manual/guide.h"
#include "controller/manual/instructions.h"
#include "controller/runs/engine.h"
#include "controller/store/store.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// Thread-safe. All pointers outlive it.
class ManualSteps {
 public:
  ManualSteps(Store* store, Hosts* hosts, RunEngine* engine, const Guide* guide, Clock* clock)
      : store_(store), hosts_(hosts), engine_(engine), guide_(guide), clock_(clock) {}

  // What waits for a person, with what to do. kNotFound/RUN_NOT_FOUND.
  absl::StatusOr<v1::ListManualStepsResponse> List(const v1::ListManualStepsRequest& request);

  // A confirmation that was looked at, and what it is about.
  struct Said {
    std::string run_id, host_id;
    int step = 0;
    v1::Operation operation;  // A restore: of the records that the person was shown, and no others.
    v1::OperationReport report;
  };
  // Errors: kNotFound (run, host, step), kInvalidArgument/BAD_CONFIRMATION,
  // kFailedPrecondition/NOT_BY_HAND.
  absl::StatusOr<Said> Look(const v1::ConfirmManualStepRequest& request, const std::string& actor);

  // Says in a dry run what a person would be asked for. Touches nothing.
  void Plan(v1::Plan* plan);

 private:
  HandOrder OrderOf(const v1::Run& run, const v1::RunHost& host, const v1::HostStep& step);
  void FillFromStore(const std::string& host_id, absl::Time since, HandOrder* order);
  v1::ManualStep Describe(const v1::Run& run, const v1::RunHost& host, const v1::HostStep& step);

  Store* const store_;
  Hosts* const hosts_;
  RunEngine* const engine_;
  const Guide* const guide_;
  Clock* const clock_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_MANUAL_STEPS_H_
