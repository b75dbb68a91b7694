#include "controller/blacklist/watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/listing/messages.h"
#include "common/status/error.h"
#include "controller/blacklist/source.h"
#include "controller/incidents/incident_gates.h"

namespace mailquench::controller {
namespace {

using blacklist::HealthState;
using blacklist::List;
using blacklist::Resolver;
using blacklist::Subject;

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int kMostSources = 4;  // Listings whose lists' own servers are asked in one round.
// A round asks for so long; what is due then stays due. So what is urgent, and the end of the
// program, never wait for a list that allows few questions a second.
constexpr absl::Duration kRound = absl::Seconds(10);

}  // namespace

BlacklistWatch::BlacklistWatch(Store* store, Hosts* hosts, Clock* clock, WatchOptions options)
    : store_(store),
      hosts_(hosts),
      clock_(clock),
      options_(std::move(options)),
      pacer_([this](const std::string& operator_name, const std::string& day) {
        const std::lock_guard<std::mutex> lock(mu_);
        ++use_[{operator_name, day}];
      }),
      knowledge_(store,
                 {options_.resolvers, options_.lists, options_.keys,
                  [this](const std::string& zone, const v1::BlacklistHealth& health) {
                    return listings_->TakeHealth(zone, health);
                  },
                  options_.log}) {}

BlacklistWatch::~BlacklistWatch() {
  Stop();
}

void BlacklistWatch::Begin() {
  if (options_.scheduled && !timer_.joinable()) timer_ = std::thread([this] { Loop(); });
}

void BlacklistWatch::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (timer_.joinable()) timer_.join();
}

absl::Status BlacklistWatch::Start(Listings* listings) {
  listings_ = listings;
  sweeper_ = std::make_unique<Sweeper>(&knowledge_, &memory_, listings_, &pacer_, clock_);
  MQ_RETURN_IF_ERROR(knowledge_.Start());
  MQ_RETURN_IF_ERROR(memory_.Load(store_));
  const std::string today = blacklist::QuotaDay(absl::Now());
  MQ_ASSIGN_OR_RETURN(const auto use, store_->QuotaUse(today));
  for (const auto& [operator_name, used] : use) pacer_.Restore(operator_name, today, used);
  return absl::OkStatus();
}

void BlacklistWatch::Loop() {
  std::string said;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mu_);
      wake_.wait_for(lock, absl::ToChronoMilliseconds(kTick), [this] { return stopping_; });
      if (stopping_) return;
    }
    const absl::Status status = Tick();
    // A full disk is said once, not each second.
    const std::string text(status.message());
    if (!status.ok() && text != said && options_.log)
      options_.log(absl::StrCat("blacklists: ", text, "; it is tried again"));
    said = text;
  }
}

BlacklistWatch::Fleet BlacklistWatch::FleetNow() {
  Fleet fleet;
  fleet.all = SubjectsOf(hosts_->All(), options_.with_private);
  for (const FleetSubject& one : fleet.all) {
    if (!one.skipped.empty()) continue;
    fleet.asked.push_back(one.subject);
    fleet.hosts[one.subject.text()] = one.host_ids;
  }
  // What is listed is followed to its end, though no host has it any more.
  const auto open = listings_->List({});
  for (const v1::Listing& one : open.ok() ? *open : std::vector<v1::Listing>()) {
    const absl::StatusOr<Subject> subject = Subject::Parse(one.subject());
    if (!subject.ok() || fleet.hosts.count(one.subject()) > 0) continue;
    fleet.asked.push_back(*subject);
    fleet.hosts[one.subject()].assign(one.host_ids().begin(), one.host_ids().end());
  }
  return fleet;
}

// Null where no server is to be believed.
absl::StatusOr<std::unique_ptr<Resolver>> BlacklistWatch::Ask(std::string* fault) {
  const blacklist::ResolverOptions options = knowledge_.Resolvers(clock_->Now());
  if (fault != nullptr) *fault = knowledge_.resolver_fault();
  if (options.servers.empty()) return std::unique_ptr<Resolver>();
  return Resolver::Make(options);
}

absl::Status BlacklistWatch::Tick() {
  const std::lock_guard<std::mutex> round(round_mu_);
  knowledge_.Reload();
  MQ_RETURN_IF_ERROR(listings_->Tick());
  const Fleet fleet = FleetNow();
  if (fleet.asked.empty()) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(RememberOpen());
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<Resolver> resolver, Ask(nullptr));
  if (resolver == nullptr) return absl::OkStatus();
  const ListKnowledge::InForce in_force = knowledge_.now();
  MQ_ASSIGN_OR_RETURN(const std::string fault, ProbeDue(resolver.get(), in_force));
  if (!fault.empty()) return StoreUse();
  MQ_RETURN_IF_ERROR(LookAgain(resolver.get(), in_force, fleet));
  MQ_RETURN_IF_ERROR(SweepDue(resolver.get(), in_force, fleet));
  MQ_RETURN_IF_ERROR(AskSources(resolver.get(), in_force));
  return StoreUse();
}

absl::StatusOr<std::string> BlacklistWatch::ProbeDue(Resolver* resolver,
                                                     const ListKnowledge::InForce& in_force) {
  const absl::Time now = clock_->Now();
  std::vector<const List*> due;
  for (const List* list : in_force.enabled) {
    const blacklist::ListHealth health = knowledge_.Of(list->zone);
    const absl::Duration pace =
        health.state == HealthState::kWell ? options_.paces.health : options_.paces.sick;
    if (DueAt(health.probed, pace, list->zone, now) <= now) due.push_back(list);
  }
  return sweeper_->Probe(resolver, due, in_force, options_.allow_public);
}

SweepJob BlacklistWatch::JobFor(const ListKnowledge::InForce& in_force, const Fleet& fleet) const {
  SweepJob job;
  job.in_force = in_force;
  job.allow_public = options_.allow_public;
  job.fleet = fleet.asked;
  job.hosts = fleet.hosts;
  job.subjects = fleet.asked;
  job.on_answer = [](const v1::BlacklistAnswer&) {};
  job.wanted = [](const List&, const Subject&) { return true; };
  return job;
}

absl::Status BlacklistWatch::LookAgain(Resolver* resolver,
                                       const ListKnowledge::InForce& in_force,
                                       const Fleet& fleet) {
  const std::vector<std::string> suspected = knowledge_.Suspected();
  const absl::Time now = clock_->Now();
  if (suspected.empty() || (looked_again_ <= now && now - looked_again_ < options_.paces.sick))
    return absl::OkStatus();
  looked_again_ = clock_->Now();
  SweepJob job = JobFor(in_force, fleet);
  for (const std::string& zone : suspected) {
    for (const List* list : in_force.enabled) {
      if (list->zone == zone) job.lists.push_back(list);
    }
  }
  job.look_again = true;
  job.share = ShareOf(Pace::kQuiet);
  job.ask_until = absl::Now() + kRound;
  return sweeper_->Run(resolver, job).status();
}

std::set<std::string> BlacklistWatch::Attacked(const Fleet& fleet) {
  std::set<std::string> out;
  const absl::StatusOr<Gates> gates = Gates::Read(store_, clock_->Now(), {});
  if (!gates.ok()) return out;
  std::set<std::string> alarmed;
  for (const v1::Host& host : hosts_->All()) {
    if (host.heartbeat().alarm()) alarmed.insert(host.host_id());
  }
  for (const FleetSubject& one : fleet.all) {
    const std::set<std::string> hosts(one.host_ids.begin(), one.host_ids.end());
    const bool alarm = std::any_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
      return alarmed.count(host) > 0;
    });
    if (alarm || gates->Of(hosts).kind == AttackGate::Kind::kGoesOn) out.insert(one.subject.text());
  }
  return out;
}

// What is open is listed, whatever the last answer was.
absl::Status BlacklistWatch::RememberOpen() {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> open, listings_->List({}));
  std::set<std::pair<std::string, std::string>> pairs;
  for (const v1::Listing& one : open) {
    for (const std::string& zone : one.zones()) pairs.insert({one.subject(), zone});
  }
  memory_.SetOpen(std::move(pairs));
  return absl::OkStatus();
}

Pace BlacklistWatch::PaceOf(const std::string& subject,
                            const std::string& zone,
                            bool attacked) const {
  if (memory_.Of(subject, zone).believed) return Pace::kListed;
  return attacked || memory_.Listed(subject) ? Pace::kAttacked : Pace::kQuiet;
}

// One sweep a pace, so that what is urgent gets the quota that it keeps.
absl::Status BlacklistWatch::SweepDue(Resolver* resolver,
                                      const ListKnowledge::InForce& in_force,
                                      const Fleet& fleet) {
  const std::set<std::string> attacked = Attacked(fleet);
  const absl::Time begun = clock_->Now();
  const absl::Time really_begun = absl::Now();
  const absl::Time round_end = really_begun + kRound;
  blacklist::SweepTotals all;
  // Decided before the first question: an answer changes the pace, but not of this sweep.
  std::map<Pace, std::set<std::pair<const List*, std::string>>> due;
  for (const List* list : in_force.enabled) {
    for (const Subject& subject : fleet.asked) {
      if (!Covers(*list, subject)) continue;
      const Pace pace = PaceOf(subject.text(), list->zone, attacked.count(subject.text()) > 0);
      const AnswerMemory::Last last = memory_.Of(subject.text(), list->zone);
      const absl::Duration length = last.failed
                                        ? std::min(options_.paces.sick, options_.paces.Of(pace))
                                        : options_.paces.Of(pace);
      if (DueAt(last.asked, length, subject.text() + list->zone, begun) <= begun)
        due[pace].insert({list, subject.text()});
    }
  }
  for (const Pace pace : {Pace::kListed, Pace::kAttacked, Pace::kQuiet}) {
    const auto& pairs = due[pace];
    if (pairs.empty()) continue;
    SweepJob job = JobFor(in_force, fleet);
    job.lists = in_force.enabled;
    job.share = ShareOf(pace);
    job.ask_until = round_end;
    job.wanted = [&pairs](const List& list, const Subject& subject) {
      return pairs.count({&list, subject.text()}) > 0;
    };
    MQ_ASSIGN_OR_RETURN(const blacklist::SweepTotals totals, sweeper_->Run(resolver, job));
    all.asked += totals.asked;
    all.held_back += totals.held_back;
  }
  std::set<std::string> kept;
  for (const Subject& subject : fleet.asked) kept.insert(subject.text());
  memory_.Keep(kept);
  const std::lock_guard<std::mutex> lock(mu_);
  attacked_ = attacked;
  if (all.asked + all.held_back == 0) return absl::OkStatus();
  all.took = absl::Now() - really_begun;
  sweep_ = all;
  sweep_time_ = begun;
  return absl::OkStatus();
}

absl::Status BlacklistWatch::AskSources(Resolver* resolver,
                                        const ListKnowledge::InForce& in_force) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> listings, listings_->ToAskAtSource());
  SourceOptions options;
  options.port = options_.source_port;
  options.keys = in_force.keys;
  int asked = 0;
  const absl::Time now = clock_->Now();
  for (const v1::Listing& listing : listings) {
    // Whoever does not answer is not pressed, and nothing else waits for him for long.
    absl::Time& last =
        asked_at_source_.try_emplace(listing.listing_id(), absl::InfinitePast()).first->second;
    if (last <= now && now - last < options_.paces.listed) continue;
    if (++asked > kMostSources) break;
    last = now;
    const absl::StatusOr<Subject> subject = Subject::Parse(listing.subject());
    if (!subject.ok()) continue;
    bool clean = true, listed = false, heard = false;
    for (const v1::ListingZone& zone : listing.seen()) {
      const List* list = in_force.catalogue->Find(zone.zone());
      if (zone.unasked() || list == nullptr) continue;
      const std::optional<bool> said =
          CleanAtSource(resolver, *list, *subject, listing.component(), &pacer_, options);
      heard |= said.has_value();
      clean &= said.value_or(false);
      listed |= said.has_value() && !*said;
    }
    // Where some say nothing, one more CLEAN is waited for.
    if (heard && (clean || listed))
      MQ_RETURN_IF_ERROR(listings_->SourceSaid(listing.listing_id(), clean && !listed));
  }
  if (listings.empty()) asked_at_source_.clear();
  return absl::OkStatus();
}

absl::Status BlacklistWatch::StoreUse() {
  std::map<std::pair<std::string, std::string>, std::int64_t> use;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    use.swap(use_);
  }
  absl::Status status;
  for (const auto& [key, used] : use) {
    const absl::Status stored = store_->AddQuotaUse(key.first, key.second, used);
    if (stored.ok()) continue;
    status = stored;
    const std::lock_guard<std::mutex> lock(mu_);
    use_[key] += used;
  }
  return status;
}

}  // namespace mailquench::controller
