// A plan's records of where mail goes: addresses of exchangers, and MX.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/plan_maker.h"
#include "controller/mx/values.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {

absl::Status PlanMaker::LookAtDomains() {
  std::vector<std::pair<std::string, std::string>> questions;
  for (const std::string& domain : wish_.domains) {
    if (ConfiguredZone(options_, domain) == nullptr)
      return NotConfigured(domain, absl::StrCat("the domain ", domain, " is to be switched"));
    questions.emplace_back(domain, "MX");
    if (wish_.sends && !wish_.keep_spf) questions.emplace_back(domain, "TXT");
  }
  return FetchAll(questions);
}

absl::StatusOr<std::vector<std::string>> PlanMaker::HostsOf(const std::string& domain) {
  MQ_ASSIGN_OR_RETURN(const v1::RecordSet mx, primaries_->Current(domain, "MX", now_));
  std::vector<std::string> hosts;
  for (const std::string& value : mx.values()) {
    const auto one = ParseMx(value);
    if (one && !one->host.empty()) hosts.push_back(one->host);
  }
  if (mx.values().empty()) hosts.push_back(domain);
  return hosts;
}

absl::Status PlanMaker::ChangeAddresses() {
  std::set<std::string> hosts;
  for (const std::string& domain : wish_.domains) {
    MQ_ASSIGN_OR_RETURN(const std::vector<std::string> some, HostsOf(domain));
    hosts.insert(some.begin(), some.end());
  }
  std::vector<std::pair<std::string, std::string>> ours, others;
  for (const std::string& host : hosts) {
    auto& list = ConfiguredZone(options_, host) != nullptr ? ours : others;
    list.emplace_back(host, wish_.from.type());
    if (wish_.from.is6() != wish_.to.is6()) list.emplace_back(host, wish_.to.type());
  }
  MQ_RETURN_IF_ERROR(FetchAll(ours));
  lookups_->Fetch(others);
  for (const std::string& host : hosts) MQ_RETURN_IF_ERROR(ChangeAddress(host));
  return absl::OkStatus();
}

absl::Status PlanMaker::ChangeAddress(const std::string& host) {
  if (ConfiguredZone(options_, host) == nullptr) {
    const auto has = lookups_->Addresses(host, wish_.from.type(), nullptr);
    if (std::find(has.begin(), has.end(), wish_.from.text) == has.end()) return absl::OkStatus();
    return NotConfigured(
        host, absl::StrCat("the mail exchanger ", host, " has the address ", wish_.from.text));
  }
  MQ_ASSIGN_OR_RETURN(const v1::RecordSet old, primaries_->Current(host, wish_.from.type(), now_));
  std::vector<std::string> values = ValuesOf(old);
  const auto at = std::find(values.begin(), values.end(), wish_.from.text);
  if (at == values.end()) return absl::OkStatus();
  values.erase(at);
  if (host_.empty()) host_ = host;
  if (wish_.from.is6() != wish_.to.is6()) {
    // The new one first: never a moment with none.
    MQ_ASSIGN_OR_RETURN(const v1::RecordSet other,
                        primaries_->Current(host, wish_.to.type(), now_));
    std::vector<std::string> more = ValuesOf(other);
    more.push_back(wish_.to.text);
    MQ_RETURN_IF_ERROR(Add(other, more, "address", &addresses_));
  } else {
    values.push_back(wish_.to.text);
  }
  return Add(old, values, "address", &addresses_);
}

absl::Status PlanMaker::ChangeExchangers() {
  const std::string& name = wish_.exchanger;
  if (ConfiguredZone(options_, name) != nullptr) {
    MQ_ASSIGN_OR_RETURN(const v1::RecordSet has, primaries_->Current(name, wish_.to.type(), now_));
    std::vector<std::string> values = ValuesOf(has);
    values.push_back(wish_.to.text);
    MQ_RETURN_IF_ERROR(Add(has, values, "address", &addresses_));
  } else {
    const auto has = lookups_->Addresses(name, wish_.to.type(), nullptr);
    if (std::find(has.begin(), has.end(), wish_.to.text) == has.end())
      return NotConfigured(name, absl::StrCat(name, " does not have the address ", wish_.to.text));
  }
  host_ = name;
  if (!wish_.from.text.empty()) {
    std::vector<std::pair<std::string, std::string>> questions;
    for (const std::string& domain : wish_.domains) {
      MQ_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, HostsOf(domain));
      for (const std::string& host : hosts) questions.emplace_back(host, wish_.from.type());
    }
    lookups_->Fetch(questions);
  }
  for (const std::string& domain : wish_.domains) {
    MQ_ASSIGN_OR_RETURN(const v1::RecordSet mx, primaries_->Current(domain, "MX", now_));
    std::vector<std::string> values;
    for (const std::string& value : mx.values()) {
      const auto one = ParseMx(value);
      const bool leaves = one && !one->host.empty() && Leaves(one->host);
      values.push_back(leaves ? absl::StrCat(one->preference, " ", name, ".") : value);
    }
    if (mx.values().empty() && Leaves(domain)) values.push_back(absl::StrCat("10 ", name, "."));
    MQ_RETURN_IF_ERROR(Add(mx, values, "mx", &exchangers_));
  }
  return absl::OkStatus();
}

bool PlanMaker::Leaves(const std::string& host) {
  if (wish_.from.text.empty()) return true;
  const auto has = lookups_->Addresses(host, wish_.from.type(), nullptr);
  return std::find(has.begin(), has.end(), wish_.from.text) != has.end();
}

}  // namespace mailquench::controller::mx
