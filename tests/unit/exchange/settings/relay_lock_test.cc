// What a lock makes of receive connectors, and the way back.
#include <algorithm>

#include "absl/strings/match.h"
#include "agent/mail/exchange/accepted_domain.h"
#include "agent/mail/exchange/ace.h"
#include "agent/mail/exchange/flags.h"
#include "tests/unit/exchange/settings/settings_fixture.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using Restored = v1::RestoredSetting;

constexpr char kRelayKey[] =
    "/permission:NT AUTHORITY\\ANONYMOUS LOGON/Ms-Exch-SMTP-Accept-Any-Recipient";

TEST_F(SettingsTest, ClosedKeepsWhatInternalFlowNeeds) {
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "LOCK_NOT_VERIFIED");
  const SettingsChange change = LockNow();
  EXPECT_TRUE(change.verify_closed);
  EXPECT_EQ(change.result.organisation(), "");
  EXPECT_EQ(organisation.Connector("Client Frontend EX1")["Enabled"], false);
  for (const char* name :
       {"Default Frontend EX1", "Outbound Proxy Frontend EX1", "Client Proxy EX1", "Default EX1"}) {
    const nlohmann::json now = organisation.Connector(name);
    EXPECT_EQ(now["Enabled"], true) << name;
    EXPECT_TRUE(HasFlag(now["AuthMechanism"].get<std::string>(), "Tls")) << name;
    EXPECT_TRUE(HasFlag(now["AuthMechanism"].get<std::string>(), "ExchangeServer")) << name;
    EXPECT_TRUE(HasFlag(now["PermissionGroups"].get<std::string>(), "ExchangeServers")) << name;
    EXPECT_FALSE(HasFlag(now["PermissionGroups"].get<std::string>(), "ExchangeUsers")) << name;
  }
  EXPECT_EQ(organisation.Connector("Default Frontend EX1")["AuthMechanism"], "Tls, ExchangeServer");
  EXPECT_TRUE(HasFlag(organisation.Connector("Default Frontend EX1")["PermissionGroups"],
                      "AnonymousUsers"));
  // Front ends proxy to these with the mechanisms that they have.
  EXPECT_TRUE(HasFlag(organisation.Connector("Client Proxy EX1")["AuthMechanism"], "Integrated"));
  EXPECT_TRUE(HasFlag(organisation.Connector("Default EX1")["AuthMechanism"], "BasicAuth"));
  EXPECT_TRUE(settings.VerifyLocked(Lock()).ok());
  EXPECT_THAT(Plan().files, IsEmpty());
  EXPECT_EQ(shell.CallsOf("Set-ReceiveConnector"), 4);
}

TEST_F(SettingsTest, NoOtherServerIsTouched) {
  const nlohmann::json before = organisation.Read()["servers"]["EX2"];
  organisation.AddConnector(Printers("Default EX1"), "EX2");
  const nlohmann::json with = organisation.Read()["servers"]["EX2"];
  LockNow();
  EXPECT_EQ(organisation.Read()["servers"]["EX2"], with);
}

TEST_F(SettingsTest, LockThenRestoreGivesBackJustWhatWas) {
  organisation.AddConnector(Printers());
  // Two changes by hand that setting the groups would undo.
  organisation.ChangeConnector("Default EX1", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay("CONTOSO\\scanner"));
  });
  organisation.ChangeConnector("Client Proxy EX1", [](nlohmann::json& connector) {
    nlohmann::json left = nlohmann::json::array();
    for (const auto& entry : connector["Permissions"]) {
      if (entry["ExtendedRights"][0] != "ms-Exch-SMTP-Accept-Any-Sender") left.push_back(entry);
    }
    connector["Permissions"] = left;
  });
  const nlohmann::json before = organisation.Read();
  const SettingsChange change = LockNow();
  EXPECT_TRUE(settings.VerifyLocked(Lock()).ok());
  // The hardening is still there although Exchange wrote the groups' entries anew.
  for (const auto& entry : organisation.Connector("Client Proxy EX1")["Permissions"])
    EXPECT_NE(entry["ExtendedRights"][0], "ms-Exch-SMTP-Accept-Any-Sender");
  const RestorePlan plan = Restore(Of(change));
  EXPECT_EQ(plan.result.needs_decision(), 0);
  EXPECT_TRUE(plan.result.byte_for_byte());
  EXPECT_EQ(Sorted(organisation.Read()), Sorted(before));
}

TEST_F(SettingsTest, ConnectorsWithHostileNamesAreLockedAndRestored) {
  const std::vector<std::string> names = {"'; Remove-Item -Recurse C:/ #",
                                          "a/b:c",
                                          "*",
                                          "line\nfeed",
                                          "M\xc3\xbcnchen \xe2\x80\x98x\xe2\x80\x99",
                                          "100%25 $(whoami) `n \"q\""};
  for (const std::string& name : names) organisation.AddConnector(Printers(name));
  const nlohmann::json before = organisation.Read();
  const SettingsChange change = LockNow();
  for (const std::string& name : names) {
    EXPECT_EQ(organisation.Connector(name)["Enabled"], false) << name;
    EXPECT_THAT(organisation.Connector(name)["Permissions"].dump(), Not(HasSubstr("Any-Recipient")))
        << name;
  }
  for (const v1::Setting& setting : change.result.settings())
    EXPECT_THAT(setting.key(), Not(HasSubstr("\n")));
  EXPECT_THAT(change.result.notice(), Not(HasSubstr("\n")));
  Restore(Of(change));
  EXPECT_EQ(Sorted(organisation.Read()), Sorted(before));
}

TEST_F(SettingsTest, RelayConnectorsAreDisabledAndTheirClientsNamed) {
  organisation.AddConnector(Printers());
  const SettingsChange change = LockNow();
  EXPECT_EQ(organisation.Connector("Printers")["Enabled"], false);
  ASSERT_EQ(change.result.refused_from_now_size(), 1);
  EXPECT_EQ(change.result.refused_from_now(0).client(), "10.1.0.0-10.1.0.255");
  EXPECT_EQ(change.result.refused_from_now(0).instance(), "EX1");
  EXPECT_THAT(change.result.notice(), HasSubstr("'Printers'"));
  EXPECT_THAT(Keys(change), Contains(std::string("connector:Printers") + kRelayKey));
  for (const v1::Setting& setting : change.result.settings())
    EXPECT_FALSE(setting.opened_relay()) << setting.key();
}

TEST_F(SettingsTest, AnOpenRelayIsNeverPutBackSilently) {
  organisation.ChangeConnector("Default Frontend EX1", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay());
  });
  const SettingsChange change = LockNow();
  const std::string key = std::string("connector:Default Frontend EX1") + kRelayKey;
  const RestorePlan plan = Restore(Of(change));
  EXPECT_EQ(plan.result.needs_decision(), 1);
  for (const Restored& one : plan.result.settings())
    EXPECT_EQ(one.state() == Restored::STATE_NEEDS_DECISION, one.setting().key() == key);
  EXPECT_THAT(organisation.Connector("Default Frontend EX1")["Permissions"].dump(),
              Not(HasSubstr("Ms-Exch-SMTP-Accept-Any-Recipient")));
  const RestorePlan decided = Restore(Of(change), {Decision(key, v1::RESTORE_CHOICE_PUT_BACK)});
  EXPECT_EQ(decided.result.needs_decision(), 0);
  EXPECT_THAT(organisation.Connector("Default Frontend EX1")["Permissions"].dump(),
              HasSubstr("Ms-Exch-SMTP-Accept-Any-Recipient"));
}

TEST_F(SettingsTest, ExternalAuthoritativeIsTakenAwayAndAWideOneWasOpen) {
  organisation.AddConnector({{"Name", "Trusted"},
                             {"AuthMechanism", "Tls, ExternalAuthoritative"},
                             {"PermissionGroups", "ExchangeServers"},
                             {"RemoteIPRanges", {"0.0.0.0-255.255.255.255"}}});
  const SettingsChange change = LockNow();
  EXPECT_EQ(organisation.Connector("Trusted")["AuthMechanism"], "Tls");
  EXPECT_EQ(organisation.Connector("Trusted")["Enabled"], false);
  const auto auth = std::find_if(
      change.result.settings().begin(), change.result.settings().end(),
      [](const v1::Setting& one) { return one.key() == "connector:Trusted/AuthMechanism"; });
  ASSERT_NE(auth, change.result.settings().end());
  EXPECT_TRUE(auth->opened_relay());
}

TEST_F(SettingsTest, AConnectorForOwnDomainsOnlyStaysAsItIs) {
  organisation.AddConnector({{"Name", "From the filter"}, {"RemoteIPRanges", {"198.51.100.7"}}});
  const nlohmann::json before = organisation.Connector("From the filter");
  LockNow();
  EXPECT_EQ(organisation.Connector("From the filter"), before);
}

TEST_F(SettingsTest, ExchangeOnlineIsLetIn) {
  organisation.ChangeConnector("Default Frontend EX1", [](nlohmann::json& connector) {
    connector["TlsDomainCapabilities"] = {"mail.protection.outlook.com:AcceptCloudServicesMail"};
  });
  organisation.AddConnector(
      {{"Name", "From Office 365"},
       {"AuthMechanism", "Tls, ExternalAuthoritative"},
       {"PermissionGroups", "ExchangeServers"},
       {"RemoteIPRanges", {"40.92.0.0-40.93.255.255"}},
       {"TlsDomainCapabilities", {"mail.protection.outlook.com:AcceptCloudServicesMail"}}});
  organisation.ChangeConnector("From Office 365", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay());
  });
  const nlohmann::json before = organisation.Read();
  const SettingsChange change = LockNow();
  // It takes mail as before, by its certificate, and lets nobody relay by his address.
  EXPECT_EQ(organisation.Connector("From Office 365")["Enabled"], true);
  EXPECT_EQ(organisation.Connector("From Office 365")["AuthMechanism"], "Tls");
  EXPECT_THAT(organisation.Connector("From Office 365")["Permissions"].dump(),
              Not(HasSubstr("Ms-Exch-SMTP-Accept-Any-Recipient")));
  EXPECT_THAT(change.result.exempt_listeners(), IsEmpty());
  EXPECT_EQ(organisation.Connector("Default Frontend EX1")["AuthMechanism"], "Tls, ExchangeServer");
  EXPECT_THAT(change.result.notice(), HasSubstr("Exchange Online is let in through"));
  EXPECT_THAT(change.result.notice(), HasSubstr("'Default Frontend EX1'"));
  Restore(Of(change));
  EXPECT_EQ(Sorted(organisation.Read()), Sorted(before));
}

TEST_F(SettingsTest, AnEmptyCapabilityMakesNoConnectorOneOfExchangeOnline) {
  nlohmann::json printers = Printers();
  printers["TlsDomainCapabilities"] = {""};
  organisation.AddConnector(printers);
  LockNow();
  EXPECT_EQ(organisation.Connector("Printers")["Enabled"], false);
}

TEST_F(SettingsTest, AnEmptyAnswerIsNoProofOfALock) {
  LockNow();
  ASSERT_TRUE(settings.VerifyLocked(Lock()).ok());
  shell.FailAt("Get-ReceiveConnector", 1, FakeShell::Fault::kIgnored);
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "NO_CONNECTORS");
  shell.FailAt("Get-ReceiveConnector", 1, FakeShell::Fault::kIgnored);
  EXPECT_EQ(ReasonOf(settings.PlanRelayLock(Lock()).status()), "NO_CONNECTORS");
  shell.FailAt("Get-ADPermission", 2, FakeShell::Fault::kIgnored);
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "NO_PERMISSIONS");
}

TEST_F(SettingsTest, AServerIsKnownHoweverItIsWritten) {
  for (const char* name :
       {"ex1.contoso.test", "CN=EX1,CN=Servers,DC=contoso", "contoso.test/EX1"}) {
    organisation.ChangeConnector("Default Frontend EX1", [&](nlohmann::json& connector) {
      connector["Server"] = name;
      connector["AuthMechanism"] = "Tls, Integrated, ExchangeServer";
    });
    EXPECT_THAT(Keys(Plan()), Contains("connector:Default Frontend EX1/AuthMechanism")) << name;
  }
}

TEST_F(SettingsTest, AnInheritedRightToRelayIsNoLock) {
  LockNow();
  nlohmann::json entry = AnonymousRelay("CONTOSO\\Scanners");
  entry["IsInherited"] = true;
  organisation.ChangeConnector(
      "Default EX1", [&](nlohmann::json& connector) { connector["Permissions"].push_back(entry); });
  const absl::Status verified = settings.VerifyLocked(Lock());
  EXPECT_EQ(ReasonOf(verified), "LOCK_NOT_VERIFIED");
  EXPECT_THAT(std::string(verified.message()), HasSubstr("CONTOSO\\Scanners"));
  const SettingsChange change = Plan();
  EXPECT_FALSE(change.verify_closed);
  EXPECT_THAT(change.result.duties(), ElementsAre(HasSubstr("CONTOSO\\Scanners")));
}

TEST_F(SettingsTest, ARightToEverythingIsARightToRelay) {
  LockNow();
  for (const char* access : {"GenericAll", "ReadProperty, GenericAll"}) {
    organisation.ChangeConnector("Default EX1", [&](nlohmann::json& connector) {
      connector["Permissions"].push_back({{"User", "Jeder"},
                                          {"AccessRights", {access}},
                                          {"ExtendedRights", {"ms-Exch-SMTP-Submit"}},
                                          {"Deny", false},
                                          {"IsInherited", false}});
    });
    EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "LOCK_NOT_VERIFIED") << access;
    organisation.ChangeConnector("Default EX1", [&](nlohmann::json& connector) {
      connector["Permissions"].erase(connector["Permissions"].size() - 1);
    });
    EXPECT_TRUE(settings.VerifyLocked(Lock()).ok()) << access;
  }
}

TEST_F(SettingsTest, AWildcardBelowARegistryIsTheWorldAsWell) {
  LockNow();
  organisation.Change([](nlohmann::json& all) {
    all["accepted_domains"].push_back({{"Name", "all"}, {"DomainName", "*.com"}});
  });
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "OPEN_DOMAIN");
  EXPECT_THAT(Plan().result.duties(), ElementsAre(HasSubstr("'*.com'")));
  const auto open = settings.OpenDomain();
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_EQ(*open, "*.com");
  for (const char* domain : {"*", "*.CO.uk", "*.de.", " *.org"})
    EXPECT_TRUE(IsOpenDomain(domain)) << domain;
  for (const char* domain : {"contoso.com", "*.contoso.com", "*.local", "com", "*.branch.fr", ""})
    EXPECT_FALSE(IsOpenDomain(domain)) << domain;
}

TEST_F(SettingsTest, AuthenticatedOnlyKeepsLogins) {
  organisation.AddConnector(Printers());
  organisation.ChangeConnector("Default EX1", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay("CONTOSO\\scanner"));
  });
  const SettingsChange change = LockNow(Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY));
  // Who logs in is one of the authenticated users; nobody else keeps an entry of his own.
  EXPECT_THAT(
      Keys(change),
      UnorderedElementsAre(
          "connector:Printers/Enabled", std::string("connector:Printers") + kRelayKey,
          "connector:Default EX1/permission:CONTOSO\\scanner/Ms-Exch-SMTP-Accept-Any-Recipient"));
  EXPECT_TRUE(settings.VerifyLocked(Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY)).ok());
  EXPECT_FALSE(settings.VerifyLocked(Lock()).ok());
}

TEST_F(SettingsTest, NobodyInParticularIsToldInEveryLanguage) {
  const std::vector<std::string> names = {"Tout le monde", "Wszyscy",
                                          "NT-AUTORIT\xc3\x84T\\NETZWERK", "S-1-5-7"};
  for (const std::string& name : names) {
    organisation.ChangeConnector("Default Frontend EX1", [&](nlohmann::json& connector) {
      connector["Permissions"].push_back(AnonymousRelay(name));
    });
  }
  const SettingsChange change = LockNow(Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY));
  EXPECT_EQ(change.result.settings_size(), static_cast<int>(names.size()));
  for (const v1::Setting& setting : change.result.settings())
    EXPECT_TRUE(setting.opened_relay()) << setting.key();
  EXPECT_THAT(organisation.Connector("Default Frontend EX1")["Permissions"].dump(),
              Not(HasSubstr("Ms-Exch-SMTP-Accept-Any-Recipient")));
  for (const char* user : {"NT AUTHORITY\\Authenticated Users", "S-1-5-11",
                           "NT-AUTORIT\xc3\x84T\\Authentifizierte Benutzer",
                           "AUTORITE NT\\Utilisateurs authentifi\xc3\xa9s"}) {
    EXPECT_TRUE(IsAuthenticatedUsers(user)) << user;
    EXPECT_FALSE(IsAnonymous(user)) << user;
  }
  EXPECT_FALSE(IsAuthenticatedUsers("EVIL\\Authentifizierte Benutzer"));
  EXPECT_FALSE(IsAnonymous("CONTOSO\\scanner"));
}

TEST_F(SettingsTest, AQuestionIsAskedAgainWhileNoSessionCanBeHad) {
  SettingsOptions options = Options();
  options.unavailable_pause = absl::Milliseconds(1);
  const ExchangeSettings patient(shell, options);
  for (int nth = 1; nth <= 5; ++nth)
    shell.FailAt("Get-ReceiveConnector", nth, FakeShell::Fault::kDie);
  EXPECT_TRUE(patient.PlanRelayLock(Lock()).ok());
}

TEST_F(SettingsTest, ListedKeepsWhatLetsOnlyThemRelay) {
  organisation.AddConnector(Printers());
  nlohmann::json wide = Printers("All of the office");
  wide["RemoteIPRanges"] = {"10.1.0.0-10.1.255.255"};
  organisation.AddConnector(wide);
  const v1::RelayLock lock = Lock(v1::RELAY_MODE_LISTED, {"10.1.0.0/24"});
  const nlohmann::json before = organisation.Connector("Printers");
  const SettingsChange change = LockNow(lock);
  EXPECT_EQ(organisation.Connector("Printers"), before);
  EXPECT_EQ(organisation.Connector("All of the office")["Enabled"], false);
  EXPECT_THAT(change.result.exempt_listeners(), ElementsAre(StartsWith("'Printers'")));
  EXPECT_TRUE(settings.VerifyLocked(lock).ok());
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock(v1::RELAY_MODE_LISTED, {"10.1.0.7"}))),
            "LOCK_NOT_VERIFIED");
}

TEST_F(SettingsTest, RequestsThatSayNothingAreRefused) {
  EXPECT_EQ(ReasonOf(settings.PlanRelayLock({}).status()), "NO_MODE");
  EXPECT_EQ(ReasonOf(settings.PlanRelayLock(Lock(v1::RELAY_MODE_LISTED)).status()), "BAD_CLIENT");
  EXPECT_EQ(ReasonOf(settings.PlanRelayLock(Lock(v1::RELAY_MODE_LISTED, {"0.0.0.0/0"})).status()),
            "BAD_CLIENT");
}

TEST_F(SettingsTest, AnAcceptedDomainThatIsTheWorldIsNamedAndNotVerified) {
  organisation.Change([](nlohmann::json& all) {
    all["accepted_domains"].push_back({{"Name", "all"}, {"DomainName", "*"}});
  });
  const SettingsChange change = LockNow();
  EXPECT_FALSE(change.verify_closed);
  EXPECT_THAT(change.result.notice(), HasSubstr("accepted domain '*'"));
  EXPECT_THAT(change.result.duties(), ElementsAre(HasSubstr("Remove-AcceptedDomain")));
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "OPEN_DOMAIN");
  EXPECT_EQ(organisation.Read()["accepted_domains"].size(), 2U);
}

TEST_F(SettingsTest, ADisabledConnectorIsNobodysBusinessUntilSomebodyEnablesIt) {
  const SettingsChange change = LockNow();
  organisation.ChangeConnector("Client Frontend EX1", [](nlohmann::json& connector) {
    connector["Enabled"] = true;
    connector["PermissionGroups"] = "ExchangeUsers";
    connector["Permissions"] = PresetEntries("ExchangeUsers");
  });
  EXPECT_EQ(ReasonOf(settings.VerifyLocked(Lock())), "LOCK_NOT_VERIFIED");
  const auto drifted = settings.Drifted(Of(change));
  ASSERT_TRUE(drifted.ok()) << drifted.status();
  std::vector<std::string> keys;
  for (const v1::Setting& setting : *drifted) keys.push_back(setting.key());
  EXPECT_THAT(keys, UnorderedElementsAre("connector:Client Frontend EX1/Enabled",
                                         "connector:Client Frontend EX1/PermissionGroups"));
  const auto plan = settings.PlanRestore(Of(change), {}, {});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->result.needs_decision(), 0);  // Both are as they were before.
}

TEST_F(SettingsTest, WhatSomebodyChangedSinceWaitsForADecision) {
  const SettingsChange change = LockNow();
  organisation.ChangeConnector("Default Frontend EX1", [](nlohmann::json& connector) {
    connector["AuthMechanism"] = "Tls, ExchangeServer, Integrated";
  });
  const RestorePlan plan = Restore(Of(change));
  EXPECT_EQ(plan.result.needs_decision(), 1);
  EXPECT_EQ(organisation.Connector("Default Frontend EX1")["AuthMechanism"],
            "Tls, ExchangeServer, Integrated");
  const RestorePlan kept = Restore(
      Of(change),
      {Decision("connector:Default Frontend EX1/AuthMechanism", v1::RESTORE_CHOICE_KEEP_AS_FIX)});
  EXPECT_EQ(kept.result.needs_decision(), 0);
  EXPECT_EQ(kept.result.kept_as_fix(), 1);
}

TEST_F(SettingsTest, WhatExchangeWouldNotTakeTogetherWaits) {
  organisation.AddConnector({{"Name", "Trusted"},
                             {"AuthMechanism", "Tls, ExternalAuthoritative"},
                             {"PermissionGroups", "ExchangeServers, ExchangeUsers"},
                             {"RemoteIPRanges", {"10.9.0.0/24"}}});
  const SettingsChange change = LockNow();
  organisation.ChangeConnector("Trusted", [](nlohmann::json& connector) {
    connector["PermissionGroups"] = "AnonymousUsers";
  });
  const RestorePlan plan = Restore(
      Of(change), {Decision("connector:Trusted/PermissionGroups", v1::RESTORE_CHOICE_KEEP_AS_FIX)});
  for (const Restored& one : plan.result.settings()) {
    if (one.setting().key() == "connector:Trusted/AuthMechanism") {
      EXPECT_EQ(one.state(), Restored::STATE_NEEDS_DECISION) << one.why();
    }
  }
  EXPECT_EQ(organisation.Connector("Trusted")["AuthMechanism"], "Tls");
}

TEST_F(SettingsTest, ARenamedConnectorIsNeverHit) {
  const SettingsChange change = LockNow();
  organisation.ChangeConnector("Client Frontend EX1",
                               [](nlohmann::json& connector) { connector["Name"] = "Old"; });
  const RestorePlan plan = Restore(
      Of(change), {Decision("connector:Client Frontend EX1/Enabled", v1::RESTORE_CHOICE_PUT_BACK)});
  EXPECT_EQ(organisation.Connector("Old")["Enabled"], false);
  EXPECT_EQ(plan.result.needs_decision(), 2);
  EXPECT_EQ(organisation.Connector("Default Frontend EX1")["AuthMechanism"],
            "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer");
}

TEST_F(SettingsTest, AllCallsNameTheDomainControllerThatAnsweredFirst) {
  LockNow();
  for (const std::string& call : shell.calls()) {
    if (!absl::StartsWith(call, "Get-ExchangeServer")) {
      EXPECT_THAT(call, HasSubstr("-DomainController dc1.contoso.test"));
    }
  }
}
}  // namespace
}  // namespace mailquench::agent::exchange
