#include "controller/mx/plan.h"

#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/dns/query.h"
#include "controller/mx/plan_maker.h"
#include "controller/mx/plan_request.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {
absl::Status NotConfigured(const std::string& name, const std::string& why) {
  return Error(absl::StatusCode::kNotFound, "ZONE_NOT_CONFIGURED",
               absl::StrCat(why, ", but no zone above ", name,
                            " is in the controller's configuration (dns: zones:); nothing was "
                            "changed; add it there, with via: request where somebody else has it"));
}

std::vector<std::string> ValuesOf(const v1::RecordSet& set) {
  return {set.values().begin(), set.values().end()};
}

// One after another; what follows may need what was found.
absl::StatusOr<std::vector<v1::SwitchRecord>> PlanMaker::Make() {
  MQ_RETURN_IF_ERROR(LookAtDomains());
  if (wish_.exchanger.empty()) {
    MQ_RETURN_IF_ERROR(ChangeAddresses());
  } else {
    MQ_RETURN_IF_ERROR(ChangeExchangers());
  }
  for (const auto* part : {&addresses_, &exchangers_}) {
    for (const v1::SwitchRecord& one : *part) AssumeDone(one);
  }
  if (wish_.sends && !wish_.keep_spf) MQ_RETURN_IF_ERROR(ChangeSpf());
  if (wish_.sends && !wish_.keep_ptr) MQ_RETURN_IF_ERROR(ChangePtr());
  std::vector<v1::SwitchRecord> all;
  for (auto* part : {&spf_, &ptr_, &addresses_, &exchangers_}) {
    for (v1::SwitchRecord& one : *part) all.push_back(std::move(one));
  }
  MQ_RETURN_IF_ERROR(Complete(&all));
  return all;
}

void PlanMaker::AssumeDone(const v1::SwitchRecord& one) {
  lookups_->Assume(one.after().name(), one.after().type(), ValuesOf(one.after()),
                   one.after().ttl());
}

absl::Status PlanMaker::FetchAll(
    const std::vector<std::pair<std::string, std::string>>& questions) {
  std::vector<std::function<void()>> tasks;
  for (const auto& [name, type] : questions) {
    tasks.emplace_back([this, &name = name, &type = type] {
      primaries_->Current(name, type, now_).status().IgnoreError();
    });
  }
  RunTogether(tasks, kAskTogether);
  for (const auto& [name, type] : questions)
    MQ_RETURN_IF_ERROR(primaries_->Current(name, type, now_).status());
  return absl::OkStatus();
}

absl::Status PlanMaker::Add(const v1::RecordSet& before,
                            const std::vector<std::string>& values,
                            const std::string& purpose,
                            std::vector<v1::SwitchRecord>* records) {
  MQ_ASSIGN_OR_RETURN(const auto wanted, dns::Canonical(before.name(), before.type(), values));
  if (wanted == ValuesOf(before)) return absl::OkStatus();
  v1::SwitchRecord record;
  *record.mutable_before() = before;
  record.mutable_after()->set_name(before.name());
  record.mutable_after()->set_type(before.type());
  record.mutable_after()->set_ttl(wish_.ttl);
  for (const std::string& value : wanted) record.mutable_after()->add_values(value);
  record.set_purpose(purpose);
  record.set_state(v1::RECORD_STATE_PLANNED);
  records->push_back(std::move(record));
  return absl::OkStatus();
}

absl::Status PlanMaker::Complete(std::vector<v1::SwitchRecord>* records) {
  std::vector<v1::SwitchRecord> lowering;
  std::map<std::string, std::uint32_t> negative;
  for (v1::SwitchRecord& one : *records) {
    const Zone* const zone = ConfiguredZone(options_, one.before().name());
    if (zone != nullptr) {
      one.set_zone(zone->zone);
      one.set_via(zone->via);
    } else {
      const auto cut = FindZone(lookups_, one.before().name());
      one.set_zone(cut.ok() ? cut->zone : "");
      one.set_via(v1::SWITCH_VIA_REQUEST);
    }
    if (one.before().values().empty()) {
      if (negative.count(one.zone()) == 0) {
        const auto cut = FindZone(lookups_, one.zone());
        negative[one.zone()] = cut.ok() ? cut->negative_ttl : 3600;
      }
      one.set_old_ttl(negative[one.zone()]);
      continue;
    }
    one.set_old_ttl(one.before().ttl());
    if (!wish_.lower_first || one.before().ttl() <= wish_.ttl) continue;
    v1::SwitchRecord lower = one;
    *lower.mutable_after() = one.before();
    lower.mutable_after()->set_ttl(wish_.ttl);
    lower.set_purpose("ttl");
    lowering.push_back(std::move(lower));
    one.set_old_ttl(wish_.ttl);
  }
  records->insert(records->begin(), lowering.begin(), lowering.end());
  return absl::OkStatus();
}

absl::StatusOr<Plan> MakePlan(const Options& options,
                              Lookups* lookups,
                              Primaries* primaries,
                              const v1::PlanSwitchRequest& request,
                              absl::Time now) {
  Plan plan;
  plan.request = request;
  MQ_ASSIGN_OR_RETURN(SwitchWish wish, ReadWish(&plan.request));
  MQ_ASSIGN_OR_RETURN(plan.records,
                      PlanMaker(options, lookups, primaries, std::move(wish), now).Make());
  if (plan.records.empty())
    return Error(
        absl::StatusCode::kFailedPrecondition, "NOTHING_TO_SWITCH",
        absl::StrCat("nothing of these domains leads to ",
                     request.from_address().empty() ? "another exchanger" : request.from_address(),
                     ", or all is as it is wanted already; nothing was changed; `mailquench "
                     "mx show DOMAIN` says what is there"));
  return plan;
}

}  // namespace mailquench::controller::mx
