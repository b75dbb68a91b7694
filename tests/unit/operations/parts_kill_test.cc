// kill -9 at every point on the way of a contain in parts: after the restart the parts that follow
// end it, each act was done once.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "tests/unit/operations/rig.h"

#ifdef MAILQUENCH_FAULT_POINTS
namespace mailquench::agent {
namespace {
const std::vector<std::pair<std::string, std::string>> kParts = {
    {"a", R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED","lease":"60s"})"},
    {"b", R"({"incidentId":"i","until":"CONTAIN_UNTIL_SWEPT","lease":"60s"})"},
    {"c", R"({"incidentId":"i"})"}};

// Whether `work` was killed there.
bool Killed(const std::string& point, int passing, const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAILQUENCH_FAULT", absl::StrCat(point, "@", passing, "=kill").c_str(), 1);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

void ExpectOnce(Rig& rig) {
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("ndr"), "silent\n");
  EXPECT_EQ(rig.mail->Get("quarantine-a"), "20000");
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_EQ(rig.mail->Acts("stop"), 1);
  EXPECT_TRUE(rig.journal->Leases()->empty());
  EXPECT_TRUE(rig.journal->Unfinished()->empty());
  EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 2);
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
}

TEST(PartsKilled, AtEveryPointOfEveryPart) {
  int killed = 0;
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    for (const std::string& point : fault::AllPoints()) {
      for (int passing = 1; passing <= 3; ++passing) {
        Rig rig;
        for (std::size_t i = 0; i < part; ++i) rig.Do(kParts[i].first, "contain", kParts[i].second);
        rig.journal.reset();
        if (!Killed(point, passing, [&] {
              rig.Open();
              rig.Do(kParts[part].first, "contain", kParts[part].second);
            }))
          break;
        ++killed;
        SCOPED_TRACE(absl::StrCat(kParts[part].first, " ", point, "@", passing));
        rig.Open();
        // Where nothing was begun, the same command does it all.
        for (std::size_t i = part; i < kParts.size(); ++i) {
          rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
          const auto report = rig.Do(kParts[i].first, "contain", kParts[i].second);
          EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
          EXPECT_EQ(rig.mail->Get("running"), i + 1 < kParts.size() ? "0" : "1");
          EXPECT_EQ(rig.journal->Leases()->size(), i + 1 < kParts.size() ? 1u : 0u);
          if (i > 0) {
            EXPECT_EQ(report.result().contain().quarantine().quarantines_size(), 1);
            EXPECT_EQ(report.result().contain().lock().snapshot_id(), "a.lock");
          }
        }
        ExpectOnce(rig);
      }
    }
  }
  EXPECT_GE(killed, 30);
}

TEST(PartsKilled, AtEveryPointOfWhatTheEndOfTheLeaseDoes) {
  int killed = 0;
  for (const std::string& point : fault::AllPoints()) {
    for (int passing = 1; passing <= 4; ++passing) {
      Rig rig;
      rig.Do(kParts[0].first, "contain", kParts[0].second);
      const auto end_lease = [&] {
        rig.clock.Sleep(absl::Seconds(61));
        rig.executor->EndDueLeases(nullptr);
        rig.clock.Sleep(absl::Seconds(120));
        rig.executor->EndDueLeases(nullptr);
      };
      rig.journal.reset();
      if (!Killed(point, passing, [&] {
            rig.Open();
            end_lease();
          }))
        break;
      ++killed;
      SCOPED_TRACE(absl::StrCat(point, "@", passing));
      rig.Open();
      rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
      end_lease();
      ExpectOnce(rig);
    }
  }
  EXPECT_GE(killed, 20);
}

}  // namespace
}  // namespace mailquench::agent
#endif
