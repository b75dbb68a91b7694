#include "controller/blacklist/sweeper.h"

#include <map>
#include <set>

#include "common/listing/messages.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

using blacklist::Check;
using blacklist::List;
using blacklist::Subject;
using blacklist::Verdict;

constexpr std::size_t kBatch = 2000;                        // Answers that are stored together.
constexpr absl::Duration kFreshAnswer = absl::Minutes(10);  // Needs no second question.

}  // namespace

// What a sweep brings in. Answers that say nothing new go on at once; new listings are held.
class Sweeper::Catch {
 public:
  Catch(Sweeper* sweeper, const SweepJob& job) : sweeper_(sweeper), job_(job) {}

  void Add(Check check) {
    check.time = sweeper_->clock_->Now();
    const std::string& subject = check.subject->text();
    const bool listed = check.finding.verdict == Verdict::kListed;
    const bool ours = job_.hosts.count(subject) > 0;
    const bool known = ours && sweeper_->memory_->Of(subject, check.list->zone).believed;
    v1::BlacklistAnswer answer = ToMessage(check, job_.in_force.keys);
    if (ours)
      sweeper_->memory_->Asked(subject, check.list->zone, check.time,
                               check.asked ? std::optional<bool>(listed) : std::nullopt,
                               check.finding.verdict == Verdict::kError);
    if (listed && ours && !known) {
      new_.push_back(std::move(answer));
      zones_.insert(check.list->zone);
      return;
    }
    Pass(std::move(answer));
  }

  const std::set<std::string>& zones() const { return zones_; }

  // New listings, by what is known of their lists now.
  void Release() {
    for (v1::BlacklistAnswer& answer : new_) {
      const blacklist::ListHealth health = sweeper_->knowledge_->Of(answer.zone());
      blacklist::Finding finding;
      finding.verdict = Verdict::kListed;
      finding = Weigh(std::move(finding), health, Subject::Kind::kIp4);
      if (!fault_.empty()) {
        finding.verdict = Verdict::kUntrusted;
        finding.reason = fault_;
      }
      answer.set_verdict(blacklist::ToMessage(finding.verdict));
      answer.set_reason(finding.reason);
      Pass(std::move(answer));
    }
    new_.clear();
    Flush();
  }

  // The resolver fails: nothing new is believed.
  void Distrust(const std::string& fault) { fault_ = fault; }

  absl::Status status() const { return status_; }

 private:
  void Pass(v1::BlacklistAnswer answer) {
    job_.on_answer(answer);
    if (job_.hosts.count(answer.subject()) == 0) return;
    // Doubt changes nothing of what was believed.
    if (answer.verdict() == v1::BLACKLIST_VERDICT_LISTED)
      sweeper_->memory_->Believed(answer.subject(), answer.zone(), true);
    if (answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN)
      sweeper_->memory_->Believed(answer.subject(), answer.zone(), false);
    batch_.push_back(std::move(answer));
    if (batch_.size() >= kBatch) Flush();
  }
  void Flush() {
    if (status_.ok() && !batch_.empty()) status_ = sweeper_->listings_->Take(batch_, job_.hosts);
    batch_.clear();
  }

  Sweeper* const sweeper_;
  const SweepJob& job_;
  std::vector<v1::BlacklistAnswer> new_, batch_;
  std::set<std::string> zones_;
  std::string fault_;
  absl::Status status_;
};

absl::StatusOr<std::string> Sweeper::Probe(blacklist::Resolver* resolver,
                                           const std::vector<const List*>& lists,
                                           const ListKnowledge::InForce& in_force,
                                           bool allow_public) {
  if (lists.empty()) return std::string();
  absl::Status status;
  std::string fault = ProbeLists(
      resolver, pacer_, lists, knowledge_->Witnesses(in_force, lists), in_force.keys, allow_public,
      [&](const List& list, blacklist::Probe probe) {
        probe.time = clock_->Now();
        const absl::Status took = knowledge_->Took(list, probe);
        if (status.ok()) status = took;
      },
      absl::InfiniteFuture());
  MQ_RETURN_IF_ERROR(status);
  if (!fault.empty()) knowledge_->ResolverFailed(fault, clock_->Now());
  return fault;
}

// Tests the health of lists that say something new, and asks them about the rest of the fleet.
absl::StatusOr<blacklist::SweepTotals> Sweeper::LookTwice(
    blacklist::Resolver* resolver,
    const SweepJob& job,
    const blacklist::SweepOptions& options,
    const std::set<std::string>& zones,
    const std::function<void(const Check&)>& add) {
  const absl::Time now = clock_->Now();
  std::vector<const List*> talkative;
  for (const std::string& zone : zones) talkative.push_back(job.in_force.catalogue->Find(zone));
  // However short ago it was tested: it may have fallen ill since.
  MQ_ASSIGN_OR_RETURN(const std::string fault,
                      Probe(resolver, talkative, job.in_force, job.allow_public));
  if (!fault.empty()) return Error(absl::StatusCode::kUnavailable, "RESOLVER_FAILED", fault);
  // All of the quota may be used for it: half a look would be none.
  blacklist::SweepOptions whole = options;
  whole.share = 1.0;
  whole.ask_until = absl::InfiniteFuture();
  return RunSweep(
      resolver, pacer_, job.fleet, talkative, knowledge_->TestedBook(), whole,
      [&](const List& list, const Subject& subject) {
        return job.hosts.count(subject.text()) > 0 &&
               now - memory_->Of(subject.text(), list.zone).asked > kFreshAnswer;
      },
      add);
}

absl::StatusOr<blacklist::SweepTotals> Sweeper::Run(blacklist::Resolver* resolver,
                                                    const SweepJob& job) {
  Catch caught(this, job);
  blacklist::SweepOptions options;
  options.keys = job.in_force.keys;
  options.allow_public = job.allow_public;
  options.share = job.share;
  options.ask_until = job.ask_until;
  const auto add = [&](const Check& check) { caught.Add(check); };
  blacklist::SweepTotals totals = RunSweep(
      resolver, pacer_, job.subjects, job.lists,
      job.look_again ? knowledge_->TestedBook() : knowledge_->Book(), options, job.wanted, add);
  std::set<std::string> looked_at = caught.zones();
  if (!looked_at.empty()) {
    const absl::StatusOr<blacklist::SweepTotals> more =
        LookTwice(resolver, job, options, looked_at, add);
    if (absl::IsUnavailable(more.status())) {
      caught.Distrust(std::string(more.status().message()));
      caught.Release();
      MQ_RETURN_IF_ERROR(caught.status());
      return totals;
    }
    MQ_RETURN_IF_ERROR(more.status());
    totals.asked += more->asked;
    totals.held_back += more->held_back;
    totals.took += more->took;
  }
  if (job.look_again) {
    for (const List* list : job.lists) looked_at.insert(list->zone);
  }
  const std::vector<std::string> zones(looked_at.begin(), looked_at.end());
  MQ_RETURN_IF_ERROR(knowledge_->Suspect(zones, memory_->Anomalies(*job.in_force.catalogue, zones),
                                         clock_->Now()));
  caught.Release();
  MQ_RETURN_IF_ERROR(caught.status());
  return totals;
}

}  // namespace mailquench::controller
