// What Windows' Security Center tells of other products, on a simulated WMI; and which product of
// several is asked to scan.
#include "agent/antivirus/defender/security_center.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "agent/antivirus/adapter.h"
#include "agent/antivirus/antivirus_set.h"
#include "agent/antivirus/defender/defender_antivirus.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/simulated_wmi.h"

namespace mailquench::agent::defender {
namespace {
using ::testing::HasSubstr;

constexpr char kOther[] = "{11111111-2222-3333-4444-555555555555}";

WmiRow Row(const std::string& name, std::uint32_t state, const std::string& guid = kOther) {
  return {
      {"displayName", {name}}, {"instanceGuid", {guid}}, {"productState", {absl::StrCat(state)}}};
}

class SecurityCenterTest : public testing::Test {
 protected:
  void Show(std::vector<WmiRow> rows) {
    wmi_->Put(kCenterSpace, "AntiVirusProduct", std::move(rows));
  }
  const std::shared_ptr<SimulatedWmi> wmi_ = std::make_shared<SimulatedWmi>();
  SecurityCenter center_{wmi_};
};

TEST_F(SecurityCenterTest, TheStateIsReadByItsMask) {
  struct {
    std::uint32_t state;
    bool running;
    v1::Protection real_time;
    bool out_of_date;
    const char* problem;
  } const cases[] = {
      {0x041000, true, v1::PROTECTION_ON, false, "no more than this"},
      {0x041010, true, v1::PROTECTION_ON, true, "no more than this"},
      {0x040000, false, v1::PROTECTION_OFF, false, "it is off"},
      {0x042000, true, v1::PROTECTION_OFF, false, "snoozed"},
      {0x043010, false, v1::PROTECTION_OFF, true, "expired"},
      {0x047000, false, v1::PROTECTION_UNSPECIFIED, false, "not known (0x47000)"},
  };
  for (const auto& one : cases) {
    Show({Row("Acme", one.state)});
    ASSERT_TRUE(center_.IsPresent());
    const v1::AntivirusProduct product = center_.Status();
    EXPECT_EQ(product.adapter(), "security-center");
    EXPECT_EQ(product.product(), "Acme");
    EXPECT_EQ(product.running(), one.running) << one.state;
    EXPECT_EQ(product.real_time(), one.real_time) << one.state;
    EXPECT_EQ(product.out_of_date(), one.out_of_date) << one.state;
    EXPECT_THAT(product.problem(), HasSubstr(one.problem)) << one.state;
    EXPECT_FALSE(product.has_signature_time());
  }
  WmiRow no_state = Row("Acme", 0);
  no_state["productState"] = {};
  Show({no_state});
  EXPECT_FALSE(center_.Status().running());
  EXPECT_THAT(center_.Status().problem(), HasSubstr("does not tell its state"));
}

TEST_F(SecurityCenterTest, DefenderIsNotListedTwice) {
  Show({Row("Windows Defender", 0x061100),
        Row("Windows-Defender", 0x060000, "{d68ddc3a-831f-4FAE-9e44-da132c1acf46}")});
  EXPECT_FALSE(center_.IsPresent());
  Show({Row("Windows Defender", 0x060100), Row("Acme", 0x041000),
        Row("Zeta\x1b]0;x\x07", 0x043000)});
  ASSERT_EQ(center_.Look().size(), 2U);
  EXPECT_EQ(center_.Look()[0].product(), "Acme");
  EXPECT_EQ(center_.Look()[1].product(), "Zeta ]0;x ");
}

TEST_F(SecurityCenterTest, AServerHasNone) {
  wmi_->RemoveNamespace(kCenterSpace);
  EXPECT_FALSE(center_.IsPresent());
  EXPECT_TRUE(center_.Look().empty());
  EXPECT_FALSE(center_.Status().running());
}

TEST_F(SecurityCenterTest, ManyAreBounded) {
  Show(std::vector<WmiRow>(1000, Row(std::string(100000, 'x'), 0x041000)));
  EXPECT_EQ(center_.Look().size(), 20U);
  EXPECT_EQ(center_.Status().product().size(), kMaxWord);
}

TEST_F(SecurityCenterTest, UpdateAndScanAreRefused) {
  Show({Row("Acme", 0x041000), Row("Zeta", 0x041000)});
  const absl::Status updated = center_.Update({}).status();
  EXPECT_EQ(ReasonOf(updated), "NOT_DESCRIBED");
  EXPECT_TRUE(absl::IsUnimplemented(updated));
  v1::AntivirusScanResult result;
  const absl::Status scanned = center_.Scan({}, {}, result);
  EXPECT_EQ(ReasonOf(scanned), "NOT_DESCRIBED");
  EXPECT_THAT(scanned.message(), HasSubstr("state of Acme, Zeta, it cannot be asked to scan"));
}

TEST_F(SecurityCenterTest, OneThatCanBeAskedScansBeforeOneThatCannot) {
  Show({Row("Acme", 0x041000)});
  std::vector<std::unique_ptr<Antivirus>> products;
  products.push_back(std::make_unique<SecurityCenter>(wmi_));
  AdapterConfig config;
  config.name = "acme";
  products.push_back(std::make_unique<Adapter>(config));
  const AntivirusSet both(std::move(products), nullptr);
  EXPECT_EQ(AntivirusSet::ToScan(both.Look({}))->antivirus->Status().adapter(), "acme");
  std::vector<std::unique_ptr<Antivirus>> alone;
  alone.push_back(std::make_unique<SecurityCenter>(wmi_));
  const AntivirusSet one(std::move(alone), nullptr);
  EXPECT_EQ(AntivirusSet::ToScan(one.Look({}))->antivirus->Status().adapter(), "security-center");
}

}  // namespace
}  // namespace mailquench::agent::defender
