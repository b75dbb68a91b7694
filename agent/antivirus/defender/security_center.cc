#include "agent/antivirus/defender/security_center.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/antivirus/defender/wmi_values.h"
#include "common/status/error.h"

namespace mailquench::agent::defender {
namespace {
constexpr char kNamespace[] = "ROOT\\SecurityCenter2";
constexpr char kQuery[] = "SELECT * FROM AntiVirusProduct";
constexpr char kAdapter[] = "security-center";
// Of Defender, whatever it is called in the language of the host.
constexpr char kDefenderGuid[] = "{D68DDC3A-831F-4fae-9E44-DA132C1ACF46}";
constexpr absl::Duration kAskCenter = absl::Seconds(30);
constexpr std::size_t kMostProducts = 20;

constexpr std::uint32_t kState = 0xf000;
constexpr std::uint32_t kOff = 0x0000;
constexpr std::uint32_t kOn = 0x1000;
constexpr std::uint32_t kSnoozed = 0x2000;
constexpr std::uint32_t kExpired = 0x3000;
constexpr std::uint32_t kOwner = 0x0f00;
constexpr std::uint32_t kMicrosoft = 0x0100;
constexpr std::uint32_t kSignatures = 0x00f0;
constexpr std::uint32_t kOutOfDate = 0x0010;

constexpr char kNoMore[] =
    "Windows tells of it no more than this; describe its commands in agent.yaml "
    "(antivirus_adapters) for the age of its signatures";

bool IsDefender(const WmiRow& row) {
  return absl::EqualsIgnoreCase(TextOf(row, "instanceGuid"), kDefenderGuid) ||
         (NumberOf(row, "productState").value_or(0) & kOwner) == kMicrosoft;
}

v1::AntivirusProduct ProductOf(const WmiRow& row) {
  v1::AntivirusProduct product;
  product.set_adapter(kAdapter);
  const std::string name = Shown(TextOf(row, "displayName"));
  product.set_product(name.empty() ? "(a product without a name)" : name);
  const std::optional<std::uint32_t> state = NumberOf(row, "productState");
  if (!state.has_value()) {
    product.set_problem("Windows does not tell its state");
    return product;
  }
  product.set_out_of_date((*state & kSignatures) == kOutOfDate);
  const std::uint32_t word = *state & kState;
  product.set_running(word == kOn || word == kSnoozed);
  if (word == kOn || word == kOff || word == kSnoozed || word == kExpired)
    product.set_real_time(word == kOn ? v1::PROTECTION_ON : v1::PROTECTION_OFF);
  product.set_problem(word == kOn        ? kNoMore
                      : word == kOff     ? "it is off"
                      : word == kSnoozed ? "its protection is snoozed"
                      : word == kExpired
                          ? "it has expired"
                          : absl::StrFormat("its state is not known (0x%X)", *state));
  return product;
}

absl::Status NotDescribed(const std::vector<v1::AntivirusProduct>& products,
                          absl::string_view what) {
  std::vector<std::string> names;
  for (const v1::AntivirusProduct& one : products) names.push_back(one.product());
  return Error(absl::StatusCode::kUnimplemented, "NOT_DESCRIBED",
               absl::StrCat("Windows tells only the state of ",
                            names.empty() ? "other antivirus products" : absl::StrJoin(names, ", "),
                            ", it cannot be asked to ", what,
                            "; nothing was done; describe its commands in agent.yaml "
                            "(antivirus_adapters)"));
}
}  // namespace

bool SecurityCenter::IsPresent(const WorkContext& context) {
  return !Look(context).empty();
}

v1::AntivirusProduct SecurityCenter::Status(const WorkContext& context) {
  std::vector<v1::AntivirusProduct> products = Look(context);
  if (!products.empty()) return std::move(products.front());
  v1::AntivirusProduct none;
  none.set_adapter(kAdapter);
  none.set_problem("Windows' Security Center knows no other product");
  return none;
}

std::vector<v1::AntivirusProduct> SecurityCenter::Look(const WorkContext& /*context*/) {
  std::vector<v1::AntivirusProduct> products;
  const absl::StatusOr<std::vector<WmiRow>> rows = wmi_->Query(kNamespace, kQuery, kAskCenter);
  // A server has no such namespace. Where it cannot be asked, nothing is known of others.
  if (!rows.ok()) return products;
  for (const WmiRow& row : *rows) {
    if (products.size() == kMostProducts) break;
    if (!IsDefender(row)) products.push_back(ProductOf(row));
  }
  return products;
}

absl::StatusOr<Updated> SecurityCenter::Update(const WorkContext& /*context*/) {
  return NotDescribed(Look(), "update");
}

absl::Status SecurityCenter::Scan(const ScanOrder& /*order*/,
                                  const WorkContext& /*context*/,
                                  v1::AntivirusScanResult& result) {
  const std::vector<v1::AntivirusProduct> products = Look();
  if (!products.empty()) *result.mutable_product() = products.front();
  return NotDescribed(products, "scan");
}

}  // namespace mailquench::agent::defender
