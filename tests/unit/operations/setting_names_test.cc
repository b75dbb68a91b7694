// Settings that are no files: their names are what somebody called a connector.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

// The mail system's store has an object of this name with two properties.
std::vector<std::string> MakeObject(Rig& rig, const std::string& name) {
  std::filesystem::create_directories(rig.dir + "/connector:" + name);
  rig.mail->relay_keys = {absl::StrCat("connector:", name, "/PermissionGroups"),
                          absl::StrCat("connector:", name, "/AuthMechanism")};
  for (const std::string& key : rig.mail->relay_keys) rig.mail->Put(key, "open\n");
  return rig.mail->relay_keys;
}

TEST(SettingNames, OfHostileConnectorsAreTextsAllTheWay) {
  for (const char* name : {"Default Frontend EX1", "'; Remove-Item -Recurse $env:X; '", "a/b/../c",
                           "{0}%s`\"|&", "Empfang Zürich ①"}) {
    SCOPED_TRACE(name);
    Rig rig;
    const auto keys = MakeObject(rig, name);
    EXPECT_FALSE(rig.executor->Plan(rig.Make("p", "contain")).has_refused());
    const auto report = rig.Do("c", "contain");
    ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
    ASSERT_EQ(report.result().contain().lock().settings_size(), 2);
    EXPECT_EQ(report.result().contain().lock().settings(0).key(), keys[0]);
    rig.Open();
    ASSERT_EQ(rig.journal->Outstanding()->size(), 2u);
    EXPECT_EQ(rig.journal->Outstanding()->front().change.files(0).path(), rig.dir + "/" + keys[0]);
    EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 3);
    for (const std::string& key : keys) EXPECT_EQ(rig.mail->Get(key), "open\n");
  }
}

TEST(SettingNames, ThatCannotBeRecordedOrShownAreRefusedBeforeAnythingIsStopped) {
  for (const char* name : {"two\nlines", "bell\a", "\xff\xfe", "\u202egnp.exe"}) {
    SCOPED_TRACE(name);
    Rig rig;
    const auto keys = MakeObject(rig, name);
    EXPECT_TRUE(rig.executor->Plan(rig.Make("p", "contain")).has_refused());
    EXPECT_TRUE(rig.executor->Plan(rig.Make("p", "relay.lock")).has_refused());
    for (const char* operation : {"contain", "relay.lock"}) {
      const auto report = rig.Do(operation, operation);
      EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
      EXPECT_EQ(ReasonOf(FromProto(report.error())), "BAD_SETTING_NAME");
    }
    EXPECT_EQ(rig.mail->Acts("stop"), 0);
    EXPECT_EQ(rig.mail->Get(keys[0]), "open\n");
    EXPECT_TRUE(rig.journal->Outstanding()->empty());
  }
}

#ifdef MAILQUENCH_FAULT_POINTS
// Settings are written one by one: killed at each write, the rest is written after the restart.
TEST(SettingNames, AChangeOfManySettingsIsCompletedWhereverItWasKilled) {
  int killed = 0;
  for (int passing = 1; passing <= 10; ++passing) {
    for (const char* point : {"files.write.before_rename", "journal.change.applied"}) {
      Rig rig;
      const auto keys = MakeObject(rig, "Default Frontend EX1");
      const pid_t child = fork();
      if (child == 0) {
        setenv("MAILQUENCH_FAULT", absl::StrCat(point, "@", passing, "=kill").c_str(), 1);
        rig.Open();
        rig.Do("l", "relay.lock");
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFSIGNALED(status)) continue;
      ++killed;
      SCOPED_TRACE(absl::StrCat(point, "@", passing));
      rig.Open();
      rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
      for (const std::string& key : keys) EXPECT_EQ(rig.mail->Get(key), "locked\n");
      EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 2);
      for (const std::string& key : keys) EXPECT_EQ(rig.mail->Get(key), "open\n");
    }
  }
  EXPECT_GE(killed, 2);
}
#endif

}  // namespace
}  // namespace mailquench::agent
