#include "controller/notify/outbox.h"

#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "controller/notify/kinds.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {
MQ_DEFINE_FAULT_POINT(kDelivered, "notices.delivered");

constexpr int kBatch = 50;
constexpr int kGiveUpBatch = 500;
// Of real time, also under a test's clock. A look is one read of an index.
constexpr absl::Duration kLook = absl::Milliseconds(250);
constexpr absl::Duration kStoreRest = absl::Seconds(1);
constexpr absl::Duration kLongestThrowRest = absl::Minutes(1);
constexpr absl::Duration kLongestWait = absl::Hours(1);  // That a receiver may ask for.

int RankOf(const DueNotice& due) {
  return SeverityRank(due.notice.severity());
}

// With the time at which it was: checks and metrics ask for those of the last day.
void GiveUp(v1::NoticeDelivery& delivery, absl::Time now) {
  delivery.set_given_up(true);
  delivery.clear_next_try_time();
  StampTime(now, delivery.mutable_give_up_time());
}
}  // namespace

Outbox::Outbox(
    Store* store, Clock* clock, Log log, const ChannelConfig& channel, NotifyOptions pace)
    : store_(store),
      clock_(clock),
      log_(std::move(log)),
      name_(channel.name),
      next_channel_(channel),
      next_pace_(std::move(pace)) {}

Outbox::~Outbox() {
  Stop();
}

void Outbox::Configure(const ChannelConfig& channel, const NotifyOptions& pace) {
  const std::lock_guard<std::mutex> lock(mu_);
  next_channel_ = channel;
  next_pace_ = pace;
  fresh_ = true;
  woken_ = true;
  changed_.notify_all();
}

void Outbox::Begin() {
  const std::lock_guard<std::mutex> lock(mu_);
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Run(); });
}

void Outbox::Wake() {
  const std::lock_guard<std::mutex> lock(mu_);
  woken_ = true;
  changed_.notify_all();
}

void Outbox::AskToStop() {
  const std::lock_guard<std::mutex> lock(mu_);
  stopping_ = true;
  changed_.notify_all();
}

void Outbox::Stop() {
  AskToStop();
  if (thread_.joinable()) thread_.join();
}

void Outbox::Run() {
  while (!stopping_) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      channel_ = next_channel_;
      pace_ = next_pace_;
      if (fresh_) rest_until_ = absl::InfinitePast();
      fresh_ = woken_ = false;
    }
    const absl::Duration wait = PassSafely();
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(wait),
                      [this] { return woken_ || stopping_; });
  }
}

absl::Duration Outbox::PassSafely() {
  try {
    const absl::Duration wait = Pass();
    throws_ = 0;
    return wait;
  } catch (const std::exception& failure) {
    Threw(failure.what());
  } catch (...) {
    Threw("what is no std::exception");
  }
  return std::min(kStoreRest * (1 << throws_), kLongestThrowRest);
}

// An exception that leaves the thread would end the controller, and all other channels with it.
void Outbox::Threw(const char* what) {
  throws_ = std::min(throws_ + 1, 10);
  if (throws_ > 1) return;
  try {
    log_(
        absl::StrCat("channel '", name_, "' failed within the controller: ", what, "; it goes on"));
  } catch (...) {  // Not even that.
  }
}

bool Outbox::Disturbed() {
  const std::lock_guard<std::mutex> lock(mu_);
  return woken_ || fresh_;
}

absl::StatusOr<std::vector<DueNotice>> Outbox::Next(absl::Time now) {
  MQ_ASSIGN_OR_RETURN(std::vector<DueNotice> due, store_->DueNotices(name_, now, kBatch));
  if (failures_ > 0) {
    MQ_ASSIGN_OR_RETURN(std::vector<DueNotice> turns, store_->LeastTriedNotices(name_, now));
    std::stable_sort(turns.begin(), turns.end(), [this](const DueNotice& a, const DueNotice& b) {
      return failures_of_[RankOf(a)] < failures_of_[RankOf(b)];
    });
    // Behind them the others, for what cannot be written down and is not done again.
    due.insert(due.begin(), turns.begin(), turns.end());
  }
  due.erase(std::remove_if(
                due.begin(), due.end(),
                [this](const DueNotice& one) { return unkept_.count(one.notice.notice_id()) > 0; }),
            due.end());
  if (failures_ > 0 && due.size() > 1) due.erase(due.begin() + 1, due.end());
  return due;
}

absl::Duration Outbox::Pass() {
  KeepUnkept();
  const absl::Time now = clock_->Now();
  // A clock that was set back must not make it rest for ever.
  if (rest_until_ > now + std::max(kLongestWait, pace_.last_retry)) rest_until_ = now;
  if (now < rest_until_) return kLook;
  const auto due = Next(now);
  if (!due.ok()) {
    if (!store_failed_)
      log_(absl::StrCat("channel '", name_, "' delivers nothing: ", due.status().message()));
    store_failed_ = true;
    return kStoreRest;
  }
  store_failed_ = !unkept_.empty();
  for (const DueNotice& one : *due) {
    // A page does not wait for the rest of a batch that was read before it.
    if (stopping_ || (&one != due->data() && Disturbed())) return absl::ZeroDuration();
    Attempt attempt;
    attempt.now = clock_->Now();
    attempt.limit = pace_.limit;
    attempt.wanted = [this] { return !stopping_; };
    attempt.delivered_to.assign(one.delivery.delivered_to().begin(),
                                one.delivery.delivered_to().end());
    const Outcome outcome = Deliver(channel_, one.notice, attempt);
    // Broken off, unless it got through all the same.
    if (stopping_ && outcome.verdict == Outcome::Verdict::kRetry && outcome.delivered_to.empty())
      return absl::ZeroDuration();
    // Also where it cannot be written down it counts: it stays in unkept_.
    static_cast<void>(Take(one, outcome, clock_->Now()));
    // The others may have been given up meanwhile.
    if (outcome.verdict == Outcome::Verdict::kRetry) return absl::ZeroDuration();
  }
  return due->empty() ? kLook : absl::ZeroDuration();
}

absl::Status Outbox::Take(const DueNotice& due, const Outcome& outcome, absl::Time now) {
  v1::NoticeDelivery delivery = due.delivery;
  delivery.set_tries(delivery.tries() + 1);
  delivery.set_error(outcome.error);
  delivery.clear_next_try_time();
  for (const std::string& one : outcome.delivered_to) delivery.add_delivered_to(one);
  const std::string about =
      absl::StrCat("notice ", due.notice.notice_id(), " (", due.notice.kind(), ")");
  switch (outcome.verdict) {
    case Outcome::Verdict::kDelivered:
      if (failures_ > 0)
        log_(absl::StrCat("channel '", name_, "' delivers again, after ", failures_, " failures"));
      failures_ = 0;
      failures_of_.clear();
      if (!outcome.error.empty())
        log_(absl::StrCat("channel '", name_, "' did not deliver ", about,
                          " to everybody: ", outcome.error));
      delivery.set_delivered(true);
      StampTime(now, delivery.mutable_deliver_time());
      MQ_FAULT_POINT(kDelivered);
      return Keep(due.notice.notice_id(), delivery);
    case Outcome::Verdict::kRefused:
      log_(absl::StrCat("channel '", name_, "' gives up ", about, ": ", outcome.error));
      GiveUp(delivery, now);
      return Keep(due.notice.notice_id(), delivery);
    case Outcome::Verdict::kRetry:
      break;
  }
  const bool was_well = failures_ == 0;
  Failed(due, outcome, now);
  // Where the channel was well before, it may be this notice that is wrong, and it makes way. Where
  // it was not, the notice is due as soon as the channel is: the worst is not to wait for its own
  // turn behind what is told meanwhile.
  const absl::Time own = now + BackOff(delivery.tries());
  StampTime(was_well ? std::max(own, rest_until_) : rest_until_, delivery.mutable_next_try_time());
  absl::Status kept = Keep(due.notice.notice_id(), delivery);
  GiveUpOld(now);
  return kept;
}

absl::Status Outbox::Keep(const std::string& notice_id, const v1::NoticeDelivery& delivery) {
  absl::Status kept = store_->PutDelivery(notice_id, delivery);
  if (kept.ok()) {
    unkept_.erase(notice_id);
    return kept;
  }
  if (unkept_.empty())
    log_(absl::StrCat("channel '", name_, "' cannot write down what became of notice ", notice_id,
                      ": ", kept.message(), "; a restart before that delivers it again"));
  unkept_[notice_id] = delivery;
  return kept;
}

void Outbox::KeepUnkept() {
  const std::map<std::string, v1::NoticeDelivery> all = unkept_;
  for (const auto& [notice_id, delivery] : all)
    if (!Keep(notice_id, delivery).ok()) return;
}

void Outbox::Failed(const DueNotice& due, const Outcome& outcome, absl::Time now) {
  ++failures_of_[RankOf(due)];
  if (++failures_ == 1)
    log_(absl::StrCat("channel '", name_, "' does not deliver: ", outcome.error,
                      "; it is tried again"));
  rest_until_ = now + std::max(BackOff(failures_), std::min(outcome.wait, kLongestWait));
}

// Once the channel has failed: with one that works, what is old is delivered all the same.
void Outbox::GiveUpOld(absl::Time now) {
  const auto count = GiveUpOpen(
      store_, name_, now,
      [&](const v1::Notice& notice) {
        return now - TimeOf(notice.time()) > pace_.give_up &&
               unkept_.count(notice.notice_id()) == 0;
      },
      "");
  if (count.ok() && *count > 0)
    log_(absl::StrCat("channel '", name_, "' gives up ", *count,
                      " notices that waited longer than ", absl::FormatDuration(pace_.give_up)));
}

absl::Duration Outbox::BackOff(std::int64_t failures) const {
  absl::Duration wait = pace_.first_retry;
  for (std::int64_t i = 1; i < failures && wait < pace_.last_retry; ++i) wait *= 2;
  return std::min(wait, pace_.last_retry);
}

absl::StatusOr<int> Outbox::GiveUpOpen(Store* store,
                                       const std::string& channel,
                                       absl::Time now,
                                       const std::function<bool(const v1::Notice&)>& which,
                                       const std::string& why) {
  int count = 0;
  while (true) {
    MQ_ASSIGN_OR_RETURN(const std::vector<DueNotice> open,
                        store->WaitingNotices(channel, kGiveUpBatch));
    int here = 0;
    MQ_RETURN_IF_ERROR(store->Transaction([&]() -> absl::Status {
      for (const DueNotice& one : open) {
        if (!which(one.notice)) continue;
        ++here;
        v1::NoticeDelivery delivery = one.delivery;
        GiveUp(delivery, now);
        if (!why.empty()) delivery.set_error(why);
        MQ_RETURN_IF_ERROR(store->PutDelivery(one.notice.notice_id(), delivery));
      }
      return absl::OkStatus();
    }));
    count += here;
    // The oldest come first: where one stays, so do those behind it, or their turn comes later.
    if (here == 0 || static_cast<std::size_t>(here) < open.size()) return count;
  }
}

}  // namespace mailquench::controller
