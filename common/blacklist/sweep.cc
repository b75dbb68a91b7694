#include "common/blacklist/sweep.h"

#include <algorithm>
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
    }
    RunLanes(resolver_, pacer_, options_.share, std::move(lanes), options_.until);
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
  };

  const Subject* NextSubject(Place* at) {
    while (at->next < subjects_.size()) {
      const Subject& subject = subjects_[at->next++];
      if (Covers(*at->list, subject) && wanted_(*at->list, subject)) return &subject;
    }
    return nullptr;
  }

  bool AskNext(const std::shared_ptr<Place>& at) {
    while (const Subject* subject = NextSubject(at.get())) {
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
      resolver_->Ask(
          *name, RecordType::kA,
          [this, at, subject, asked = *name](const Reply& reply) {
            Answered(at, *subject, asked, reply);
          },
          Servers(*at->list));
      return true;
    }
    return false;
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
    if (reply.not_asked)
      return Tell(*at, subject, Unasked(Verdict::kBlocked, Why::kResolver, kOnlyPublic));
    Check check;
    check.list = at->list;
    check.subject = &subject;
    check.asked = true;
    check.reply = reply;
    check.time = absl::Now();
    check.finding = Weigh(Judge(*at->list, reply.answer), at->health);
    // What the list itself has said now outweighs how it was.
    if (check.finding.verdict == Verdict::kRewritten) {
      at->health.state = HealthState::kQuarantined;
      at->health.reason = check.finding.reason;
    }
    if (check.finding.verdict != Verdict::kListed) return on_check_(check);
    pacer_->Took(*at->list, check.time);
    const auto held = std::make_shared<Check>(std::move(check));
    resolver_->Ask(
        name, RecordType::kTxt,
        [this, held](const Reply& text) {
          held->texts = text.texts;
          on_check_(*held);
        },
        Servers(*at->list));
  }

  void HoldBack(const std::shared_ptr<Place>& at) {
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
