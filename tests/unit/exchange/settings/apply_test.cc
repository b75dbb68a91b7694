// Bad days of a change: the shell fails at each call in each way, the agent is killed at each
// point, somebody else writes in between.
#include <memory>

#include "absl/strings/match.h"
#include "tests/unit/exchange/kill_at_each.h"
#include "tests/unit/exchange/settings/settings_fixture.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::HasSubstr;
using Fault = FakeShell::Fault;

constexpr const char* kWriters[] = {"Set-ReceiveConnector", "Remove-ADPermission"};

// Four connectors: each costs every test a few calls.
void Arrange(FakeOrganisation& organisation) {
  organisation.Change([](nlohmann::json& all) {
    all["servers"].erase("EX2");
    auto& connectors = all["servers"]["EX1"]["receive_connectors"];
    connectors.erase(3);  // Client Proxy.
    connectors.erase(2);  // Outbound Proxy.
  });
  organisation.AddConnector(Printers());
  organisation.ChangeConnector("Default EX1", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay("CONTOSO\\scanner"));
  });
}

// A host that is about to be locked.
struct Planned {
  Planned() {
    Arrange(organisation);
    before = organisation.Read();
    const auto planned = settings.PlanRelayLock(Lock());
    EXPECT_TRUE(planned.ok()) << planned.status();
    change = planned.value_or(SettingsChange());
  }
  FakeOrganisation organisation;
  FakeShell shell{organisation, "EX1"};
  ExchangeSettings settings{shell, Options()};
  nlohmann::json before;
  SettingsChange change;
};

// A lock of which the nth call of `cmdlet` fails, each in its turn, until there are no more:
// `check` sees what came of it. How many failed.
int FailAtEach(
    const char* cmdlet,
    Fault fault,
    const std::function<void(const std::string& where, Planned&, const absl::Status&)>& check) {
  for (int nth = 1;; ++nth) {
    Planned host;
    const int calls = host.shell.CallsOf(cmdlet);
    host.shell.FailAt(cmdlet, nth, fault);
    const absl::Status applied = host.settings.Apply(host.change, {});
    if (host.shell.CallsOf(cmdlet) - calls < nth) return nth - 1;
    check(absl::StrCat(cmdlet, " ", nth), host, applied);
  }
}

TEST(Faults, ACallThatIsLostIsReadAgainAndDone) {
  const auto is_done = [](const std::string& where, Planned& host, const absl::Status& applied) {
    EXPECT_TRUE(applied.ok()) << where << " " << applied;
    EXPECT_TRUE(host.settings.VerifyLocked(Lock()).ok()) << where;
  };
  for (const Fault fault : {Fault::kHang, Fault::kLate, Fault::kDrop, Fault::kDie}) {
    for (const char* cmdlet : kWriters) EXPECT_GT(FailAtEach(cmdlet, fault, is_done), 0) << cmdlet;
  }
  // Any other question that is lost is a question lost.
  for (const char* cmdlet : {"Get-ReceiveConnector", "Get-ADPermission", "Get-ExchangeServer"})
    EXPECT_GT(FailAtEach(cmdlet, Fault::kDrop, is_done), 0) << cmdlet;
}

TEST(Faults, ACallThatFailsPutsAllBackAndSaysSo) {
  for (const Fault fault : {Fault::kError, Fault::kIgnored}) {
    int failed = 0;
    for (const char* cmdlet : kWriters) {
      failed += FailAtEach(
          cmdlet, fault, [](const std::string& where, Planned& host, const absl::Status& applied) {
            EXPECT_EQ(ReasonOf(applied), "ROLLED_BACK") << where << " " << applied;
            EXPECT_EQ(Sorted(host.organisation.Read()), Sorted(host.before)) << where;
          });
    }
    EXPECT_EQ(failed, 6);  // Four connectors' properties, two entries.
  }
}

TEST(Faults, AShellThatStaysAwayIsNoSuccess) {
  Planned host;
  for (int nth = 3; nth < 40; ++nth) host.shell.FailAt("Set-ReceiveConnector", nth, Fault::kHang);
  const absl::Status applied = host.settings.Apply(host.change, {});
  EXPECT_EQ(ReasonOf(applied), "ROLLBACK_FAILED") << applied;
  EXPECT_THAT(std::string(applied.message()), HasSubstr("not put back as it was: connector:"));
  // Once it is back the repeat completes it.
  FakeShell healthy(host.organisation, "EX1");
  EXPECT_TRUE(ExchangeSettings(healthy, Options()).Apply(host.change, {}).ok());
}

TEST(Faults, TheDeadlineIsKeptAndWhatWasDoneIsPutBack) {
  Planned host;
  CallContext context;
  context.deadline = absl::Now() - absl::Seconds(1);
  EXPECT_EQ(ReasonOf(host.settings.Apply(host.change, context)), "DEADLINE");
  EXPECT_EQ(host.organisation.Read(), host.before);
}

TEST(Faults, SomebodyElsesValueIsNotOverwritten) {
  Planned host;
  const auto meddle = [&host] {
    host.organisation.ChangeConnector("Default EX1", [](nlohmann::json& connector) {
      connector["PermissionGroups"] = "ExchangeServers, Partners";
    });
  };
  meddle();
  const nlohmann::json meddled = host.organisation.Read();
  EXPECT_EQ(ReasonOf(host.settings.Apply(host.change, {})), "CHANGED_MEANWHILE");
  EXPECT_EQ(host.organisation.Read(), meddled);
  // Also where it happens once the first connectors are written.
  host.organisation.Change([&host](nlohmann::json& all) { all = host.before; });
  host.shell.Before("Set-ReceiveConnector", meddle);
  EXPECT_EQ(ReasonOf(host.settings.Apply(host.change, {})), "CHANGED_MEANWHILE");
  EXPECT_EQ(Sorted(host.organisation.Read()), Sorted(meddled));
}

TEST(Faults, AnEntryThatSomebodyAddedStays) {
  Planned host;
  host.organisation.ChangeConnector("Default EX1", [](nlohmann::json& connector) {
    connector["Permissions"].push_back(AnonymousRelay("CONTOSO\\other"));
  });
  const nlohmann::json before = host.organisation.Read();
  EXPECT_EQ(ReasonOf(host.settings.Apply(host.change, {})), "CHANGED_MEANWHILE");
  EXPECT_EQ(host.organisation.Read(), before);
}

TEST(Faults, AnOverwriterIsFoundAtTheEnd) {
  FakeOrganisation organisation;
  const nlohmann::json original = organisation.Read();
  FakeShell shell(organisation, "EX1");
  const ExchangeSettings settings(shell, Options());
  const auto change = settings.PlanNdrSilence({});
  ASSERT_TRUE(change.ok());
  // Undone by another program while the second domain is being set.
  int seen = 0;
  std::function<void()> undo = [&] {
    if (++seen == 1) {
      shell.Before("Set-RemoteDomain", undo);
      return;
    }
    organisation.Change(
        [&](nlohmann::json& all) { all["remote_domains"][0]["NDREnabled"] = true; });
  };
  shell.Before("Set-RemoteDomain", undo);
  EXPECT_EQ(ReasonOf(settings.Apply(*change, {})), "ROLLED_BACK");
  EXPECT_EQ(organisation.Read(), original);
}

// Killed at every point, at each passing, while what `arrange` leaves in `change` is applied.
int KillAtEachPoint(const std::function<void(Planned&)>& arrange,
                    const std::function<void(const std::string& fault, Planned&)>& check) {
  std::unique_ptr<Planned> host;
  return KillAtEach(
      "exchange.apply.", 40,
      [&] {
        host = std::make_unique<Planned>();
        arrange(*host);
      },
      [&] {
        // So that the way back is walked, too.
        if (absl::StartsWith(getenv("MAILQUENCH_FAULT"), "exchange.apply.rollback"))
          host->shell.FailAt("Set-ReceiveConnector", 3, Fault::kError);
        host->settings.Apply(host->change, {}).IgnoreError();
      },
      [&](const std::string& fault) { check(fault, *host); });
}
void AsPlanned(Planned& /*host*/) {}

TEST(Faults, KilledAnywhereTheRepeatCompletesIt) {
  const int killed = KillAtEachPoint(AsPlanned, [](const std::string& fault, Planned& host) {
    const absl::Status again = host.settings.Apply(host.change, {});
    EXPECT_TRUE(again.ok()) << fault << ": " << again;
    EXPECT_TRUE(host.settings.VerifyLocked(Lock()).ok()) << fault;
    const auto plan = host.settings.PlanRestore(Of(host.change), {}, {});
    ASSERT_TRUE(plan.ok());
    EXPECT_TRUE(host.settings.Apply(plan->change, {}).ok()) << fault;
    EXPECT_EQ(Sorted(host.organisation.Read()), Sorted(host.before)) << fault;
  });
  // Four times write, properties and written, two entries, verify, rollback.
  EXPECT_EQ(killed, 16);
}

TEST(Faults, KilledAnywhereTheWayBackIsTheWayBack) {
  const int killed = KillAtEachPoint(AsPlanned, [](const std::string& fault, Planned& host) {
    // As Executor::RollBack() does it.
    SettingsChange backwards;
    for (SettingsChange::File file : host.change.files) {
      std::swap(file.before, file.after);
      std::swap(file.before_absent, file.after_absent);
      backwards.files.push_back(file);
    }
    const absl::Status back = host.settings.Apply(backwards, {});
    EXPECT_TRUE(back.ok()) << fault << ": " << back;
    EXPECT_EQ(Sorted(host.organisation.Read()), Sorted(host.before)) << fault;
  });
  EXPECT_EQ(killed, 16);
}

TEST(Faults, KilledInTheMiddleOfARestoreTheRepeatCompletesIt) {
  const int killed = KillAtEachPoint(
      [](Planned& host) {
        ASSERT_TRUE(host.settings.Apply(host.change, {}).ok());
        const auto plan = host.settings.PlanRestore(Of(host.change), {}, {});
        ASSERT_TRUE(plan.ok());
        host.change = plan->change;
      },
      [](const std::string& fault, Planned& host) {
        const absl::Status again = host.settings.Apply(host.change, {});
        EXPECT_TRUE(again.ok()) << fault << ": " << again;
        EXPECT_EQ(Sorted(host.organisation.Read()), Sorted(host.before)) << fault;
      });
  EXPECT_GE(killed, 15);
}
}  // namespace
}  // namespace mailquench::agent::exchange
