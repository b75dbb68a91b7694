// What a real BIND says of domains, well and broken, and the preflight of an address.
#include "controller/mx/domain_view.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/preflight.h"
#include "tests/unit/mx/dns_world.h"

namespace mailquench::controller::mx {
namespace {

using test::World;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DomainViews : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World(
        {{"good.test",
          "@ MX 20 mx2\n@ MX 10 mx1\nmx1 A 192.0.2.1\nmx2 AAAA 2001:db8::2\n"
          "@ TXT \"v=spf1 mx -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\n"
          "_mta-sts TXT \"v=STSv1; id=1\"\n_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:a@good.test\"\n"
          "_25._tcp.mx1 TLSA 3 1 1 "
          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
          "old._domainkey TXT \"v=DKIM1; p=\"\n"
          "ed._domainkey TXT \"v=DKIM1; k=ed25519; "
          "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"},
         {"null.test", "@ MX 0 .\n"},
         {"implicit.test", "@ A 192.0.2.9\n"},
         {"broken.test",
          "@ MX 10 alias\n@ MX 20 nowhere\n@ MX 30 192.0.2.1.\nalias CNAME "
          "mx1.good.test.\n@ TXT \"v=spf1 -all\"\n@ TXT \"v=spf1 +all\"\n"},
         {"2.0.192.in-addr.arpa", "1 PTR mx1.good.test.\n9 PTR host-192-0-2-9.pool.good.test.\n"}});
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  v1::DomainView View(const std::string& domain) {
    v1::ShowDomainRequest request;
    request.set_domain(domain);
    for (const char* selector : {"old", "ed", "none"}) request.add_dkim_selectors(selector);
    const auto view = ViewDomain(world_->options(), request);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.ok() ? *view : v1::DomainView();
  }
  static World* world_;
};
World* DomainViews::world_ = nullptr;

TEST_F(DomainViews, AWholeOne) {
  const v1::DomainView view = View("Good.Test.");
  EXPECT_EQ(view.domain(), "good.test");
  EXPECT_EQ(view.zone(), "good.test");
  ASSERT_EQ(view.servers_size(), 1);
  EXPECT_TRUE(view.servers(0).answers());
  EXPECT_EQ(view.servers(0).serial(), 1U);
  EXPECT_THAT(view.servers(0).mx().values(), ElementsAre("10 mx1.good.test.", "20 mx2.good.test."));
  ASSERT_EQ(view.exchangers_size(), 2);
  EXPECT_EQ(view.exchangers(0).name(), "mx1.good.test");
  EXPECT_EQ(view.exchangers(0).tlsa_size(), 1);
  const v1::MailAddressView& one = view.exchangers(0).addresses(0);
  EXPECT_EQ(one.address(), "192.0.2.1");
  EXPECT_EQ(one.ttl(), 60U);
  EXPECT_TRUE(one.forward_confirmed());
  EXPECT_FALSE(one.generic_ptr());
  EXPECT_EQ(view.exchangers(1).addresses(0).address(), "2001:db8::2");
  EXPECT_EQ(view.negative_ttl(), 2U);
  EXPECT_EQ(view.spf().lookups(), 1);
  EXPECT_THAT(view.spf().problem(), IsEmpty());
  EXPECT_EQ(view.dmarc(), "v=DMARC1; p=reject");
  EXPECT_EQ(view.mta_sts(), "v=STSv1; id=1");
  EXPECT_THAT(view.tls_rpt(), HasSubstr("TLSRPTv1"));
  ASSERT_EQ(view.dkim_size(), 3);
  EXPECT_THAT(view.dkim(0).problem(), HasSubstr("revoked"));
  EXPECT_TRUE(view.dkim(1).present());
  EXPECT_EQ(view.dkim(1).bits(), 256);
  EXPECT_THAT(view.dkim(2).problem(), HasSubstr("no key"));
}

TEST_F(DomainViews, NullImplicitAndBrokenOnes) {
  EXPECT_TRUE(View("null.test").null_mx());
  EXPECT_THAT(View("null.test").exchangers(), IsEmpty());
  const v1::DomainView implicit = View("implicit.test");
  EXPECT_TRUE(implicit.implicit_mx());
  ASSERT_EQ(implicit.exchangers_size(), 1);
  EXPECT_TRUE(implicit.exchangers(0).addresses(0).generic_ptr());
  const v1::DomainView broken = View("broken.test");
  EXPECT_THAT(broken.problems(),
              Contains(HasSubstr("alias.broken.test is an alias for mx1.good.test")));
  EXPECT_THAT(broken.problems(), Contains(HasSubstr("nowhere.broken.test has no address")));
  EXPECT_THAT(broken.problems(), Contains(HasSubstr("192.0.2.1 is an address")));
  EXPECT_THAT(broken.problems(), Contains(HasSubstr("2 SPF records, not one")));
  EXPECT_THAT(View("absent.good.test").problems(),
              Contains(HasSubstr("DNS knows no absent.good.test")));
}

TEST_F(DomainViews, AResolverThatIsSilentIsNotAskedForEver) {
  Lookups lookups({absl::StrCat("127.0.0.9:", world_->port()), world_->primary()},
                  {absl::Milliseconds(100), 2});
  world_->bind().Pause();  // Both are silent now: the first has nobody, which is told at once.
  Lookups dead({world_->primary()}, {absl::Milliseconds(100), 2});
  const absl::Time begun = absl::Now();
  for (int i = 0; i < 30; ++i)
    EXPECT_FALSE(dead.Ask(absl::StrCat("n", i, ".good.test"), "A").known);
  EXPECT_LT(absl::Now() - begun, absl::Seconds(4));  // Not 30 times 300 ms.
  world_->bind().GoOn();
  EXPECT_TRUE(lookups.Ask("mx1.good.test", "A").known);
}

TEST_F(DomainViews, WhatIsNoDomainIsRefusedAndSilenceIsSaid) {
  v1::ShowDomainRequest request;
  request.set_domain("no\x1b[31m domain");
  const auto refused = ViewDomain(world_->options(), request);
  EXPECT_EQ(ReasonOf(refused.status()), "BAD_DOMAIN");
  EXPECT_EQ(refused.status().message().find('\x1b'), std::string::npos);
  request.set_domain("good.test");
  request.set_resolver("127.0.0.9:9");
  const auto silent = ViewDomain(world_->options(), request);
  ASSERT_TRUE(silent.ok());
  EXPECT_THAT(silent->problems(), Contains(HasSubstr("MX of good.test is not known")));
}

TEST_F(DomainViews, PreflightSaysOfEachReasonWhatToDo) {
  Lookups lookups({world_->primary()}, {absl::Seconds(1), 2});
  PreflightWish wish;
  wish.address = "192.0.2.9";
  wish.domains = {"good.test", "null.test"};
  PreflightHands hands;
  hands.attack = [](const std::string&, const std::vector<std::string>&) {
    AttackGate gate;
    gate.kind = AttackGate::Kind::kGoesOn;
    gate.why = "not contained: mx1";
    return gate;
  };
  hands.lists = [](const v1::BlacklistCheckRequest& request, const PreflightHands::OnEvent& tell) {
    for (const std::string& subject : request.subjects()) {
      v1::BlacklistCheckEvent event;
      event.mutable_answer()->set_subject(subject);
      event.mutable_answer()->set_zone("bl.test");
      event.mutable_answer()->set_alert(true);
      const bool neighbour = subject == "192.0.2.77";
      event.mutable_answer()->set_verdict(subject == "null.test" || neighbour
                                              ? v1::BLACKLIST_VERDICT_LISTED
                                              : v1::BLACKLIST_VERDICT_CLEAN);
      if (neighbour) event.mutable_answer()->add_components("Spamhaus css");
      tell(event);
    }
    return absl::OkStatus();
  };
  std::map<std::string, v1::Check> checks;
  const auto all = RunPreflight(world_->options(), &lookups, hands, wish, absl::Now());
  for (const v1::Check& one : all) checks[one.check_id()] = one;
  const auto expect = [&](const std::string& id, v1::CheckState state, const std::string& found) {
    EXPECT_EQ(checks[id].state(), state) << id << ": " << checks[id].DebugString();
    EXPECT_THAT(checks[id].found(), HasSubstr(found)) << id;
    if (state == v1::CHECK_STATE_FAILED) {
      EXPECT_FALSE(checks[id].remedy().empty()) << id;
    }
  };
  expect("attack", v1::CHECK_STATE_FAILED, "not contained: mx1");
  expect("fcrdns", v1::CHECK_STATE_FAILED, "does not lead back");
  expect("generic-ptr", v1::CHECK_STATE_FAILED, "looks like a name of a pool");
  expect("helo", v1::CHECK_STATE_FAILED, "has no such address");
  expect("spf:good.test", v1::CHECK_STATE_FAILED, "says fail");
  expect("spf:null.test", v1::CHECK_STATE_FAILED, "no SPF record");
  expect("listed:192.0.2.9", v1::CHECK_STATE_PASSED, "clean at 1 lists");
  expect("listed:null.test", v1::CHECK_STATE_FAILED, "bl.test");
  expect("neighbours", v1::CHECK_STATE_FAILED, "192.0.2.77");
  expect("ttl:mx1.good.test/A", v1::CHECK_STATE_PASSED, "TTL of 60 s");
  EXPECT_FALSE(Passed(all));
  // The same of one that is well.
  wish.address = "192.0.2.1";
  wish.domains = {"good.test"};
  hands.attack = nullptr;
  checks.clear();
  for (const v1::Check& one : RunPreflight(world_->options(), &lookups, hands, wish, absl::Now()))
    checks[one.check_id()] = one;
  expect("fcrdns", v1::CHECK_STATE_PASSED, "leads back");
  expect("helo", v1::CHECK_STATE_PASSED, "is its reverse name");
  expect("spf:good.test", v1::CHECK_STATE_PASSED, "pass, by mx");
  expect("attack", v1::CHECK_STATE_UNKNOWN, "cannot be looked at");
}

}  // namespace
}  // namespace mailquench::controller::mx
