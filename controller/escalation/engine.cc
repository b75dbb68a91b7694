// Its threads, its inbox and its configuration.
#include "controller/escalation/engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

constexpr const char* kPause = "escalation.pause";
constexpr int kAtOnce = 1000;  // Alerts that are decided together.
// In a flood the inbox is looked at every so often: decided together it costs less, and is one.
constexpr int kFlood = 20;
constexpr auto kGather = std::chrono::milliseconds(100);
constexpr absl::Duration kLongest = absl::Seconds(30);      // Between two passes.
constexpr absl::Duration kAfterFailure = absl::Seconds(1);  // Of a pass, at least.

}  // namespace

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
      config_(std::make_shared<EscalationConfig>()),
      begun_(clock->Now()),
      committer_(std::make_unique<AlertCommitter>(
          store,
          AlertCommitter::Hooks{[this] { return RulesOfNow(); }, [this] { Wake(); },
                                options_.log})) {}

Escalator::~Escalator() {
  Stop();
}

std::shared_ptr<const EscalationConfig> Escalator::Config() {
  const std::lock_guard<std::mutex> lock(config_mu_);
  return config_;
}

void Escalator::Install(EscalationConfig config) {
  notices_->Configure(config.notify);
  {
    const std::lock_guard<std::mutex> lock(config_mu_);
    config_ = std::make_shared<const EscalationConfig>(std::move(config));
    load_error_.clear();
    load_time_ = clock_->Now();
  }
  committer_->Forget();  // Of a repeat the store knows whether it is news to these rules.
}

// The last file that could be read is kept: by its channels people are told that the present one
// cannot, and by its Alertmanagers the silences are lifted that stand. Its rules are not used.
absl::Status Escalator::Load() {
  if (options_.file.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = identity::ReadFile(options_.file);
  absl::StatusOr<EscalationConfig> config =
      text.ok() ? ReadEscalation(options_.file, *text) : text.status();
  if (config.ok()) {
    const absl::Status kept = store_->PutValue(kLastGood, *text);
    if (!kept.ok()) options_.log("escalation: " + std::string(kept.message()));
    Install(*std::move(config));
    return absl::OkStatus();
  }
  const absl::Status wrong = config.status();
  const absl::StatusOr<std::string> before = store_->FindValue(kLastGood);
  if (before.ok() && !before->empty()) config = ReadEscalation(options_.file, *before);
  if (config.ok()) {
    config->rules = Rules();
    Install(*std::move(config));
  }
  {
    const std::lock_guard<std::mutex> lock(config_mu_);
    load_error_ = std::string(wrong.message());
    load_time_ = absl::InfinitePast();
  }
  v1::Notice notice;
  notice.set_kind("rules-unreadable");
  const std::int64_t at = absl::ToUnixMillis(clock_->Now());
  notice.set_notice_id("rules:" + std::to_string(at));
  notice.mutable_time()->set_seconds(at / 1000);
  notice.set_text("the controller is without rules, nothing is escalated: " +
                  std::string(wrong.message()));
  notice.set_next("mailquench escalation rules lint; mailquench escalation rules reload");
  const absl::Status told = notices_->Tell(notice);
  if (!told.ok()) options_.log("escalation: " + std::string(told.message()));
  return wrong;
}

IntakeRules Escalator::RulesOfNow() {
  const std::lock_guard<std::mutex> lock(config_mu_);
  return {load_time_, config_};
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
  {
    // Once this is answered nothing that was decided before begins any more.
    const std::lock_guard<std::recursive_mutex> lock(state_mu_);
    MQ_RETURN_IF_ERROR(store_->PutValue(kPause, json.dump()));
  }
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
    if (taken_up_ >= kFlood) cv->wait_for(lock, kGather, [&] { return stopping_; });
    cv->wait_for(lock, absl::ToChronoMilliseconds(wait), [&] { return *wake || stopping_; });
  }
}

void Escalator::Begin() {
  begun_ = clock_->Now();
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

bool Escalator::IsSettling(absl::Time now) {
  if (now >= begun_ + options_.settle) return false;
  const FleetCopy fleet = hands_->FleetOfNow();
  return std::any_of(fleet->begin(), fleet->end(), [](const v1::Host& host) {
    return host.state() == v1::HOST_STATE_ACTIVE && !host.has_manual() && !host.online();
  });
}

// One batch. People who decide, or who pause it all, need not wait for a whole flood.
absl::StatusOr<bool> Escalator::TakeUpSome() {
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  if (Config()->rules.rules.empty()) {
    // Then a flood is to cost no more than its inbox.
    MQ_ASSIGN_OR_RETURN(const auto open, store_->OpenEscalations(absl::InfiniteFuture()));
    if (open.empty()) {
      MQ_ASSIGN_OR_RETURN(const std::int64_t finished,
                          store_->FinishAlerts(kAtOnce, "there are no rules; nothing was done"));
      taken_up_ += static_cast<int>(finished);
      return finished == kAtOnce;
    }
  }
  MQ_ASSIGN_OR_RETURN(auto records, store_->UndoneAlerts(kAtOnce));
  if (records.empty()) return false;
  taken_up_ += static_cast<int>(records.size());
  MQ_RETURN_IF_ERROR(TakeUp(std::move(records)));
  return true;
}

absl::Time Escalator::Work() {
  taken_up_ = 0;
  const absl::Time now = clock_->Now();
  absl::Time next = now + kLongest;
  bool failed = false;
  const auto note = [&](const absl::Status& status) {
    if (status.ok()) return;
    failed = true;
    options_.log("escalation: " + std::string(status.message()));
  };
  if (IsSettling(now)) {
    next = begun_ + options_.settle;
  } else {
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = TakeUpSome();
    note(more.status());
  }
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  if (!told_.exchange(true)) TellAgain(now);
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
