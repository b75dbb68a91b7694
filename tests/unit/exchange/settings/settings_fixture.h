// A server of the fake organisation, and its settings.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_SETTINGS_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_SETTINGS_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/settings_ops.h"
#include "common/status/error.h"
#include "tests/unit/exchange/settings/fake_organisation.h"

namespace mailquench::agent::exchange {

inline v1::RelayLock Lock(v1::RelayMode mode = v1::RELAY_MODE_CLOSED,
                          const std::vector<std::string>& clients = {}) {
  v1::RelayLock lock;
  lock.set_mode(mode);
  for (const std::string& client : clients) lock.add_clients(client);
  return lock;
}

inline SettingsOptions Options(const std::string& server = "EX1", Role role = Role::kMailbox) {
  SettingsOptions options;
  options.server = server;
  options.role = role;
  options.organisation = "contoso";
  options.listener_wait = absl::ZeroDuration();
  options.unavailable_pause = absl::Milliseconds(1);
  return options;
}

inline std::vector<v1::Setting> Of(const SettingsChange& change) {
  return {change.result.settings().begin(), change.result.settings().end()};
}

inline std::vector<std::string> Keys(const SettingsChange& change) {
  std::vector<std::string> out;
  for (const v1::Setting& setting : change.result.settings()) out.push_back(setting.key());
  return out;
}

// An entry that somebody made by hand: the usual way to let devices relay.
inline nlohmann::json AnonymousRelay(const std::string& user = "NT AUTHORITY\\ANONYMOUS LOGON") {
  return {{"User", user},
          {"ExtendedRights", {"Ms-Exch-SMTP-Accept-Any-Recipient"}},
          {"Deny", false},
          {"IsInherited", false}};
}
inline nlohmann::json Printers(const std::string& name = "Printers") {
  return {{"Name", name},
          {"RemoteIPRanges", {"10.1.0.0-10.1.0.255"}},
          {"Permissions", {AnonymousRelay()}}};
}

// Two states of the organisation that say the same: the order of entries does not count.
inline nlohmann::json Sorted(nlohmann::json all) {
  for (auto& [server, state] : all["servers"].items()) {
    for (auto& connector : state["receive_connectors"]) {
      std::vector<nlohmann::json> entries = connector["Permissions"];
      std::sort(entries.begin(), entries.end());
      connector["Permissions"] = entries;
    }
  }
  return all;
}

class SettingsTest : public ::testing::Test {
 protected:
  SettingsChange Plan(const v1::RelayLock& lock = Lock()) {
    const auto change = settings.PlanRelayLock(lock);
    EXPECT_TRUE(change.ok()) << change.status();
    return change.ok() ? *change : SettingsChange();
  }
  SettingsChange LockNow(const v1::RelayLock& lock = Lock()) {
    const SettingsChange change = Plan(lock);
    const absl::Status applied = settings.Apply(change, {});
    EXPECT_TRUE(applied.ok()) << applied;
    return change;
  }
  RestorePlan Restore(const std::vector<v1::Setting>& recorded,
                      const std::vector<v1::RestoreDecision>& decisions = {}) {
    const auto plan = settings.PlanRestore(recorded, decisions, {});
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return RestorePlan();
    const absl::Status applied = settings.Apply(plan->change, {});
    EXPECT_TRUE(applied.ok()) << applied;
    return *plan;
  }
  static v1::RestoreDecision Decision(const std::string& key, v1::RestoreChoice choice) {
    v1::RestoreDecision decision;
    decision.set_key(key);
    decision.set_choice(choice);
    decision.set_reason("looked at it");
    return decision;
  }

  FakeOrganisation organisation;
  FakeShell shell{organisation, "EX1"};
  ExchangeSettings settings{shell, Options()};
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_SETTINGS_FIXTURE_H_
