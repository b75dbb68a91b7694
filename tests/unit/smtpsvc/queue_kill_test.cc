// Killed at every point of what is done to the queue, and asked again.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "agent/quarantine/manifest.h"
#include "common/fault/fault_point.h"
#include "tests/unit/smtpsvc/filled_queue.h"

namespace mailquench::agent::smtpsvc {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// kill -9 at every point of this room, found from the code, at each passing; then the same command.
int KillAtEach(const std::vector<std::string>& starts,
               const std::function<void(SmtpHost&)>& arrange,
               const std::function<absl::Status(SmtpHost&)>& act,
               const std::function<void(SmtpHost&, const std::string&)>& check) {
  int killed = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (std::none_of(starts.begin(), starts.end(),
                     [&](const std::string& start) { return point.rfind(start, 0) == 0; }))
      continue;
    for (int passing = 1; passing < 20; ++passing) {
      SmtpHost host;
      arrange(host);
      const std::string fault = absl::StrCat(point, "@", passing, "=kill");
      const pid_t child = fork();
      if (child == 0) {
        setenv("MAILQUENCH_FAULT", fault.c_str(), 1);
        act(host).IgnoreError();
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFSIGNALED(status)) break;
      ++killed;
      const absl::Status again = act(host);
      EXPECT_TRUE(again.ok()) << fault << ": " << again;
      check(host, fault);
    }
  }
  return killed;
}

TEST(BadDays, KilledInASwapItIsCompletedOnce) {
  const auto act = [](SmtpHost& host) {
    return host.mail->Quarantine({}, host.Context("c1")).status();
  };
  const int killed = KillAtEach(
      {"smtpsvc.swap.", "folders.swap."},
      [](SmtpHost& host) {
        Fill(host);
        host.StopAll();
      },
      act,
      [](SmtpHost& host, const std::string& fault) {
        const auto list = host.mail->ListQuarantines();
        ASSERT_EQ(list->quarantines_size(), 1) << fault;
        const std::string home = list->quarantines(0).directory();
        EXPECT_EQ(SmtpHost::Names(home + "/Queue").size(), 6U) << fault;
        EXPECT_EQ(SmtpHost::Names(home + "/Badmail").size(), 4U) << fault;
        EXPECT_TRUE(fs::is_directory(host.Folder(1, "Queue"))) << fault;
        EXPECT_TRUE(fs::is_directory(host.Folder(1, "Badmail"))) << fault;
        EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty()) << fault;
        EXPECT_THAT(SmtpHost::Names(home), ElementsAre("Badmail", "Queue", "manifest.json"))
            << fault;
      });
  EXPECT_GE(killed, 7);
}

TEST(BadDays, KilledInASwapOneByOneItIsCompleted) {
  const int killed = KillAtEach(
      {"folders.swap.one_by_one"},
      [](SmtpHost& host) {
        Fill(host);
        host.StopAll();
        const std::string queue = host.Folder(1, "Queue");
        host.options.disk.move = [queue](const std::string& from, const std::string& to) {
          return from == queue ? Busy() : MoveEntry(from, to);
        };
        host.Open();
      },
      [](SmtpHost& host) { return host.mail->Quarantine({}, host.Context("c1")).status(); },
      [](SmtpHost& host, const std::string& fault) {
        const std::string home = host.mail->ListQuarantines()->quarantines(0).directory();
        EXPECT_EQ(SmtpHost::Names(home + "/Queue").size(), 6U) << fault;
        EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty()) << fault;
      });
  EXPECT_EQ(killed, 6);
}

TEST(BadDays, KilledInASelectiveQuarantineItIsCompleted) {
  const int killed = KillAtEach(
      {"smtpsvc.select."}, [](SmtpHost& host) { Fill(host); },
      [](SmtpHost& host) {
        return host.mail->Quarantine(Selective("spam@example.org"), host.Context("c1")).status();
      },
      [](SmtpHost& host, const std::string& fault) {
        const auto list = host.mail->ListQuarantines();
        EXPECT_EQ(list->quarantines(0).messages(), 5) << fault;
        EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ElementsAre("NTFS_9.EML")) << fault;
      });
  EXPECT_GE(killed, 8);
}

TEST(BadDays, KilledInAReleaseItIsCompleted) {
  v1::QuarantineRelease request;
  request.set_quarantine_id(QuarantineId("c1", "1"));
  const int killed = KillAtEach(
      {"smtpsvc.release."},
      [](SmtpHost& host) {
        Fill(host);
        host.StopAll();
        ASSERT_TRUE(host.mail->Quarantine({}, host.Context("c1")).ok());
      },
      [&](SmtpHost& host) { return host.mail->Release(request, host.Context("r1")).status(); },
      [](SmtpHost& host, const std::string& fault) {
        EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 6U) << fault;
        EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Badmail")).size(), 4U) << fault;
        EXPECT_EQ(host.mail->ListQuarantines()->quarantines(0).messages(), 0) << fault;
      });
  EXPECT_GE(killed, 10);
}

TEST(BadDays, KilledInADiscardItIsCompleted) {
  v1::QuarantineDiscard request;
  request.set_quarantine_id(QuarantineId("c1", "1"));
  const int killed = KillAtEach(
      {"smtpsvc.discard."},
      [](SmtpHost& host) {
        Fill(host);
        host.StopAll();
        ASSERT_TRUE(host.mail->Quarantine({}, host.Context("c1")).ok());
      },
      [&](SmtpHost& host) { return host.mail->Discard(request, host.Context("d1")).status(); },
      [](SmtpHost& host, const std::string& fault) {
        const std::string home = host.mail->ListQuarantines()->quarantines(0).directory();
        EXPECT_THAT(SmtpHost::Names(home + "/Queue"), IsEmpty()) << fault;
        EXPECT_THAT(SmtpHost::Names(home + "/Badmail"), IsEmpty()) << fault;
      });
  EXPECT_GE(killed, 8);
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
