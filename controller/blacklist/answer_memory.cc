#include "controller/blacklist/answer_memory.h"

#include <algorithm>

#include "common/blacklist/anomaly.h"
#include "common/status/error.h"

namespace mailquench::controller {

absl::Status AnswerMemory::Load(Store* store) {
  MQ_ASSIGN_OR_RETURN(const std::vector<AnswerTime> all, store->AllAnswerTimes());
  const std::lock_guard<std::mutex> lock(mu_);
  for (const AnswerTime& one : all) {
    const bool listed = one.verdict == v1::BLACKLIST_VERDICT_LISTED;
    last_[one.subject][one.zone] = {one.time, listed, listed};
  }
  return absl::OkStatus();
}

AnswerMemory::Last AnswerMemory::Of(const std::string& subject, const std::string& zone) const {
  const std::lock_guard<std::mutex> lock(mu_);
  Last last;
  if (const auto zones = last_.find(subject); zones != last_.end()) {
    if (const auto at = zones->second.find(zone); at != zones->second.end()) last = at->second;
  }
  last.believed = last.believed || open_.count({subject, zone}) > 0;
  return last;
}

bool AnswerMemory::Listed(const std::string& subject) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto at = open_.lower_bound({subject, ""});
  return at != open_.end() && at->first == subject;
}

void AnswerMemory::SetOpen(std::set<std::pair<std::string, std::string>> open) {
  const std::lock_guard<std::mutex> lock(mu_);
  open_ = std::move(open);
}

void AnswerMemory::Asked(const std::string& subject,
                         const std::string& zone,
                         absl::Time when,
                         std::optional<bool> listed,
                         bool failed) {
  const std::lock_guard<std::mutex> lock(mu_);
  Last& last = last_[subject][zone];
  last.asked = when;
  last.failed = failed;
  if (listed.has_value()) last.listed = *listed;
}

void AnswerMemory::Believed(const std::string& subject, const std::string& zone, bool listed) {
  const std::lock_guard<std::mutex> lock(mu_);
  last_[subject][zone].believed = listed;
}

void AnswerMemory::Keep(const std::set<std::string>& subjects) {
  const std::lock_guard<std::mutex> lock(mu_);
  for (auto at = last_.begin(); at != last_.end();)
    at = subjects.count(at->first) > 0 ? std::next(at) : last_.erase(at);
}

std::map<std::string, std::string> AnswerMemory::Anomalies(
    const blacklist::Catalogue& catalogue, const std::vector<std::string>& zones) const {
  blacklist::AnomalyWatch watch;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [text, answers] : last_) {
      const absl::StatusOr<blacklist::Subject> subject = blacklist::Subject::Parse(text);
      if (!subject.ok()) continue;
      for (const auto& [zone, last] : answers) {
        const blacklist::List* list = catalogue.Find(zone);
        if (list != nullptr)
          watch.Add(*list, *subject, last.listed, last.believed || open_.count({text, zone}) > 0);
      }
    }
  }
  std::map<std::string, std::string> out;
  for (const auto& one : watch.Suspects()) {
    if (std::find(zones.begin(), zones.end(), one.zone) != zones.end()) out[one.zone] = one.why;
  }
  return out;
}

}  // namespace mailquench::controller
