// What must not be left behind when the agent is taken away: an uninstall asks for it.
#include <gmock/gmock.h>

#include "agent/app/agent.h"
#include "agent/os/folder.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::pair<int, std::string> Ask(const std::string& state) {
  ::testing::internal::CaptureStdout();
  const int code = OutstandingCommand(state);
  return {code, ::testing::internal::GetCapturedStdout()};
}

void Write(const std::string& path) {
  ASSERT_TRUE(WriteFileAtomically(path, "{}").ok());
}

TEST(Outstanding, IsNothingOnAHostThatOwesNothing) {
  Rig rig;
  EXPECT_EQ(Ask(rig.dir), (std::pair<int, std::string>(0, "")));
}

TEST(Outstanding, IsWhatALockAndALeaseOwe) {
  Rig rig;
  rig.Do("c", "contain");
  rig.Do("s", "service.stop");
  const auto [code, said] = Ask(rig.dir);
  EXPECT_EQ(code, 2);
  EXPECT_THAT(said, AllOf(HasSubstr("changed: 1 settings by contain, snapshot c.lock"),
                          HasSubstr("stopped: the mail service, under a lease")));
}

// Notes of Exchange, which stand beside the journal; it may be lost.
TEST(Outstanding, IsAnExchangeServerThatIsHeldAlsoWithoutAJournal) {
  for (const bool with_journal : {true, false}) {
    Rig rig;
    Write(rig.dir + "/exchange-recovery");
    if (!with_journal) std::filesystem::remove(rig.dir + "/journal.db");
    const auto [code, said] = Ask(rig.dir);
    EXPECT_EQ(code, 2);
    EXPECT_THAT(said, AllOf(HasSubstr("Managed Availability"), HasSubstr("'do service.start'")));
    EXPECT_EQ(std::filesystem::exists(rig.dir + "/journal.db"), with_journal) << "it made one";
  }
}

TEST(Outstanding, IsAnExchangeServerThatIsCutOff) {
  Rig rig;
  Write(rig.dir + "/exchange-isolation");
  const auto [code, said] = Ask(rig.dir);
  EXPECT_EQ(code, 2);
  EXPECT_THAT(said, HasSubstr("cut off"));
}

}  // namespace
}  // namespace mailquench::agent
