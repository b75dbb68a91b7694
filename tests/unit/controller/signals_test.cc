// What a scrape says of a core whose store does not answer.
#include <sqlite3.h>

#include "controller/metrics/metrics.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SignalsTest : public CoreTest {
 protected:
  // As from outside: a table that is damaged, moved, or of another version.
  void Sql(const std::string& statement) {
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 5000);
    EXPECT_EQ(sqlite3_exec(other, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(other);
    sqlite3_close(other);
  }
  std::string Scrape() { return core_->metrics().Text(); }
};

TEST_F(SignalsTest, WhatCannotBeReadIsNoFleetWithoutListings) {
  const std::string before = Scrape();
  const std::pair<const char*, std::vector<const char*>> tables[] = {
      {"incidents", {"mailquench_incidents{", "mailquench_host_open_relay{"}},
      {"listings", {}},  // Without one there is no series; see the metrics' own test.
      {"escalations", {"mailquench_escalations{", "mailquench_escalation_rules_loaded "}},
      {"alerts", {"mailquench_alerts_undone "}},
      {"notice_deliveries", {"mailquench_notices_undelivered "}},
      {"values_kept", {"mailquench_automation_paused "}}};
  EXPECT_THAT(before, HasSubstr("\nmailquench_store_readable 1\n"));
  for (const auto& [table, series] : tables) {
    Sql(std::string("ALTER TABLE ") + table + " RENAME TO away");
    const std::string text = Scrape();
    EXPECT_THAT(text, HasSubstr("\nmailquench_store_readable 0\n")) << table;
    for (const char* one : series) {
      EXPECT_THAT(before, HasSubstr(std::string("\n") + one));
      EXPECT_THAT(text, Not(HasSubstr(std::string("\n") + one))) << table;
    }
    EXPECT_THAT(text, HasSubstr("\nmailquench_host_online{"));
    Sql(std::string("ALTER TABLE away RENAME TO ") + table);
    EXPECT_THAT(Scrape(), HasSubstr("\nmailquench_store_readable 1\n")) << table;
  }
}

}  // namespace
}  // namespace mailquench::controller
