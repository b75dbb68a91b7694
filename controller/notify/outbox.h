// The outbox of one channel: its thread, and when it tries again.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_OUTBOX_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_OUTBOX_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/notify/channel.h"
#include "controller/notify/notices.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// One notice after the other: the worst first, then the oldest. After a failure the whole channel
// rests, longer each time, so that one that is down is asked by one notice at a time, however many
// wait: by each severity in its turn, and in it by what was tried least. So neither one notice that
// never gets through nor many of one severity hold up the others, and a channel that is well again
// has its worst notice next. Thread-safe.
class Outbox {
 public:
  using Log = std::function<void(const std::string&)>;
  Outbox(Store* store, Clock* clock, Log log, const ChannelConfig& channel, NotifyOptions pace);
  ~Outbox();  // Stop()

  // For the next delivery. `pace`: all but its channels.
  void Configure(const ChannelConfig& channel, const NotifyOptions& pace);
  void Begin();
  void Wake();
  void AskToStop();  // Without waiting for it.
  void Stop();       // A delivery that goes on is broken off.

  // Gives up what waits for this channel and is chosen, from the oldest to the first that is not.
  // `why`: one sentence; empty: the last error stays. Returns how many there were.
  static absl::StatusOr<int> GiveUpOpen(Store* store,
                                        const std::string& channel,
                                        absl::Time now,
                                        const std::function<bool(const v1::Notice&)>& which,
                                        const std::string& why);

 private:
  void Run();
  // Pass(); what it throws is logged, once until a look goes well, and the outbox goes on, later
  // each time: what it threw at may have been delivered.
  absl::Duration PassSafely();
  void Threw(const char* what);
  // What is tried now, the first first. Where the channel fails the first alone is.
  absl::StatusOr<std::vector<DueNotice>> Next(absl::Time now);
  bool Disturbed();  // Something new waits, or is configured.
  // How long to wait before the next look; the store and the network are used without mu_.
  absl::Duration Pass();
  absl::Status Take(const DueNotice& due, const Outcome& outcome, absl::Time now);
  absl::Status Keep(const std::string& notice_id, const v1::NoticeDelivery& delivery);
  void KeepUnkept();
  void Failed(const DueNotice& due, const Outcome& outcome, absl::Time now);
  void GiveUpOld(absl::Time now);
  absl::Duration BackOff(std::int64_t failures) const;

  Store* const store_;
  Clock* const clock_;
  const Log log_;
  const std::string name_;

  std::mutex mu_;
  std::condition_variable changed_;
  ChannelConfig next_channel_;  // Guarded by mu_, as all to the thread.
  NotifyOptions next_pace_;
  bool woken_ = false;
  bool fresh_ = false;  // Configured anew: what rests is tried at once.
  std::thread thread_;
  std::atomic<bool> stopping_ = false;

  // Of the thread alone.
  ChannelConfig channel_;
  NotifyOptions pace_;
  std::int64_t failures_ = 0;                // In a row,
  std::map<int, std::int64_t> failures_of_;  // and of each severity's rank.
  absl::Time rest_until_ = absl::InfinitePast();
  bool store_failed_ = false;
  int throws_ = 0;  // In a row.
  // What came of deliveries and could not be written down: they are not done again.
  std::map<std::string, v1::NoticeDelivery> unkept_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_OUTBOX_H_
