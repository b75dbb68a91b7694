// Names of settings, and what their values mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/mail/exchange/ace.h"
#include "agent/mail/exchange/block.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/ip_range.h"
#include "agent/mail/exchange/setting.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using Kind = SettingKey::Kind;

const char* const kHostileNames[] = {
    "Default Frontend EX1",
    "'; Remove-Item -Recurse C:\\ #",
    "a/b:c/permission:x/y",
    "permissions",
    "100%25",
    "line\nfeed\ttab\x01",
    "M\xc3\xbcnchen \xe2\x80\x98quoted\xe2\x80\x99",
    "turned \xe2\x80\xae around",
    "broken \xc3( utf-8 \xff",
    "$(Get-Date)`\"",
    " ",
};

TEST(SettingKeys, HostileNamesComeBackAsTheyWere) {
  for (const std::string name : kHostileNames) {
    for (const SettingKey& key :
         {SettingKey{Kind::kConnector, name, "Enabled", "", ""},
          SettingKey{Kind::kPermission, name, "", name, "ms-Exch-SMTP-Submit"},
          SettingKey{Kind::kPermissions, name, "", "", ""},
          SettingKey{Kind::kRemoteDomain, name, "NDREnabled", "", ""},
          SettingKey{Kind::kSendConnector, name, "SmartHosts", "", ""},
          SettingKey{Kind::kTransportRule, name, "", "", ""},
          SettingKey{Kind::kIpBlock, name, "", "", ""}}) {
      const std::string text = ToText(key);
      const auto back = SettingKeyFrom(text);
      ASSERT_TRUE(back.ok()) << text;
      EXPECT_EQ(*back, key) << text;
      for (const char c : text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20) << text;
    }
  }
}

TEST(SettingKeys, ReadAsTheyAreDocumented) {
  EXPECT_EQ(ToText({Kind::kConnector, "Default EX1", "AuthMechanism", "", ""}),
            "connector:Default EX1/AuthMechanism");
  EXPECT_EQ(ToText({Kind::kPermission, "A/B", "", "NT AUTHORITY\\ANONYMOUS LOGON", kAnyRecipient}),
            "connector:A%2fB/permission:NT AUTHORITY\\ANONYMOUS "
            "LOGON/ms-Exch-SMTP-Accept-Any-Recipient");
  EXPECT_EQ(ToText({Kind::kTransportConfig, "", "ShadowRedundancyEnabled", "", ""}),
            "transport-config/ShadowRedundancyEnabled");
}

TEST(SettingKeys, NothingElseIsOne) {
  for (const char* text :
       {"", "connector:", "connector:/Enabled", "connector:A/Bindings", "connector:A/Enabled/x",
        "connector:A%2F/Enabled", "connector:A%4/Enabled", "connector:%41/Enabled",
        "remote-domain:A/Enabled", "transport-config/MaxSendSize", "transport-rule:A/b",
        "send-connector:A/AddressSpaces", "metabase:1/RelayIpList", "connector:A\n/Enabled",
        "connector:A/permission:x"}) {
    const auto key = SettingKeyFrom(text);
    EXPECT_EQ(ReasonOf(key.status()), "BAD_SETTING_TEXT") << text;
  }
}

TEST(SettingValues, SetsSayTheSameInAnyOrder) {
  const SettingKey auth{Kind::kConnector, "A", "AuthMechanism", "", ""};
  EXPECT_TRUE(SameValue(auth, "Tls, Integrated", "integrated,TLS"));
  EXPECT_FALSE(SameValue(auth, "Tls, Integrated", "Tls"));
  EXPECT_FALSE(SameValue(auth, "Tls", "Tls, Integrated"));
  EXPECT_FALSE(SameValue(auth, "Tls", std::nullopt));
  const SettingKey groups{Kind::kConnector, "A", "PermissionGroups", "", ""};
  EXPECT_TRUE(SameValue(groups, "ExchangeUsers, Custom", "ExchangeUsers"));
  EXPECT_TRUE(SameValue(groups, "Custom", "None"));
  const SettingKey enabled{Kind::kConnector, "A", "Enabled", "", ""};
  EXPECT_TRUE(SameValue(enabled, "true", "True"));
  EXPECT_FALSE(SameValue(enabled, "True", "False"));
}

TEST(SettingValues, CombinationsAreThoseThatExchangeTakes) {
  EXPECT_TRUE(MayCombine("Tls, BasicAuth, BasicAuthRequireTLS", "ExchangeUsers"));
  EXPECT_FALSE(MayCombine("Tls, BasicAuthRequireTLS", "ExchangeUsers"));
  EXPECT_FALSE(MayCombine("BasicAuth, BasicAuthRequireTLS", "ExchangeUsers"));
  EXPECT_TRUE(MayCombine("Tls, ExternalAuthoritative", "ExchangeServers"));
  EXPECT_FALSE(MayCombine("Tls, ExternalAuthoritative", "AnonymousUsers"));
  EXPECT_FALSE(MayCombine("Integrated, ExternalAuthoritative", "ExchangeServers"));
  EXPECT_EQ(WithoutFlags("Tls, BasicAuth", {"basicauth", "Integrated"}), "Tls");
  EXPECT_EQ(WithoutFlags("BasicAuth", {"BasicAuth"}), "None");
  EXPECT_EQ(WithoutFlags("Tls,Integrated", {"BasicAuth"}), "Tls,Integrated");
}

TEST(Entries, ComeBackAsTheyWere) {
  Aces aces;
  for (const std::string name : kHostileNames) {
    aces.insert({name, kAnyRecipient, false});
    aces.insert({name, name, true});
  }
  EXPECT_EQ(AcesFrom(ToText(aces)), aces);
  EXPECT_EQ(AcesFrom(ToText(Aces())), Aces());
}

TEST(Entries, AreKnownByTheirPrincipal) {
  EXPECT_TRUE(IsServers("MS Exchange\\Hub Transport Servers"));
  EXPECT_TRUE(IsServers("CONTOSO\\Exchange Servers"));
  EXPECT_TRUE(IsServers("S-1-9-1419165041-1139599005-3936102811-1022490595-21"));
  EXPECT_FALSE(IsServers("NT AUTHORITY\\Authenticated Users"));
  EXPECT_FALSE(IsServers("CONTOSO\\No Exchange Servers of ours"));
  EXPECT_TRUE(IsAnonymous("NT-AUTORIT\xc3\x84T\\ANONYMOUS-ANMELDUNG"));
  EXPECT_FALSE(IsAnonymous("CONTOSO\\scanner"));
}

TEST(Ranges, AreReadAsExchangeAndPeopleWriteThem) {
  EXPECT_EQ(ParseRange("192.0.2.0/24")->Text(), "192.0.2.0-192.0.2.255");
  EXPECT_EQ(ParseRange("10.0.0.1 - 10.0.0.9")->Text(), "10.0.0.1-10.0.0.9");
  EXPECT_EQ(ParseRange("2001:db8::/32")->Text(),
            "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
  for (const char* bad : {"", "10.0.0.1-", "10.0.0.9-10.0.0.1", "10.0.0.1/33", "10.0.0.1/x",
                          "10.0.0.1-::1", "printer", "10.0.0.1-10.0.0.2-10.0.0.3"})
    EXPECT_FALSE(ParseRange(bad).has_value()) << bad;
  EXPECT_TRUE(ParseRange("0.0.0.0-255.255.255.255")->HoldsStrangers());
  EXPECT_TRUE(ParseRange("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")->HoldsStrangers());
  EXPECT_TRUE(ParseRange("10.0.0.0-11.0.0.0")->HoldsStrangers());
  EXPECT_FALSE(ParseRange("10.255.0.0-11.0.0.9")->HoldsStrangers());
  EXPECT_FALSE(ParseRange("10.0.0.0/8")->HoldsStrangers());
  EXPECT_TRUE(ParseRange("10.0.0.0/24")->Contains(*ParseRange("10.0.0.7")));
  EXPECT_FALSE(ParseRange("10.0.0.0/24")->Contains(*ParseRange("10.0.0.7-10.0.1.0")));
  EXPECT_TRUE(ParseClient("10.0.0.0/24").ok());
  EXPECT_EQ(ReasonOf(ParseClient("10.0.0.7/24").status()), "BAD_CLIENT");
  EXPECT_EQ(ReasonOf(ParseClient("0.0.0.0/0").status()), "BAD_CLIENT");
}

TEST(Blocks, NamesFitAndAreToldApart) {
  const std::string much(80, 'x');
  const std::string a = RuleName({Block::Kind::kAccount, much + "1@contoso.test"});
  const std::string b = RuleName({Block::Kind::kAccount, much + "2@contoso.test"});
  EXPECT_LE(a.size(), 64U);
  EXPECT_NE(a, b);
  EXPECT_EQ(RuleName({Block::Kind::kAccount, "anna@contoso.test"}),
            "Mailquench block anna@contoso.test");
  const Block block{Block::Kind::kClient, "192.0.2.1"};
  EXPECT_EQ(BlockFromComment(Comment(block)), block);
  EXPECT_FALSE(BlockFromComment("by hand").has_value());
  EXPECT_FALSE(NewRule("a", "Enabled by hand").has_value());
}
}  // namespace
}  // namespace mailquench::agent::exchange
