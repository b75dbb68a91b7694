#include "common/blacklist/sweep.h"

#include <algorithm>
#include <deque>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/lanes.h"

namespace mailquench::blacklist {
namespace {

Finding Unasked(Verdict verdict, Why why, const std::string& reason) {
  Finding finding;
  finding.verdict = verdict;
  finding.why = why;
  finding.reason = reason;
  return finding;
}

// Health that makes every question to the list a wasted one.
bool AnswersItself(const ListHealth& health, Finding* finding) {
  switch (health.state) {
    case HealthState::kQuarantined:
      *finding = Unasked(Verdict::kUntrusted, Why::kRefused, health.reason);
      return true;
    case HealthState::kBlocked:
      *finding = Unasked(Verdict::kBlocked, health.why, health.reason);
      return true;
    case HealthState::kSilent:
      *finding = Unasked(Verdict::kError, Why::kRefused, health.reason);
      return true;
    default:
      return false;
  }
}

class Run {
 public:
  Run(Resolver* resolver,
      Pacer* pacer,
      const std::vector<Subject>& subjects,
      const SweepOptions& options,
      const Wanted& wanted,
      const std::function<void(const Check&)>& on_check)
      : resolver_(resolver),
        pacer_(pacer),
        subjects_(subjects),
        options_(options),
        wanted_(wanted),
        on_check_(on_check) {}

  SweepTotals Do(const std::vector<const List*>& lists, const HealthBook& book) {
    const absl::Time begun = absl::Now();
    std::vector<Lane> lanes;
    std::vector<std::shared_ptr<Place>> places;
    for (const List* list : lists) {
      auto at = std::make_shared<Place>();
      at->list = list;
      if (const auto known = book.find(list->zone); known != book.end()) at->health = known->second;
      if (const auto key = options_.keys.find(list->zone); key != options_.keys.end())
        at->key = key->second;
      Lane lane;
      lane.list = list;
      lane.ask = [this, at] { return AskNext(at); };
      lane.no_quota = [this, at] { HoldBack(at); };
      lanes.push_back(std::move(lane));
      places.push_back(at);
    }
    RunLanes(resolver_, pacer_, options_.share, std::move(lanes), options_.until);
    for (const auto& at : places) {
      if (at->held_back) TellHits(at);
      if (!at->ended && !at->held_back) Cut(at);
    }
    totals_.took = absl::Now() - begun;
    return totals_;
  }

 private:
  // How far one list has come through the subjects.
  struct Place {
    const List* list = nullptr;
    ListHealth health;
    std::string key;
    std::size_t next = 0;
    int in_flight = 0;                        // Answers that may want a reason.
    std::deque<std::shared_ptr<Check>> hits;  // Whose reasons are to be asked.
    std::deque<std::string> names;            // Theirs.
    bool ended = false;
    bool held_back = false;
  };

  const Subject* NextSubject(Place* at) {
    while (at->next < subjects_.size()) {
      const Subject& subject = subjects_[at->next++];
      if (Covers(*at->list, subject) && wanted_(*at->list, subject)) return &subject;
    }
    return nullptr;
  }

  Lane::Next AskNext(const std::shared_ptr<Place>& at) {
    if (!at->hits.empty()) {
      AskReason(at);
      return Lane::Next::kAsked;
    }
    const bool in_time = absl::Now() < options_.ask_until;
    while (const Subject* subject = in_time ? NextSubject(at.get()) : nullptr) {
      Finding finding;
      if (AnswersItself(at->health, &finding)) {
        Tell(*at, *subject, std::move(finding));
        continue;
      }
      const absl::StatusOr<std::string> name = QueryName(*at->list, *subject, at->key);
      if (!name.ok()) {
        Tell(*at, *subject,
             Unasked(Verdict::kBlocked, Why::kQuery, std::string(name.status().message())));
        continue;
      }
      ++totals_.asked;
      ++at->in_flight;
      resolver_->Ask(
          *name, RecordType::kA,
          [this, at, subject, asked = *name](const Reply& reply) {
            Answered(at, *subject, asked, reply);
          },
          Servers(*at->list));
      return Lane::Next::kAsked;
    }
    if (at->in_flight > 0) return Lane::Next::kLater;
    at->ended = true;
    return Lane::Next::kDone;
  }

  void AskReason(const std::shared_ptr<Place>& at) {
    const std::shared_ptr<Check> held = at->hits.front();
    const std::string name = at->names.front();
    at->hits.pop_front();
    at->names.pop_front();
    resolver_->Ask(
        name, RecordType::kTxt,
        [this, held](const Reply& text) {
          held->texts = text.texts;
          on_check_(*held);
        },
        Servers(*held->list));
  }

  AskOptions Servers(const List& list) const {
    return AskOptions{!options_.allow_public && RefusesPublicResolvers(list)};
  }

  void Tell(const Place& at, const Subject& subject, Finding finding) {
    Check check;
    check.list = at.list;
    check.subject = &subject;
    check.finding = std::move(finding);
    check.time = absl::Now();
    on_check_(check);
  }

  void Answered(const std::shared_ptr<Place>& at,
                const Subject& subject,
                const std::string& name,
                const Reply& reply) {
    --at->in_flight;
    if (reply.not_asked)
      return Tell(*at, subject, Unasked(Verdict::kBlocked, Why::kResolver, kOnlyPublic));
    Check check;
    check.list = at->list;
    check.subject = &subject;
    check.asked = true;
    check.reply = reply;
    check.time = absl::Now();
    check.finding = Weigh(Judge(*at->list, reply.answer), at->health, subject.kind());
    // What the list itself has said now outweighs how it was.
    if (check.finding.verdict == Verdict::kRewritten) {
      at->health.state = HealthState::kQuarantined;
      at->health.reason = check.finding.reason;
    }
    if (check.finding.verdict != Verdict::kListed) return on_check_(check);
    // Its reason is asked in the list's own turn.
    at->hits.push_back(std::make_shared<Check>(std::move(check)));
    at->names.push_back(name);
  }

  // The quota has ended, or the time.
  void TellHits(const std::shared_ptr<Place>& at) {
    for (const auto& held : at->hits) on_check_(*held);  // Without their reasons.
    at->hits.clear();
  }

  void Cut(const std::shared_ptr<Place>& at) {
    TellHits(at);
    while (const Subject* subject = NextSubject(at.get()))
      Tell(*at, *subject, Unasked(Verdict::kError, Why::kRefused, "not asked: the time was over"));
  }

  void HoldBack(const std::shared_ptr<Place>& at) {
    at->held_back = true;
    TellHits(at);
    while (const Subject* subject = NextSubject(at.get())) {
      ++totals_.held_back;
      Tell(*at, *subject,
           Unasked(Verdict::kBlocked, Why::kQuota,
                   absl::StrCat("not asked: the questions that ", at->list->operator_name,
                                " allows a day (", at->list->per_day,
                                ") are used up; they are "
                                "counted anew from 00:00 UTC")));
    }
  }

  Resolver* const resolver_;
  Pacer* const pacer_;
  const std::vector<Subject>& subjects_;
  const SweepOptions& options_;
  const Wanted& wanted_;
  const std::function<void(const Check&)>& on_check_;
  SweepTotals totals_;
};

}  // namespace

SweepTotals RunSweep(Resolver* resolver,
                     Pacer* pacer,
                     const std::vector<Subject>& subjects,
                     const std::vector<const List*>& lists,
                     const HealthBook& health,
                     const SweepOptions& options,
                     const Wanted& wanted,
                     const std::function<void(const Check&)>& on_check) {
  Run run(resolver, pacer, subjects, options, wanted, on_check);
  return run.Do(lists, health);
}

std::vector<std::string> Components(const List& list, const Finding& finding) {
  std::vector<std::string> out;
  for (const Meaning& meaning : finding.meanings) {
    if (meaning.good) continue;
    const std::string component = meaning.component.empty() ? list.component : meaning.component;
    if (std::find(out.begin(), out.end(), component) == out.end()) out.push_back(component);
  }
  return out;
}

}  // namespace mailquench::blacklist
