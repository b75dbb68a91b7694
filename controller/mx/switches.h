// Switches of mail routes, from the plan to the last cache: each record's state is in the store
// before anything is sent, so that a restart goes on where it was.
#ifndef MAILQUENCH_CONTROLLER_MX_SWITCHES_H_
#define MAILQUENCH_CONTROLLER_MX_SWITCHES_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/mx/options.h"
#include "controller/mx/preflight.h"
#include "controller/mx/primaries.h"
#include "controller/store/store.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

// What a switch needs of the rest of the controller. Any of them may be null.
struct SwitchHands {
  PreflightHands preflight;
  // A person owes this to the incident: once for each `duty_id`, whose text may change while it is
  // owed. The first error is the caller's.
  std::function<absl::Status(
      const std::string& incident_id, const std::string& duty_id, const std::string& text)>
      owe;
  std::function<absl::Status(
      const std::string& incident_id, const std::string& duty_id, const std::string& reason)>
      forgive;
  // A person is told; the same notice_id again does nothing.
  std::function<absl::Status(const v1::Notice&)> tell;
};

// Thread-safe. What is given outlives it. Calls block on DNS but for Get, List, Next and Note; none
// holds up another one's. Errors: as mx.proto has them, the store's.
class Switches {
 public:
  Switches(Store* store, Clock* clock, Options options, SwitchHands hands);
  ~Switches();

  absl::Status Open();  // Takes up what the store has.
  // Threads drive the switches from now on, each of them one at a time, so that one that is slow
  // holds up no other. Ends with Stop().
  void Begin();
  void Stop();
  // One pass over all that is open, as those threads do it. How long until there is more to do.
  absl::Duration Pass();

  absl::StatusOr<v1::DomainView> Show(const v1::ShowDomainRequest& request) const;
  absl::StatusOr<v1::PreflightReport> Preflight(const v1::PreflightRequest& request,
                                                const std::string& actor) const;
  absl::StatusOr<v1::MxSwitch> Plan(const v1::PlanSwitchRequest& request, const std::string& actor);
  absl::StatusOr<v1::MxSwitch> Start(const v1::StartSwitchRequest& request,
                                     const std::string& actor);
  absl::StatusOr<v1::MxSwitch> Revert(const v1::RevertSwitchRequest& request,
                                      const std::string& actor);
  absl::StatusOr<v1::MxSwitch> Waive(const v1::WaiveCheckRequest& request,
                                     const std::string& actor);
  absl::StatusOr<v1::MxSwitch> Note(const v1::NoteRecordRequest& request, const std::string& actor);
  // Wherever a switch is named: its id, or the beginning of it.
  absl::StatusOr<v1::MxSwitch> Get(const std::string& switch_id);
  absl::StatusOr<v1::ListSwitchesResponse> List(const v1::ListSwitchesRequest& request);
  // As it is, once it is not the version `*version` (0: at once), or after `wait` at the latest.
  absl::StatusOr<v1::MxSwitch> Next(const std::string& switch_id,
                                    std::uint64_t* version,
                                    absl::Duration wait);

 private:
  using Steady = std::chrono::steady_clock;  // A clock that is set delays nothing.
  static constexpr absl::Duration kTryAgain = absl::Seconds(10);
  struct Live {
    v1::MxSwitch value;  // Guarded by mu_, as all of it.
    std::uint64_t version = 1;
    absl::Time look_time = absl::InfinitePast();   // The next look at DNS.
    absl::Time full_look = absl::InfinitePast();   // The last at all of its records,
    bool all_hold = false;                         // and whether those seen were there then.
    std::map<int, int> misses;                     // By record: looks in a row with no answer.
    absl::Time retry_time = absl::InfinitePast();  // Of what could not be sent.
    std::set<std::string> told;                    // Ids of notices; after a start told again.
    bool busy = false;                             // A driver has it,
    bool woken = false;                            // and there is more to do at once.
    Steady::time_point due;                        // When a driver shall have it; at first: now.
    std::mutex start_mu;  // One start at a time: it looks before it changes. Not guarded by mu_.
  };
  using LivePtr = std::shared_ptr<Live>;
  using Change = std::function<absl::Status(v1::MxSwitch*)>;

  v1::MxSwitch Shown(const Live& live) const;  // Under the lock.
  absl::StatusOr<LivePtr> Find(const std::string& switch_id);
  // Writes all but the records, and of those the changed ones, at once.
  absl::Status Edit(const LivePtr& live, const Change& change);
  // False of the change: nothing is written.
  absl::Status EditRecord(
      const LivePtr& live,
      int position,
      const std::function<bool(const v1::MxSwitch&, v1::SwitchRecord*)>& change);
  void Say(v1::MxSwitch* value, const std::string& actor, const std::string& text) const;

  absl::Status RoomForPlan() const;  // Under the lock.
  absl::StatusOr<std::vector<v1::Check>> CheckAgain(const v1::MxSwitch& value) const;
  absl::Status OweOldAddress(const v1::MxSwitch& value, const std::string& when);

  // The drivers (switch_drive.cc, switch_send.cc, switch_look.cc, switch_advance.cc).
  void Drive();  // What each driver does until Stop().
  absl::Duration PassOf(const LivePtr& live);
  absl::Status Step(const LivePtr& live, absl::Duration* wait);
  absl::Status SendAll(const LivePtr& live, v1::SwitchState state, bool* stopped);
  enum class Sent {
    kSent,
    kFailed,
    kUnknown,  // To be sent again.
    kTurned,   // A person has turned the switch round meanwhile.
  };
  absl::StatusOr<Sent> SendOne(const LivePtr& live, int position, v1::SwitchState state);
  absl::Status SendByHook(const std::string& id,
                          const v1::SwitchRecord& record,
                          const Zone& zone,
                          Primaries* primaries,
                          v1::RecordState* reached);
  absl::StatusOr<Sent> Outcome(const LivePtr& live,
                               int position,
                               v1::SwitchState state,
                               const absl::Status& result,
                               v1::RecordState reached);
  absl::Status Look(const LivePtr& live);
  absl::Status Advance(const LivePtr& live, absl::Duration* wait);
  absl::Status ConcludeBack(const LivePtr& live, const v1::MxSwitch& value);
  absl::Status TellOfTrouble(const LivePtr& live);
  void Crashed(const absl::Status& why) const;

  Store* const store_;
  Clock* const clock_;
  const Options options_;
  const SwitchHands hands_;
  mutable std::mutex mu_;
  std::condition_variable changed_;      // Somebody may see something else.
  std::condition_variable due_;          // A driver may have something to do.
  std::map<std::string, LivePtr> live_;  // Those that are open.
  std::atomic<bool> stopping_ = false;   // Set under mu_.
  std::vector<std::thread> drivers_;
};

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SWITCHES_H_
