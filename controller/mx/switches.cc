#include "controller/mx/switches.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/domain_view.h"
#include "controller/mx/plan.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/values.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

constexpr int kMostTimeline = 300;
constexpr int kMostPreflightDomains = 1000;
constexpr std::size_t kDrivers = 8;
constexpr int kMostPlanned = 100;  // Each is abandoned after a day.

// What is looked at before mail moves: with the records that the switch itself will make.
PreflightWish WishOf(const v1::MxSwitch& value) {
  const v1::PlanSwitchRequest& request = value.request();
  PreflightWish wish;
  wish.actor = value.requested_by();
  wish.address = request.to_address();
  wish.domains = {request.domains().begin(), request.domains().end()};
  wish.helo_name = request.helo_name();
  wish.outbound = !request.inbound_only();
  wish.incident_id = request.incident_id();
  wish.vantage = request.vantage();
  wish.short_ttl = std::max<std::uint32_t>(300, request.ttl());
  wish.lowers = request.lower_ttl_first();
  for (const v1::SwitchRecord& one : value.records()) {
    if (one.purpose() != "mx" && one.purpose() != "address") continue;
    wish.inbound = true;
    if (!one.before().values().empty()) wish.changing.push_back(one.before());
  }
  return wish;
}

// Caches are asked at the system's resolvers where none is configured.
Options Completed(Options options) {
  if (options.resolvers.empty()) options.resolvers = Lookups({}, options.patience).resolvers();
  return options;
}

}  // namespace

Switches::Switches(Store* store, Clock* clock, Options options, SwitchHands hands)
    : store_(store),
      clock_(clock),
      options_(Completed(std::move(options))),
      hands_(std::move(hands)) {}

Switches::~Switches() {
  Stop();
}

absl::Status Switches::Open() {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->SwitchIds(false));
  const std::lock_guard<std::mutex> lock(mu_);
  for (const std::string& id : ids) {
    auto live = std::make_shared<Live>();
    MQ_ASSIGN_OR_RETURN(live->value, store_->FindSwitch(id));
    live_[id] = std::move(live);
  }
  return absl::OkStatus();
}

void Switches::Begin() {
  const std::lock_guard<std::mutex> lock(mu_);
  while (drivers_.size() < kDrivers) drivers_.emplace_back([this] { Drive(); });
}

void Switches::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
  }
  changed_.notify_all();
  due_.notify_all();
  for (std::thread& driver : drivers_) driver.join();
  drivers_.clear();
}

v1::MxSwitch Switches::Shown(const Live& live) const {
  v1::MxSwitch shown = live.value;
  shown.set_sentence(SwitchSentence(shown, clock_->Now()));
  return shown;
}

absl::StatusOr<Switches::LivePtr> Switches::Find(const std::string& switch_id) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (const auto at = live_.find(switch_id); at != live_.end()) return at->second;
  }
  MQ_ASSIGN_OR_RETURN(v1::MxSwitch found, store_->FindSwitch(switch_id));
  const std::lock_guard<std::mutex> lock(mu_);
  if (const auto at = live_.find(found.switch_id()); at != live_.end()) return at->second;
  auto live = std::make_shared<Live>();
  live->value = std::move(found);
  return live;
}

void Switches::Say(v1::MxSwitch* value, const std::string& actor, const std::string& text) const {
  if (value->timeline_size() >= kMostTimeline) value->mutable_timeline()->DeleteSubrange(1, 1);
  value->add_timeline(absl::StrCat(TimeText(clock_->Now()), " ", actor, ": ", text));
}

absl::Status Switches::Edit(const LivePtr& live, const Change& change) {
  const std::lock_guard<std::mutex> lock(mu_);
  // Of one that has ended each call has a copy of its own: the first that changes it wins.
  if (const auto at = live_.find(live->value.switch_id()); at != live_.end() && at->second != live)
    return Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
                 absl::StrCat("the switch ", live->value.switch_id(),
                              " was changed by somebody else at the same time; nothing was "
                              "changed; look at it and try again"));
  v1::MxSwitch value = live->value;
  MQ_RETURN_IF_ERROR(change(&value));
  MQ_RETURN_IF_ERROR(store_->Transaction([&]() -> absl::Status {
    // At a turn all of them: of what was seen in DNS since, only what decides was written.
    const bool all = value.state() != live->value.state();
    for (int i = 0; i < value.records_size(); ++i) {
      if (!all &&
          value.records(i).SerializeAsString() == live->value.records(i).SerializeAsString())
        continue;
      MQ_RETURN_IF_ERROR(store_->PutSwitchRecord(value.switch_id(), i, value.records(i)));
    }
    return store_->PutSwitch(value);
  }));
  live->value = std::move(value);
  ++live->version;
  if (live->value.has_end_time())
    live_.erase(live->value.switch_id());
  else
    live_[live->value.switch_id()] = live;
  live->woken = true;
  live->due = Steady::now();
  due_.notify_all();
  changed_.notify_all();
  return absl::OkStatus();
}

absl::Status Switches::EditRecord(
    const LivePtr& live,
    int position,
    const std::function<bool(const v1::MxSwitch&, v1::SwitchRecord*)>& change) {
  const std::lock_guard<std::mutex> lock(mu_);
  v1::SwitchRecord record = live->value.records(position);
  if (!change(live->value, &record)) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(store_->PutSwitchRecord(live->value.switch_id(), position, record));
  *live->value.mutable_records(position) = std::move(record);
  ++live->version;
  changed_.notify_all();
  return absl::OkStatus();
}

absl::StatusOr<v1::DomainView> Switches::Show(const v1::ShowDomainRequest& request) const {
  return ViewDomain(options_, request);
}

absl::StatusOr<v1::PreflightReport> Switches::Preflight(const v1::PreflightRequest& request,
                                                        const std::string& actor) const {
  PreflightWish wish;
  MQ_ASSIGN_OR_RETURN(const Address address, ParseAddress(request.address()));
  wish.address = address.text;
  for (const std::string& text : request.domains()) {
    MQ_ASSIGN_OR_RETURN(const std::string domain, CheckedName(text));
    if (std::find(wish.domains.begin(), wish.domains.end(), domain) == wish.domains.end())
      wish.domains.push_back(domain);
  }
  if (wish.domains.size() > kMostPreflightDomains)
    return Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_DOMAINS",
                 absl::StrCat("more than ", kMostPreflightDomains,
                              " domains are no one question; nothing was asked"));
  if (!request.helo_name().empty()) {
    MQ_ASSIGN_OR_RETURN(wish.helo_name, CheckedName(request.helo_name()));
  }
  wish.inbound = request.inbound();
  wish.incident_id = request.incident_id();
  wish.vantage = request.vantage().substr(0, 300);
  wish.actor = actor;
  Lookups lookups(options_.resolvers, options_.patience);
  v1::PreflightReport report;
  std::vector<v1::Check> checks =
      RunPreflight(options_, &lookups, hands_.preflight, wish, clock_->Now());
  report.set_passed(Passed(checks));
  for (v1::Check& one : checks) *report.add_checks() = std::move(one);
  return report;
}

absl::Status Switches::RoomForPlan() const {
  const auto planned = std::count_if(live_.begin(), live_.end(), [](const auto& one) {
    return one.second->value.state() == v1::SWITCH_STATE_PLANNED;
  });
  if (planned < kMostPlanned) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_PLANS",
               absl::StrCat("there are ", planned,
                            " switches that are planned and not begun; nothing was planned; "
                            "abandon some with `mailquench mx revert S --reason TEXT`"));
}

absl::StatusOr<v1::MxSwitch> Switches::Plan(const v1::PlanSwitchRequest& request,
                                            const std::string& actor) {
  const absl::Time now = clock_->Now();
  {
    const std::lock_guard<std::mutex> lock(mu_);
    MQ_RETURN_IF_ERROR(RoomForPlan());
  }
  Lookups lookups(options_.resolvers, options_.patience);
  Primaries primaries(&options_, &lookups);
  MQ_ASSIGN_OR_RETURN(mx::Plan plan, MakePlan(options_, &lookups, &primaries, request, now));
  auto live = std::make_shared<Live>();
  v1::MxSwitch& value = live->value;
  value.set_switch_id(NewId());
  value.set_state(v1::SWITCH_STATE_PLANNED);
  value.set_plan_hash(PlanHash(plan.request, plan.records));
  value.set_incident_id(plan.request.incident_id());
  value.set_reason(plan.request.reason());
  value.set_requested_by(actor);
  StampTime(now, value.mutable_create_time());
  *value.mutable_request() = plan.request;
  for (v1::SwitchRecord& one : plan.records) *value.add_records() = std::move(one);
  for (v1::Check& one : RunPreflight(options_, &lookups, hands_.preflight, WishOf(value), now))
    *value.add_checks() = std::move(one);
  std::set<int> all;
  for (int i = 0; i < value.records_size(); ++i) all.insert(i);
  for (std::string& text : RequestTexts(options_, value, false, all))
    value.add_requests(std::move(text));
  Say(&value, actor, absl::StrCat("planned ", value.records_size(), " records"));
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(RoomForPlan());
  MQ_RETURN_IF_ERROR(store_->InsertSwitch(value));
  live_[value.switch_id()] = live;
  due_.notify_all();
  return Shown(*live);
}

// With the waivers that there are.
absl::StatusOr<std::vector<v1::Check>> Switches::CheckAgain(const v1::MxSwitch& value) const {
  Lookups lookups(options_.resolvers, options_.patience);
  for (const v1::SwitchRecord& one : value.records())
    lookups.Assume(one.after().name(), one.after().type(),
                   {one.after().values().begin(), one.after().values().end()}, one.after().ttl());
  std::vector<v1::Check> checks =
      RunPreflight(options_, &lookups, hands_.preflight, WishOf(value), clock_->Now());
  for (const v1::Check& old : value.checks()) {
    if (old.state() != v1::CHECK_STATE_WAIVED) continue;
    for (v1::Check& one : checks) {
      if (one.check_id() != old.check_id() || Passed({one})) continue;
      one.set_without_waiver(one.state());
      one.set_state(v1::CHECK_STATE_WAIVED);
      one.set_waived_by(old.waived_by());
      one.set_waive_reason(old.waive_reason());
    }
  }
  return checks;
}

absl::StatusOr<v1::MxSwitch> Switches::Get(const std::string& switch_id) {
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(switch_id));
  const std::lock_guard<std::mutex> lock(mu_);
  return Shown(*live);
}

absl::StatusOr<v1::ListSwitchesResponse> Switches::List(const v1::ListSwitchesRequest& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                      store_->SwitchIds(request.include_ended()));
  v1::ListSwitchesResponse all;
  for (const std::string& id : ids) {
    const auto one = Get(id);
    if (!one.ok()) return one.status();
    v1::MxSwitch* const shown = all.add_switches();
    *shown = *one;
    // They are long, and GetSwitch has them.
    shown->clear_records();
    shown->clear_checks();
    shown->clear_requests();
    shown->clear_timeline();
  }
  return all;
}

absl::StatusOr<v1::MxSwitch> Switches::Next(const std::string& switch_id,
                                            std::uint64_t* version,
                                            absl::Duration wait) {
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(switch_id));
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait_for(lock, absl::ToChronoMilliseconds(wait),
                    [&] { return stopping_ || live->version != *version; });
  *version = live->version;
  return Shown(*live);
}

}  // namespace mailquench::controller::mx
