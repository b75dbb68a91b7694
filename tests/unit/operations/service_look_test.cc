// What a heartbeat says of the mail service, and of the room that its queues have.
#include "agent/app/service_look.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/fakes/file_mail_system.h"

namespace mailquench::agent {
namespace {

class Says final : public FileMailSystem {
 public:
  explicit Says(absl::StatusOr<v1::ServiceStatusResult> status)
      : FileMailSystem(::testing::TempDir()), status_(std::move(status)) {}
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames&) override { return status_; }

 private:
  const absl::StatusOr<v1::ServiceStatusResult> status_;
};

ServiceLook Look(const std::vector<std::pair<bool, std::string>>& instances) {
  v1::ServiceStatusResult status;
  for (const auto& [running, queue] : instances) {
    v1::ServiceStatusResult::Instance& one = *status.add_instances();
    one.set_running(running);
    one.set_queue_directory(queue);
  }
  Says mail(status);
  return LookAtService(mail);
}

TEST(ServiceLook, OfSeveralInstancesTheWorstOne) {
  EXPECT_EQ(Look({{true, ""}, {true, ""}}).state, v1::MAIL_SERVICE_STATE_RUNNING);
  EXPECT_EQ(Look({{true, ""}, {false, ""}}).state, v1::MAIL_SERVICE_STATE_STOPPED);
  EXPECT_EQ(Look({{false, ""}, {true, ""}}).state, v1::MAIL_SERVICE_STATE_STOPPED);
}

TEST(ServiceLook, NothingIsKnownWhereNothingCanBeAsked) {
  EXPECT_EQ(Look({}).state, v1::MAIL_SERVICE_STATE_UNSPECIFIED);
  Says broken(absl::UnavailableError("it does not answer"));
  EXPECT_EQ(LookAtService(broken).state, v1::MAIL_SERVICE_STATE_UNSPECIFIED);
  EXPECT_FALSE(LookAtService(broken).queue_free_bytes.has_value());
}

TEST(ServiceLook, TheRoomOfAQueueThatIsNotThereIsNotKnown) {
  const std::string missing = ::testing::TempDir() + "/no-such-queue";
  EXPECT_FALSE(Look({{true, missing}}).queue_free_bytes.has_value());
  EXPECT_GT(Look({{true, missing}, {true, ::testing::TempDir()}}).queue_free_bytes.value_or(0), 0);
}

}  // namespace
}  // namespace mailquench::agent
