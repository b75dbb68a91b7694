// What was set aside: put back, deleted, listed, refused.
#include <filesystem>

#include "agent/quarantine/manifest.h"
#include "tests/unit/smtpsvc/filled_queue.h"

namespace mailquench::agent::smtpsvc {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TakenQueue : public ::testing::Test {
 protected:
  void SetUp() override {
    Fill(host);
    host.StopAll();
    const auto result = host.mail->Quarantine({}, host.Context("c1"));
    ASSERT_TRUE(result.ok()) << result.status();
    id = result->quarantines(0).quarantine_id();
    home = result->quarantines(0).directory();
  }
  v1::QuarantineRelease Release(const std::string& sender = "") {
    v1::QuarantineRelease request;
    request.set_quarantine_id(id);
    if (!sender.empty()) request.mutable_filter()->add_senders(sender);
    return request;
  }
  SmtpHost host;
  std::string id, home;
};

TEST_F(TakenQueue, ReleaseWantsTheServiceStopped) {
  ASSERT_TRUE(host.mail->Start({}, host.Context("s")).ok());
  EXPECT_EQ(ReasonOf(host.mail->Release(Release(), host.Context("r")).status()), "SERVICE_RUNNING");
  EXPECT_TRUE(host.mail->ReleasesStopped());
}

TEST_F(TakenQueue, ReleasePutsEachBackWhereItWas) {
  const auto some = host.mail->Release(Release("anna@example.org"), host.Context("r1"));
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->released(), 1);
  EXPECT_EQ(some->left(), 7);
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ElementsAre("NTFS_9.EML"));
  const auto all = host.mail->Release(Release(), host.Context("r2"));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->released(), 7);
  EXPECT_EQ(all->left(), 0);
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Badmail")),
              ElementsAre("a.BAD", "a.BDP", "a.BDR", "b.BAD"));
  EXPECT_EQ(host.mail->Release(Release(), host.Context("r2"))->released(), 7)
      << "a repeat says the same";
}

TEST_F(TakenQueue, ReleaseNeverOverwrites) {
  host.Queue(1, "NTFS_1.EML", "new@example.org");
  SmtpHost::Put(home + "/Queue/NTFS_E.EML", "");
  const auto result = host.mail->Release(Release(), host.Context("r"));
  EXPECT_EQ(ReasonOf(result.status()), "RELEASE_INCOMPLETE");
  EXPECT_THAT(SmtpHost::Get(host.Folder(1, "Queue") + "/NTFS_1.EML"), HasSubstr("new@example.org"));
  EXPECT_THAT(SmtpHost::Names(home + "/Queue"), ElementsAre("NTFS_1.EML"));
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ::testing::Contains("NTFS_E.EML"))
      << "without a filter all goes back";
}

TEST_F(TakenQueue, WithoutAFilterWhatCannotBeReadIsDeletedToo) {
  SmtpHost::Put(home + "/Queue/NTFS_E.EML", "");
  v1::QuarantineAnalyse analyse;
  analyse.set_quarantine_id(id);
  EXPECT_EQ(host.mail->Analyse(analyse, host.Context("a"))->matching(), 9);
  v1::QuarantineDiscard request;
  request.set_quarantine_id(id);
  const auto result = host.mail->Discard(request, host.Context("d"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->discarded(), 9);
  EXPECT_EQ(result->left(), 0);
  EXPECT_THAT(SmtpHost::Names(home + "/Queue"), IsEmpty());
}

TEST_F(TakenQueue, ReleaseEndsWhenItIsNotWantedAndGoesOn) {
  for (int i = 0; i < 100; ++i)
    SmtpHost::Put(absl::StrCat(home, "/Queue/X", i, ".EML"), SmtpHost::Message("x@example.org"));
  int asked = 0;
  CallContext context = host.Context("r");
  context.still_wanted = [&] {
    return ++asked > 1 ? absl::CancelledError("no") : absl::OkStatus();
  };
  v1::OperationResult so_far;
  context.done_so_far = [&](const v1::OperationResult& result) { so_far = result; };
  EXPECT_TRUE(absl::IsCancelled(host.mail->Release(Release(), context).status()));
  EXPECT_EQ(so_far.quarantine_release().released(), 63);
  const auto rest = host.mail->Release(Release(), host.Context("r"));
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->left(), 0);
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 106U);
}

TEST_F(TakenQueue, ADamagedListTouchesNothing) {
  SmtpHost::Put(home + "/release-" + QuarantineId("r", "") + ".list",
                "0 5 ../../../x\n= 1 1 1 1 0\n");
  EXPECT_EQ(ReasonOf(host.mail->Release(Release(), host.Context("r")).status()), "BAD_LIST");
  SmtpHost::Put(home + "/release-" + QuarantineId("r", "") + ".list", "0 5 NTFS_1.EML\n");
  EXPECT_EQ(ReasonOf(host.mail->Release(Release(), host.Context("r")).status()), "BAD_LIST");
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty());
}

TEST_F(TakenQueue, DiscardDeletesWhatMatchesWithItsCompanions) {
  SmtpHost::Put(home + "/Queue/NTFS_E.EML", "");
  v1::QuarantineDiscard request;
  request.set_quarantine_id(id);
  request.mutable_filter()->add_senders("spam@example.org");
  const auto result = host.mail->Discard(request, host.Context("d"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->discarded(), 7);
  EXPECT_EQ(result->left(), 2);
  EXPECT_THAT(SmtpHost::Names(home + "/Badmail"), IsEmpty());
  EXPECT_THAT(SmtpHost::Names(home + "/Queue"), ElementsAre("NTFS_9.EML", "NTFS_E.EML"));
}

TEST_F(TakenQueue, IsFoundAfterTheQueueWentElsewhereAndAfterTheServersAreGone) {
  const std::string other = host.dir + "/other/Queue";
  fs::create_directories(other);
  ASSERT_TRUE(host.metabase->Write("1", Property::kQueueDirectory, MakeString(other)).ok());
  auto list = host.mail->ListQuarantines();
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->quarantines_size(), 1);
  EXPECT_EQ(list->quarantines(0).quarantine_id(), id);
  const auto released = host.mail->Release(Release(), host.Context("r"));
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(SmtpHost::Names(other).size(), 6U);
  // As an upgrade of Windows in place leaves it.
  SmtpHost::Put(host.dir + "/metabase.json", R"({"keys": {"": {}}})");
  list = host.mail->ListQuarantines();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->quarantines_size(), 1);
}

TEST_F(TakenQueue, UnknownOnesAndWhatIsNotOffered) {
  v1::QuarantineRelease request;
  for (const char* name : {"q-no-1-0000000000000000", "../../etc", ""}) {
    request.set_quarantine_id(name);
    EXPECT_EQ(ReasonOf(host.mail->Release(request, host.Context("r")).status()),
              "UNKNOWN_QUARANTINE");
  }
  EXPECT_EQ(host.mail->Move({}, host.Context("m")).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(host.mail->PreviewMove({}).status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(TakenQueue, ABadManifestIsListedByNameAndNotTouched) {
  SmtpHost::Put(home + "/manifest.json", R"({"format":1,"originals":[{"name":"Queue:relative"}]})");
  EXPECT_EQ(ReasonOf(host.mail->Release(Release(), host.Context("r")).status()), "BAD_MANIFEST");
  SmtpHost::Put(home + "/manifest.json", "x");
  const auto list = host.mail->ListQuarantines();
  ASSERT_EQ(list->quarantines_size(), 1);
  EXPECT_EQ(list->quarantines(0).quarantine_id(), id);
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
