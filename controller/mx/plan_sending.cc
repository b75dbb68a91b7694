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

absl::Status PlanMaker::ChangePtr() {
  const std::string name = ReverseName(wish_.to);
  const std::string wanted = !wish_.helo.empty() ? wish_.helo : host_;
  if (wanted.empty()) return absl::OkStatus();
  v1::RecordSet has;
  if (ConfiguredZone(options_, name) != nullptr) {
    MQ_ASSIGN_OR_RETURN(has, primaries_->Current(name, "PTR", now_));
  } else {
    const Told told = lookups_->Ask(name, "PTR");
    has.set_name(name);
    has.set_type("PTR");
    has.set_ttl(told.ttl);
    for (const std::string& value : told.values) has.add_values(value);
  }
  MQ_RETURN_IF_ERROR(Add(has, {absl::StrCat(wanted, ".")}, "ptr", &ptr_));
  for (const v1::SwitchRecord& one : ptr_) AssumeDone(one);
  return absl::OkStatus();
}

}  // namespace mailquench::controller::mx
