#include "controller/escalation/own_watch.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/own_notice.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr const char* kSource = "own";
constexpr const char* kKept = "own_watch.firing";

}  // namespace

OwnWatch::OwnWatch(
    Store* store, EscalationHands* hands, AlertInbox* inbox, Clock* clock, OwnWatchOptions options)
    : store_(store),
      inbox_(inbox),
      clock_(clock),
      options_(std::move(options)),
      signals_(hands, options_.growth) {
  signals_.ListensSince(clock_->Now());
}

OwnWatch::~OwnWatch() {
  Stop();
}

void OwnWatch::Begin() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(look_mu_);
    signals_.ListensSince(clock_->Now());
  }
  thread_ = std::thread([this] {
    std::unique_lock<std::mutex> lock(mu_);
    while (!stopping_) {
      lock.unlock();
      Look();
      lock.lock();
      cv_.wait_for(lock, absl::ToChronoMilliseconds(options_.every), [this] { return stopping_; });
    }
  });
}

void OwnWatch::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    cv_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OwnWatch::Probed(const std::string& host_id, bool open) {
  const std::lock_guard<std::mutex> lock(mu_);
  probed_[host_id] = open;
}

void OwnWatch::Look() {
  const std::lock_guard<std::mutex> lock(look_mu_);
  const absl::Status status = LookOnce();
  if (!status.ok()) Say(std::string(status.message()));
  problems_before_ = std::exchange(problems_, {});
}

void OwnWatch::Say(const std::string& problem) {
  problems_.insert(problem);
  if (problems_before_.count(problem) == 0) options_.log("own watch: " + problem);
}

void OwnWatch::See(const std::map<std::string, bool>& probed,
                   Firing* next,
                   std::vector<v1::Alert>* news) {
  const OwnWatchRules rules = options_.rules();
  if (!rules.enabled) return;
  const absl::Time now = clock_->Now();
  OwnView view = signals_.Look(rules, probed, now);
  for (const std::string& problem : view.problems) Say(problem);
  for (v1::Alert& alert : view.firing) {
    const std::string subject = SubjectOf(alert);
    alert.set_status(v1::ALERT_STATUS_FIRING);
    if (const absl::Status complete = Complete(kSource, now, &alert); !complete.ok()) {
      // One host's labels are no reason to be blind for all others.
      Say(absl::StrCat(subject, " is left out: ", std::string(complete.message())));
      view.unknown.insert(subject);
      continue;
    }
    const auto before = firing_.find(alert.fingerprint());
    if (before == firing_.end()) {
      if (next->emplace(alert.fingerprint(), alert).second) news->push_back(std::move(alert));
    } else {
      next->insert(*before);
    }
  }
  for (const auto& [fingerprint, alert] : firing_) {
    if (view.unknown.count(SubjectOf(alert)) > 0 ||
        view.unknown.count(alert.labels().at("alertname")) > 0)
      next->emplace(fingerprint, alert);
  }
}

// What fires is written down before it is raised, and forgotten after its end was: a crash between
// the two raises it again, which does nothing.
absl::Status OwnWatch::LookOnce() {
  if (!read_) {
    MQ_RETURN_IF_ERROR(ReadBack());
    read_ = true;
  }
  std::map<std::string, bool> probed;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    probed = probed_;
  }
  Firing next;
  std::vector<v1::Alert> news;
  See(probed, &next, &news);
  if (!news.empty()) {
    Firing both = firing_;
    for (const v1::Alert& alert : news) both.emplace(alert.fingerprint(), alert);
    MQ_RETURN_IF_ERROR(Keep(both));
    if (const auto taken = inbox_->Take(news); !taken.ok()) {
      read_ = false;  // It is written down and not raised, as after a crash.
      return taken.status();
    }
    firing_ = std::move(both);
  }
  const absl::Status told = TellNew();
  MQ_RETURN_IF_ERROR(End(next));
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [host_id, open] : probed) {
      const auto found = probed_.find(host_id);
      if (found != probed_.end() && found->second == open) probed_.erase(found);
    }
  }
  if (!written_) MQ_RETURN_IF_ERROR(Keep(firing_));
  return told;
}

// What began in one look is one notice of each kind, also where it is told later. What is over
// before anybody could be told of it is not told.
absl::Status OwnWatch::TellNew() {
  if (!options_.tell) return absl::OkStatus();
  std::map<std::pair<std::string, absl::Time>, std::vector<v1::Alert>> groups;
  for (const auto& [fingerprint, alert] : firing_) {
    const std::string& name = alert.labels().at("alertname");
    if (told_.count(fingerprint) == 0 && !KindOfOwnNotice(name).empty())
      groups[{name, TimeOf(alert.start_time())}].push_back(alert);
  }
  absl::Status status;
  for (const auto& [group, alerts] : groups) {
    const absl::Status told = options_.tell(OwnNotice(alerts));
    status.Update(told);
    if (!told.ok()) continue;
    for (const v1::Alert& alert : alerts) told_.insert(alert.fingerprint());
    written_ = false;
  }
  return status;
}

absl::Status OwnWatch::End(const Firing& next) {
  const absl::Time now = clock_->Now();
  std::vector<v1::Alert> ends;
  for (const auto& [fingerprint, alert] : firing_) {
    if (next.count(fingerprint) > 0) continue;
    ends.push_back(alert);
    ends.back().set_status(v1::ALERT_STATUS_RESOLVED);
    StampTime(now, ends.back().mutable_end_time());
    StampTime(now, ends.back().mutable_receive_time());
  }
  if (ends.empty()) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(inbox_->Take(ends).status());
  for (const v1::Alert& alert : ends) {
    firing_.erase(alert.fingerprint());
    told_.erase(alert.fingerprint());
  }
  written_ = false;
  return absl::OkStatus();
}

absl::Status OwnWatch::Keep(const Firing& firing) {
  v1::RaiseAlertsRequest kept;
  for (const auto& [fingerprint, alert] : firing) *kept.add_alerts() = alert;
  std::string text;
  const auto written = google::protobuf::util::MessageToJsonString(kept, &text);
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!written.ok() || !json.is_object())
    return Error(absl::StatusCode::kInternal, "STORE_FAILED",
                 "what the own watch knows could not be written; nothing was raised");
  json["told"] = told_;
  MQ_RETURN_IF_ERROR(store_->PutValue(kKept, json.dump()));
  written_ = true;
  return absl::OkStatus();
}

absl::Status OwnWatch::ReadBack() {
  MQ_ASSIGN_OR_RETURN(const std::string text, store_->FindValue(kKept));
  firing_.clear();
  told_.clear();
  written_ = true;
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return absl::OkStatus();
  const nlohmann::json told = json.value("told", nlohmann::json::array());
  json.erase("told");
  v1::RaiseAlertsRequest kept;
  if (!google::protobuf::util::JsonStringToMessage(json.dump(), &kept).ok())
    return absl::OkStatus();
  std::vector<v1::Alert> again;
  for (const v1::Alert& alert : kept.alerts()) {
    if (alert.labels().count("alertname") > 0) again.push_back(alert);
  }
  if (!again.empty()) MQ_RETURN_IF_ERROR(inbox_->Take(again).status());
  for (const v1::Alert& alert : again) firing_.emplace(alert.fingerprint(), alert);
  for (const auto& one : told) {
    if (one.is_string() && firing_.count(one.get<std::string>()) > 0)
      told_.insert(one.get<std::string>());
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
