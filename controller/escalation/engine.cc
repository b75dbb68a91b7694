// Its threads, its inbox and its configuration.
#include "controller/escalation/engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/status/error.h"
#include "controller/escalation/alerts.h"

namespace mailquench::controller {
namespace {

constexpr const char* kPause = "escalation.pause";
constexpr std::size_t kRemembered = 100000;                 // Event keys.
constexpr absl::Duration kLongest = absl::Seconds(30);      // Between two passes.
constexpr absl::Duration kAfterFailure = absl::Seconds(1);  // Of a pass, at least.

}  // namespace

struct Escalator::Batch {
  std::vector<AlertEvent> events;
  std::condition_variable ended;  // Of this batch alone: many wait, and a wake-up of all costs.
  bool done = false;
  absl::Status status;
  std::vector<bool> fresh;
};

bool IsFinal(v1::EscalationState state) {
  return state >= v1::ESCALATION_STATE_RESOLVED;
}

Escalator::Escalator(Store* store,
                     EscalationHands* hands,
                     Notices* notices,
                     AlertSources* sources,
                     Clock* clock,
                     EscalatorOptions options)
    : store_(store),
      hands_(hands),
      notices_(notices),
      sources_(sources),
      clock_(clock),
      options_(std::move(options)),
      config_(std::make_shared<EscalationConfig>()) {}

Escalator::~Escalator() {
  Stop();
}

std::shared_ptr<const EscalationConfig> Escalator::Config() {
  const std::lock_guard<std::mutex> lock(config_mu_);
  return config_;
}

void Escalator::Install(EscalationConfig config) {
  notices_->Configure(config.notify);
  const std::lock_guard<std::mutex> lock(config_mu_);
  config_ = std::make_shared<const EscalationConfig>(std::move(config));
  load_error_.clear();
  load_time_ = clock_->Now();
}

absl::Status Escalator::Load() {
  if (options_.file.empty()) return absl::OkStatus();
  absl::StatusOr<EscalationConfig> config = LoadEscalation(options_.file);
  if (config.ok()) {
    Install(*std::move(config));
    return absl::OkStatus();
  }
  const std::lock_guard<std::mutex> lock(config_mu_);
  load_error_ = std::string(config.status().message());
  return config.status();
}

OwnWatchRules Escalator::OwnRules() {
  return Config()->rules.own;
}

Escalator::Pause Escalator::PauseOfNow() {
  Pause pause;
  const absl::StatusOr<std::string> kept = store_->FindValue(kPause);
  // What cannot be read may say that nothing is to start.
  if (!kept.ok()) return {true, "", "the store could not be read"};
  const nlohmann::json json = nlohmann::json::parse(*kept, nullptr, false);
  if (!json.is_object()) return pause;
  pause.paused = json.value("paused", false);
  pause.by = json.value("by", "");
  pause.reason = json.value("reason", "");
  return pause;
}

bool Escalator::Paused() {
  return PauseOfNow().paused;
}

absl::StatusOr<v1::GetRulesResponse> Escalator::SetPause(const v1::SetPauseRequest& request,
                                                         const std::string& actor) {
  const nlohmann::json json = {
      {"paused", request.paused()}, {"by", actor}, {"reason", request.reason()}};
  MQ_RETURN_IF_ERROR(hands_->AuditFor(
      actor, request.paused() ? "escalation.pause" : "escalation.resume", json.dump()));
  MQ_RETURN_IF_ERROR(store_->PutValue(kPause, json.dump()));
  v1::Notice notice;
  notice.set_kind("paused");
  const std::int64_t at = absl::ToUnixMillis(clock_->Now());
  notice.set_notice_id("pause:" + std::to_string(at));
  notice.mutable_time()->set_seconds(at / 1000);
  notice.set_text(
      actor +
      (request.paused() ? " paused automation: nothing starts by itself" : " resumed automation") +
      (request.reason().empty() ? "" : " (" + request.reason() + ")"));
  notices_->Tell(notice).IgnoreError();
  Wake();
  return GetRules();
}

// ---- Taking in

absl::StatusOr<AlertInbox::Taken> Escalator::Take(const std::vector<v1::Alert>& alerts) {
  Taken taken;
  std::vector<AlertEvent> events;
  std::set<std::string> mine;
  std::unique_lock<std::mutex> lock(take_mu_);
  for (const v1::Alert& alert : alerts) {
    std::string key = EventKey(alert);
    if (durable_.count(key) > 0 || !mine.insert(key).second) {
      ++taken.duplicates;
    } else {
      events.push_back({std::move(key), alert});
    }
  }
  if (events.empty()) return taken;
  const bool leads = gathering_ == nullptr;
  if (leads) gathering_ = std::make_shared<Batch>();
  const std::shared_ptr<Batch> batch = gathering_;
  const std::size_t first = batch->events.size();
  const std::size_t count = events.size();
  std::move(events.begin(), events.end(), std::back_inserter(batch->events));
  if (!leads) {
    batch->ended.wait(lock, [&] { return batch->done; });
  } else {
    taken_.wait(lock, [&] { return !committing_; });
    committing_ = true;
    gathering_ = nullptr;  // Those that come meanwhile are the next batch.
    lock.unlock();
    absl::StatusOr<std::vector<bool>> fresh = store_->InsertAlerts(batch->events);
    lock.lock();
    batch->status = fresh.status();
    if (fresh.ok()) {
      batch->fresh = *std::move(fresh);
      if (durable_.size() + batch->events.size() > kRemembered) durable_.clear();
      for (const AlertEvent& event : batch->events) durable_.insert(event.event_key);
    }
    batch->done = true;
    committing_ = false;
    batch->ended.notify_all();
    taken_.notify_one();  // The one that leads the next batch.
  }
  if (!batch->status.ok()) return batch->status;
  bool any = false;
  for (std::size_t i = first; i < first + count; ++i) {
    const bool is_new = batch->fresh[i];
    ++(is_new ? taken.taken : taken.duplicates);
    any |= is_new;
  }
  lock.unlock();
  if (any) Wake();
  return taken;
}

// ---- Threads

void Escalator::Wake() {
  const std::lock_guard<std::mutex> lock(wake_mu_);
  work_ = true;
  work_cv_.notify_one();
}

void Escalator::WakeOutside() {
  const std::lock_guard<std::mutex> lock(wake_mu_);
  outside_ = true;
  outside_cv_.notify_one();
}

void Escalator::Loop(absl::Time (Escalator::*pass)(), bool* wake, std::condition_variable* cv) {
  std::unique_lock<std::mutex> lock(wake_mu_);
  while (!stopping_) {
    *wake = false;
    lock.unlock();
    const absl::Time next = (this->*pass)();
    const absl::Duration wait = std::clamp(next - clock_->Now(), absl::Milliseconds(10), kLongest);
    lock.lock();
    cv->wait_for(lock, absl::ToChronoMilliseconds(wait), [&] { return *wake || stopping_; });
  }
}

void Escalator::Begin() {
  if (!options_.threads || worker_.joinable()) return;
  worker_ = std::thread([this] { Loop(&Escalator::Work, &work_, &work_cv_); });
  outsider_ = std::thread([this] { Loop(&Escalator::Outside, &outside_, &outside_cv_); });
}

void Escalator::Stop() {
  {
    const std::lock_guard<std::mutex> lock(wake_mu_);
    stopping_ = true;
    work_cv_.notify_all();
    outside_cv_.notify_all();
  }
  if (worker_.joinable()) worker_.join();
  if (outsider_.joinable()) outsider_.join();
}

// A crash may have come between a change and the word of it. What was told is not told twice.
void Escalator::TellAgain(absl::Time now) {
  const auto recent = store_->OpenEscalations(now - absl::Hours(1));
  if (!recent.ok()) return options_.log("escalation: " + std::string(recent.status().message()));
  for (const v1::Escalation& one : *recent) TellState(one);
}

absl::Time Escalator::Work() {
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  const absl::Time now = clock_->Now();
  absl::Time next = now + kLongest;
  if (!std::exchange(told_, true)) TellAgain(now);
  bool failed = false;
  const auto note = [&](const absl::Status& status) {
    if (status.ok()) return;
    failed = true;
    options_.log("escalation: " + std::string(status.message()));
  };
  while (true) {
    absl::StatusOr<std::vector<v1::AlertRecord>> records = store_->UndoneAlerts(1000);
    note(records.status());
    if (!records.ok() || records->empty()) break;
    const absl::Status taken = TakeUp(*std::move(records));
    note(taken);
    if (!taken.ok()) break;
  }
  absl::StatusOr<std::vector<v1::Escalation>> open =
      store_->OpenEscalations(absl::InfiniteFuture());
  note(open.status());
  if (open.ok()) {
    for (v1::Escalation& one : *open) {
      note(TimeHasCome(&one));
      for (const auto* time :
           {&one.expire_time(), &one.next_try_time(), &one.verify_until_time()}) {
        if (time->seconds() == 0 || IsFinal(one.state())) continue;
        const absl::Time at = absl::FromUnixSeconds(time->seconds() + 1);
        if (at > now) next = std::min(next, at);
      }
    }
  }
  return failed ? std::max(now + kAfterFailure, std::min(next, now + kAfterFailure)) : next;
}

}  // namespace mailquench::controller
