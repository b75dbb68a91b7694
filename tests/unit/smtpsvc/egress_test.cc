// The name that a virtual server says, and its smarthost.
#include "common/status/error.h"
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::EgressSet WayOut(const std::string& helo,
                     const std::string& smarthost,
                     const std::string& source = "") {
  v1::EgressSet out;
  out.set_helo_name(helo);
  out.set_smarthost(smarthost);
  out.set_source_address(source);
  return out;
}

class WayOutOfSmtpsvc : public ::testing::Test {
 protected:
  void SetUp() override { host.StopAll(); }
  SettingsChange Set(const v1::EgressSet& request) {
    const auto change = host.mail->PlanEgress(request);
    EXPECT_TRUE(change.ok()) << change.status();
    if (!change.ok()) return SettingsChange();
    const absl::Status applied = host.mail->Apply(*change, host.Context("c"));
    EXPECT_TRUE(applied.ok()) << applied;
    return *change;
  }
  static std::vector<v1::Setting> Of(const SettingsChange& change) {
    return {change.result.settings().begin(), change.result.settings().end()};
  }
  SmtpHost host;
};

TEST_F(WayOutOfSmtpsvc, ASmarthostIsUsedAlwaysAndGivenBack) {
  const SettingsChange change = Set(WayOut("out.example.org", "192.0.2.9"));
  EXPECT_EQ(host.Text("1", "SmartHost"), "string attr=1 ut=1 \"[192.0.2.9]\"");
  EXPECT_EQ(host.Text("1", "SmartHostType"), "dword attr=1 ut=1 2");
  EXPECT_EQ(host.Text("1", "FullyQualifiedDomainName"), "string attr=1 ut=1 \"out.example.org\"");
  EXPECT_THAT(change.result.notice(), HasSubstr("example.org"));
  EXPECT_THAT(host.mail->PlanEgress(WayOut("OUT.example.org", "[192.0.2.9]"))->files, IsEmpty());
  EXPECT_THAT(*host.mail->Drifted(Of(change)), IsEmpty());
  // Another one on top of it: what was recorded first is what is put back.
  const SettingsChange direct = Set(WayOut("", "direct"));
  EXPECT_EQ(host.Text("1", "SmartHostType"), "dword attr=1 ut=1 0");
  std::vector<v1::Setting> both = Of(change);
  for (const v1::Setting& one : Of(direct)) both.push_back(one);
  const auto plan = host.mail->PlanRestore(both, {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->result.needs_decision(), 0);
  ASSERT_TRUE(host.mail->Apply(plan->change, host.Context("r")).ok());
  for (const char* property : {"SmartHost", "SmartHostType"})
    EXPECT_EQ(host.Text("1", property), "(absent)");
  EXPECT_EQ(host.Text("1", "FullyQualifiedDomainName"), "string attr=1 ut=1 \"mx.example.org\"");
}

TEST_F(WayOutOfSmtpsvc, AnInheritedSmarthostIsOverridden) {
  host.Set("", "SmartHost", "string attr=1 ut=1 \"old.example.net\"");
  host.Set("", "SmartHostType", "dword attr=1 ut=1 1");
  EXPECT_EQ(Set(WayOut("", "direct")).result.settings_size(), 2);
  EXPECT_EQ(host.Text("1", "SmartHost"), "string attr=1 ut=1 \"\"");
  EXPECT_EQ(host.Text("", "SmartHost"), "string attr=1 ut=1 \"old.example.net\"");
}

TEST_F(WayOutOfSmtpsvc, RefusesWhatTheServiceDoesNotHave) {
  EXPECT_EQ(ReasonOf(host.mail->PlanEgress(WayOut("", "", "192.0.2.5")).status()),
            "NO_SOURCE_ADDRESS");
  EXPECT_EQ(ReasonOf(host.mail->PlanEgress(WayOut("", "relay.example.net:587")).status()),
            "NO_SMARTHOST_PORT");
  EXPECT_EQ(ReasonOf(host.mail->PlanEgress(WayOut("", "127.0.0.1")).status()),
            "SMARTHOST_IS_THIS_HOST");
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
