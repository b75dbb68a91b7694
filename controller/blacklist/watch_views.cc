// What the watch answers: a check on request, its state, its lists, what is known of one subject.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/reverse.h"
#include "common/listing/messages.h"
#include "common/status/error.h"
#include "controller/blacklist/watch.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

using blacklist::HealthState;
using blacklist::List;
using blacklist::Subject;

void SetLength(absl::Duration length, google::protobuf::Duration* out) {
  out->set_seconds(absl::ToInt64Seconds(length));
  out->set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(length) % 1000000000));
}

absl::StatusOr<std::vector<const List*>> ListsOf(const ListKnowledge::InForce& in_force,
                                                 const v1::BlacklistCheckRequest& request) {
  if (request.zones_size() == 0) return in_force.enabled;
  std::vector<const List*> lists;
  for (const std::string& zone : request.zones()) {
    const List* list = in_force.catalogue->Find(zone);
    if (list == nullptr)
      return Error(absl::StatusCode::kNotFound, "NO_SUCH_LIST",
                   absl::StrCat("the catalogue has no list '", zone,
                                "'; nothing was asked; `mailquench blacklist lists --all` shows "
                                "them"));
    if (list->state != blacklist::State::kLive)
      return Error(absl::StatusCode::kFailedPrecondition, "LIST_DEAD",
                   absl::StrCat(zone, " is dead since ", list->since, " (", list->why,
                                "): its answers mean nothing; nothing was asked"));
    lists.push_back(list);
  }
  return lists;
}

bool CoversAny(const List& list, const std::vector<Subject>& subjects) {
  return std::any_of(subjects.begin(), subjects.end(),
                     [&](const Subject& one) { return Covers(list, one); });
}

const FleetSubject* FindIn(const std::vector<FleetSubject>& fleet, const std::string& subject) {
  for (const FleetSubject& one : fleet) {
    if (one.subject.text() == subject) return &one;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::vector<Subject>> BlacklistWatch::Subjects(
    const v1::BlacklistCheckRequest& request,
    const Fleet& fleet,
    std::vector<std::string>* skipped) {
  std::vector<Subject> subjects;
  const auto add = [&](const Subject& one) {
    if (std::find(subjects.begin(), subjects.end(), one) == subjects.end()) subjects.push_back(one);
  };
  for (const std::string& text : request.subjects()) {
    MQ_ASSIGN_OR_RETURN(const Subject subject, Subject::Parse(text));
    add(subject);
  }
  if (request.all_of_fleet()) {
    for (const Subject& one : fleet.asked) add(one);
    for (const FleetSubject& one : fleet.all) {
      if (!one.skipped.empty())
        skipped->push_back(absl::StrCat(one.subject.text(), ": ", one.skipped));
    }
  }
  if (request.hosts_size() > 0 || !request.selector().empty()) {
    const std::vector<std::string> names(request.hosts().begin(), request.hosts().end());
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Host> hosts,
                        hosts_->Choose(request.selector(), names));
    for (const FleetSubject& one : SubjectsOf(hosts, options_.with_private)) {
      if (one.skipped.empty())
        add(one.subject);
      else
        skipped->push_back(absl::StrCat(one.subject.text(), ": ", one.skipped));
    }
    if (subjects.empty())
      return Error(
          absl::StatusCode::kFailedPrecondition, "NOTHING_TO_ASK",
          absl::StrCat("of these hosts no address and no domain is known that a list could "
                       "know",
                       skipped->empty() ? "" : " (" + skipped->front() + ")",
                       "; nothing was asked"));
  }
  if (subjects.empty())
    return Error(absl::StatusCode::kInvalidArgument, "NOTHING_TO_ASK",
                 "no address, domain or host is named, and the fleet has none; nothing was asked");
  return subjects;
}

absl::Status BlacklistWatch::Check(const v1::BlacklistCheckRequest& request,
                                   const OnEvent& on_event) {
  const absl::Time begun = absl::Now();
  const Fleet fleet = FleetNow();
  std::vector<std::string> skipped;
  MQ_ASSIGN_OR_RETURN(const std::vector<Subject> subjects, Subjects(request, fleet, &skipped));
  const ListKnowledge::InForce in_force = knowledge_.now();
  MQ_ASSIGN_OR_RETURN(const std::vector<const List*> chosen, ListsOf(in_force, request));
  v1::BlacklistCheckEvent last;
  v1::BlacklistCheckDone* done = last.mutable_done();
  for (const Subject& one : subjects) done->add_subjects(one.text());
  for (const std::string& one : skipped) done->add_skipped(one);
  std::string fault;
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<blacklist::Resolver> resolver, Ask(&fault));
  done->set_resolver_fault(fault);
  if (resolver == nullptr) {
    on_event(last);
    return absl::OkStatus();
  }
  SweepJob job = JobFor(in_force, fleet);
  job.subjects = subjects;
  std::vector<const List*> untested;
  for (const List* list : chosen) {
    if (!CoversAny(*list, subjects)) continue;
    job.lists.push_back(list);
    if (clock_->Now() - knowledge_.Of(list->zone).probed > absl::Minutes(1))
      untested.push_back(list);
  }
  MQ_ASSIGN_OR_RETURN(fault,
                      sweeper_->Probe(resolver.get(), untested, in_force, options_.allow_public));
  if (!fault.empty()) {
    done->set_resolver_fault(fault);
    on_event(last);
    return StoreUse();
  }
  std::int64_t all = 0, told = 0;
  for (const List* list : job.lists)
    all += std::count_if(subjects.begin(), subjects.end(),
                         [&](const Subject& one) { return Covers(*list, one); });
  job.on_answer = [&](const v1::BlacklistAnswer& answer) {
    // A list that says something new is asked about the whole fleet; that is nobody's wish here.
    if (std::find(done->subjects().begin(), done->subjects().end(), answer.subject()) ==
        done->subjects().end())
      return;
    v1::BlacklistCheckEvent event;
    *event.mutable_answer() = answer;
    on_event(event);
    if (++told % 100 != 0 && told != all) return;
    event.mutable_progress()->set_asked(told);
    event.mutable_progress()->set_all(all);
    on_event(event);
  };
  MQ_ASSIGN_OR_RETURN(const blacklist::SweepTotals totals, sweeper_->Run(resolver.get(), job));
  MQ_RETURN_IF_ERROR(StoreUse());
  done->set_lists(static_cast<int>(job.lists.size()));
  done->set_questions(totals.asked);
  for (const List* list : job.lists) {
    if (knowledge_.Of(list->zone).state != HealthState::kWell)
      *done->add_sick() = InfoOf(*list, in_force.keys);
  }
  std::vector<blacklist::ReverseWish> wishes;
  for (const Subject& one : subjects) {
    if (one.kind() == Subject::Kind::kDomain) continue;
    const FleetSubject* ours = FindIn(fleet.all, one.text());
    wishes.push_back({one, ours == nullptr ? "" : ours->helo});
  }
  for (const auto& one : LookUpReverse(resolver.get(), wishes, absl::Now() + absl::Seconds(20)))
    *done->add_identities() = blacklist::ToMessage(one);
  SetLength(absl::Now() - begun, done->mutable_took());
  on_event(last);
  return absl::OkStatus();
}

v1::BlacklistInfo BlacklistWatch::InfoOf(const List& list, const blacklist::Keys& keys) {
  v1::BlacklistInfo info = blacklist::ToMessage(list, keys.count(list.zone) > 0);
  info.set_asked_today(pacer_.Used(list.operator_name, absl::Now()));
  *info.mutable_health() = blacklist::ToMessage(knowledge_.Of(list.zone));
  return info;
}

absl::StatusOr<v1::BlacklistStatus> BlacklistWatch::Status() {
  v1::BlacklistStatus status;
  const ListKnowledge::InForce in_force = knowledge_.now();
  std::set<std::string> attacked;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    attacked = attacked_;
    if (sweep_time_ != absl::InfinitePast()) StampTime(sweep_time_, status.mutable_sweep_time());
    SetLength(sweep_.took, status.mutable_sweep_took());
    status.set_sweep_questions(sweep_.asked);
    status.set_waiting_questions(sweep_.held_back);
  }
  for (const FleetSubject& one : FleetNow().all) {
    v1::BlacklistSubject* subject = status.add_subjects();
    const std::string& text = one.subject.text();
    subject->set_subject(text);
    for (const std::string& name : one.host_names) subject->add_host_names(name);
    subject->set_reported(one.reported);
    subject->set_skipped(one.skipped);
    subject->set_confirmed(one.confirmed);
    absl::Time checked = absl::InfinitePast();
    int listed = 0;
    for (const List* list : in_force.enabled) {
      const AnswerMemory::Last last = memory_.Of(text, list->zone);
      checked = std::max(checked, last.asked);
      listed += last.believed ? 1 : 0;
    }
    if (checked != absl::InfinitePast()) StampTime(checked, subject->mutable_check_time());
    subject->set_listed(listed);
    subject->set_pace(PaceName(listed > 0                 ? Pace::kListed
                               : attacked.count(text) > 0 ? Pace::kAttacked
                                                          : Pace::kQuiet));
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> listings, listings_->List({}));
  for (const v1::Listing& one : listings) *status.add_listings() = one;
  for (const List* list : in_force.enabled) {
    const HealthState state = knowledge_.Of(list->zone).state;
    if (state != HealthState::kWell && state != HealthState::kUnknown)
      *status.add_sick() = InfoOf(*list, in_force.keys);
  }
  status.set_catalogue_fault(knowledge_.fault());
  status.set_resolver_fault(knowledge_.resolver_fault());
  for (const std::string& one : options_.resolvers) status.add_resolvers(one);
  return status;
}

absl::StatusOr<v1::ListBlacklistsResponse> BlacklistWatch::Lists(
    const v1::ListBlacklistsRequest& request) {
  const ListKnowledge::InForce in_force = knowledge_.now();
  v1::ListBlacklistsResponse response;
  for (const std::string& zone : request.zones()) {
    if (in_force.catalogue->Find(zone) == nullptr)
      return Error(absl::StatusCode::kNotFound, "NO_SUCH_LIST",
                   absl::StrCat("the catalogue has no list '", zone, "'"));
  }
  for (const List& list : in_force.catalogue->lists()) {
    const bool named = std::any_of(
        request.zones().begin(), request.zones().end(),
        [&](const std::string& zone) { return in_force.catalogue->Find(zone) == &list; });
    if (named || (request.zones_size() == 0 && (list.enabled || request.with_disabled())))
      *response.add_lists() = InfoOf(list, in_force.keys);
  }
  return response;
}

absl::StatusOr<v1::SubjectExplanation> BlacklistWatch::Explain(
    const v1::ExplainSubjectRequest& request) {
  MQ_ASSIGN_OR_RETURN(const Subject subject, Subject::Parse(request.subject()));
  v1::SubjectExplanation explanation;
  MQ_ASSIGN_OR_RETURN(const v1::BlacklistStatus status, Status());
  explanation.mutable_subject()->set_subject(subject.text());
  for (const v1::BlacklistSubject& one : status.subjects()) {
    if (one.subject() == subject.text()) *explanation.mutable_subject() = one;
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::BlacklistAnswer> answers,
                      store_->AnswersOf(subject.text()));
  for (const v1::BlacklistAnswer& one : answers) *explanation.add_answers() = one;
  v1::ListListingsRequest listings;
  listings.set_subject(subject.text());
  listings.set_with_cleared(true);
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> found, listings_->List(listings));
  for (const v1::Listing& one : found) *explanation.add_listings() = one;
  if (subject.kind() == Subject::Kind::kDomain) return explanation;
  std::string fault;
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<blacklist::Resolver> resolver, Ask(&fault));
  if (resolver == nullptr) return explanation;
  const Fleet fleet = FleetNow();
  const FleetSubject* ours = FindIn(fleet.all, subject.text());
  for (const auto& one :
       LookUpReverse(resolver.get(), {{subject, ours == nullptr ? "" : ours->helo}},
                     absl::Now() + absl::Seconds(20)))
    *explanation.mutable_identity() = blacklist::ToMessage(one);
  return explanation;
}

}  // namespace mailquench::controller
