// A plan's records of where mail comes from: SPF, and the reverse name.
#include <functional>

#include "absl/strings/str_cat.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/mx/plan_maker.h"
#include "controller/mx/spf.h"
#include "controller/mx/spf_record.h"
#include "controller/mx/values.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {

absl::Status PlanMaker::ChangeSpf() {
  std::vector<SpfAnswer> answers(wish_.domains.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < wish_.domains.size(); ++i) {
    const auto txt = primaries_->Current(wish_.domains[i], "TXT", now_);
    MQ_RETURN_IF_ERROR(txt.status());
    lookups_->Assume(wish_.domains[i], "TXT", ValuesOf(*txt), txt->ttl());
    tasks.emplace_back([&, i] {
      answers[i] = CheckSpf(lookups_, {wish_.to.text, wish_.domains[i], "", wish_.helo});
    });
  }
  RunTogether(tasks, kAskTogether);
  for (std::size_t i = 0; i < wish_.domains.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(const v1::RecordSet txt,
                        primaries_->Current(wish_.domains[i], "TXT", now_));
    std::vector<std::string> values;
    for (const std::string& value : txt.values()) {
      const std::string text = TxtText(value);
      const std::string changed =
          IsSpf(text) ? SpfFor(text, answers[i].result == SpfResult::kPass) : text;
      values.push_back(changed == text ? value : TxtValue(changed));
    }
    MQ_RETURN_IF_ERROR(Add(txt, values, "spf", &spf_));
    if (!spf_.empty() && spf_.back().after().name() == wish_.domains[i]) AssumeDone(spf_.back());
  }
  return absl::OkStatus();
}

// A record that is broken is left alone: the preflight says so.
std::string PlanMaker::SpfFor(const std::string& text, bool passes) const {
  if (!ParseSpf(text).ok()) return text;
  const std::string with = SpfWith(text, wish_.from.text, wish_.to.text);
  if (!passes) return with;
  // It names the old one, or all is well by other terms.
  const bool names_old = !wish_.from.text.empty() && SpfWith(text, "", wish_.from.text) == text;
  return names_old ? with : text;
}

// Smaller networks have their reverse names in a zone of their own, where aliases lead to (RFC
// 2317).
absl::StatusOr<std::string> PlanMaker::PtrOwner(const std::string& name) {
  std::string owner = name;
  for (int step = 0; step < 8; ++step) {
    const auto has = primaries_->Current(owner, "PTR", now_);
    if (has.ok() || ReasonOf(has.status()) != "RECORD_IS_ALIAS") break;
    const Told told = lookups_->Ask(owner, "CNAME");
    if (told.values.empty())
      return Prepend(has.status(), absl::StrCat("where the reverse name of ", wish_.to.text,
                                                " leads is not known; --keep-ptr leaves it alone"));
    owner = Plain(told.values[0]);
  }
  return owner;
}

absl::Status PlanMaker::ChangePtr() {
  const std::string name = ReverseName(wish_.to);
  const std::string wanted = !wish_.helo.empty() ? wish_.helo : host_;
  if (wanted.empty()) return absl::OkStatus();
  // Who has authority says it: a resolver has but what is left of the TTL.
  MQ_ASSIGN_OR_RETURN(const std::string owner, PtrOwner(name));
  const auto has = primaries_->Current(owner, "PTR", now_);
  if (!has.ok())
    return Prepend(has.status(), absl::StrCat("the reverse name of ", wish_.to.text,
                                              " is not known; --keep-ptr leaves it alone"));
  MQ_RETURN_IF_ERROR(Add(*has, {absl::StrCat(wanted, ".")}, "ptr", &ptr_));
  for (const v1::SwitchRecord& one : ptr_) AssumeDone(one);
  return absl::OkStatus();
}

}  // namespace mailquench::controller::mx
