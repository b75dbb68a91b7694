#include "controller/notify/notices.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/identity/secrets.h"
#include "common/operation/duration.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/notify/channel.h"
#include "controller/notify/kinds.h"
#include "controller/notify/outbox.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {
constexpr int kDefaultList = 100;
constexpr int kLongestList = 10000;
constexpr absl::Duration kKept = absl::Hours(24 * 90);  // Those that wait for nothing more.
constexpr absl::Duration kPruned = absl::Hours(24);     // How often.
}  // namespace

// mu_ is never held while the store is used: Tell() may be called inside a transaction, which holds
// the store's lock.
class Notices::Impl {
 public:
  Impl(Store* store, Clock* clock, std::function<void(const std::string&)> log)
      : store_(store), clock_(clock), log_(std::move(log)) {}

  void Configure(const NotifyOptions& options) {
    const std::lock_guard<std::mutex> one_at_a_time(configuring_);
    std::vector<std::unique_ptr<Outbox>> gone;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      options_ = options;
      ++generation_;
      std::map<std::string, std::unique_ptr<Outbox>> before;
      before.swap(outboxes_);
      for (const ChannelConfig& channel : options.channels) {
        std::unique_ptr<Outbox>& outbox = outboxes_[channel.name];
        const auto known = before.find(channel.name);
        if (known != before.end()) {
          outbox = std::move(known->second);
          before.erase(known);
          outbox->Configure(channel, options);
        } else {
          outbox = std::make_unique<Outbox>(store_, clock_, log_, channel, options);
        }
        if (begun_) outbox->Begin();
      }
      for (auto& [name, outbox] : before) gone.push_back(std::move(outbox));
    }
    for (const auto& outbox : gone) outbox->AskToStop();
    gone.clear();
    GiveUpOrphans();
  }

  void Begin() {
    const std::lock_guard<std::mutex> lock(mu_);
    begun_ = true;
    for (const auto& [name, outbox] : outboxes_) outbox->Begin();
  }

  void Stop() {
    const std::lock_guard<std::mutex> one_at_a_time(configuring_);
    std::map<std::string, std::unique_ptr<Outbox>> all;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      begun_ = false;
      all.swap(outboxes_);
    }
    for (const auto& [name, outbox] : all) outbox->AskToStop();
  }

  absl::Status Tell(v1::Notice notice) {
    if (notice.notice_id().empty() || notice.kind().empty())
      return Error(absl::StatusCode::kInvalidArgument, "BAD_NOTICE",
                   "a notice has an id and a kind; nothing was told");
    if (!notice.has_time()) StampTime(clock_->Now(), notice.mutable_time());
    if (SeverityRank(notice.severity()) < 0) {
      const NoticeKind* const kind = FindNoticeKind(notice.kind());
      notice.set_severity(kind != nullptr ? kind->severity : "info");
    }
    std::vector<std::string> channels;
    std::int64_t generation = 0;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      generation = generation_;
      for (const ChannelConfig& channel : options_.channels)
        if (Wants(channel, notice)) channels.push_back(channel.name);
    }
    MQ_RETURN_IF_ERROR(
        store_->InsertNotice(notice, SeverityRank(notice.severity()), channels).status());
    bool orphans = orphans_;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      orphans |= generation != generation_;
      for (const std::string& name : channels)
        if (const auto outbox = outboxes_.find(name); outbox != outboxes_.end())
          outbox->second->Wake();
    }
    // Configured meanwhile: one of the channels may be gone.
    if (orphans) GiveUpOrphans();
    Prune();
    return absl::OkStatus();
  }

  absl::StatusOr<v1::ListNoticesResponse> List(v1::ListNoticesRequest request) {
    request.set_limit(request.limit() <= 0 ? kDefaultList
                                           : std::min(request.limit(), kLongestList));
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::NoticeRecord> records,
                        store_->NoticeRecords(request));
    v1::ListNoticesResponse response;
    for (const v1::NoticeRecord& record : records) *response.add_notices() = record;
    return response;
  }

  absl::StatusOr<v1::TestNotificationResponse> Test(const std::string& channel,
                                                    const std::string& actor) {
    NotifyOptions options;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      options = options_;
    }
    std::vector<std::string> names;
    std::vector<ChannelConfig> chosen;
    for (const ChannelConfig& one : options.channels) {
      names.push_back(one.name);
      if (channel.empty() || channel == one.name) chosen.push_back(one);
    }
    if (chosen.empty())
      return Error(absl::StatusCode::kNotFound, "CHANNEL_NOT_FOUND",
                   names.empty()
                       ? std::string("no channel is configured; nobody was told. Add one under "
                                     "'notifications' in the rules' file")
                       : absl::StrCat("there is no channel '", channel, "'; known are ",
                                      absl::StrJoin(names, ", "), "; nobody was told"));
    v1::Notice notice;
    notice.set_notice_id(absl::StrCat("test-", identity::RandomUuid()));
    notice.set_kind("test");
    notice.set_severity("info");
    notice.set_text(absl::StrCat("This is a test of Mailquench's notifications, asked for by ",
                                 actor, ". Nothing has happened."));
    notice.set_next("nothing: that you can read this is what was tested");
    StampTime(clock_->Now(), notice.mutable_time());
    const absl::Time begin = absl::Now();
    std::vector<v1::NoticeDelivery> deliveries(chosen.size());
    std::vector<std::function<void()>> tasks;
    for (std::size_t i = 0; i < chosen.size(); ++i)
      tasks.emplace_back([&, i] { deliveries[i] = TestOne(chosen[i], notice, options.limit); });
    RunTogether(tasks);
    v1::TestNotificationResponse response;
    for (const v1::NoticeDelivery& one : deliveries) *response.add_deliveries() = one;
    *response.mutable_took() = ToProtoDuration(absl::Now() - begin);
    return response;
  }

 private:
  v1::NoticeDelivery TestOne(const ChannelConfig& channel,
                             const v1::Notice& notice,
                             absl::Duration limit) {
    Attempt attempt;
    attempt.now = clock_->Now();
    attempt.limit = limit;
    attempt.answer_limit = limit;  // A person waits for it.
    const Outcome outcome = Deliver(channel, notice, attempt);
    v1::NoticeDelivery delivery;
    delivery.set_channel(channel.name);
    delivery.set_tries(1);
    delivery.set_error(outcome.error);
    for (const std::string& one : outcome.delivered_to) delivery.add_delivered_to(one);
    delivery.set_delivered(outcome.verdict == Outcome::Verdict::kDelivered);
    if (delivery.delivered()) StampTime(clock_->Now(), delivery.mutable_deliver_time());
    return delivery;
  }

  // That it fails harms nobody: the next one does it.
  void Prune() {
    const absl::Time now = clock_->Now();
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (now - last_prune_ < kPruned) return;
      last_prune_ = now;
    }
    if (const absl::Status pruned = store_->PruneNotices(now - kKept); !pruned.ok())
      log_(absl::StrCat("old notices were not removed: ", pruned.message()));
  }

  void GiveUpOrphans() {
    orphans_ = false;
    const auto open = store_->ChannelsWithOpenDeliveries();
    absl::Status failed = open.status();
    for (const std::string& name : open.value_or(std::vector<std::string>())) {
      {
        const std::lock_guard<std::mutex> lock(mu_);
        if (std::any_of(options_.channels.begin(), options_.channels.end(),
                        [&](const ChannelConfig& one) { return one.name == name; }))
          continue;
      }
      const auto count = Outbox::GiveUpOpen(
          store_, name, clock_->Now(), [](const v1::Notice&) { return true; },
          "the channel is not in the configuration any more");
      failed.Update(count.status());
      if (count.ok() && *count > 0)
        log_(absl::StrCat("channel '", name, "' is not in the configuration any more: ", *count,
                          " notices for it are given up"));
    }
    if (failed.ok()) return;
    orphans_ = true;  // Tried again at the next notice.
    log_(absl::StrCat("notices for channels that are gone stay open: ", failed.message()));
  }

  Store* const store_;
  Clock* const clock_;
  const std::function<void(const std::string&)> log_;
  std::mutex configuring_;
  std::mutex mu_;
  NotifyOptions options_;  // Guarded by mu_, as all below but orphans_.
  std::int64_t generation_ = 0;
  bool begun_ = false;
  absl::Time last_prune_ = absl::InfinitePast();
  std::map<std::string, std::unique_ptr<Outbox>> outboxes_;
  std::atomic<bool> orphans_ = false;
};

Notices::Notices(Store* store, Clock* clock, std::function<void(const std::string&)> log)
    : impl_(std::make_unique<Impl>(store, clock, std::move(log))) {}
Notices::~Notices() {
  Stop();
}
void Notices::Configure(const NotifyOptions& options) {
  impl_->Configure(options);
}
void Notices::Begin() {
  impl_->Begin();
}
void Notices::Stop() {
  impl_->Stop();
}
absl::Status Notices::Tell(const v1::Notice& notice) {
  return impl_->Tell(notice);
}
absl::StatusOr<v1::ListNoticesResponse> Notices::List(const v1::ListNoticesRequest& request) {
  return impl_->List(request);
}
absl::StatusOr<v1::TestNotificationResponse> Notices::Test(const std::string& channel,
                                                           const std::string& actor) {
  return impl_->Test(channel, actor);
}

}  // namespace mailquench::controller
