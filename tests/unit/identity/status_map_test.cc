#include "common/rpc/status_map.h"

#include <gtest/gtest.h>

#include "common/status/error.h"

namespace mailquench::rpc {
namespace {

TEST(StatusMapTest, ReasonsAndSentencesTravelBothWays) {
  const absl::Status status =
      Error(absl::StatusCode::kPermissionDenied, "TOKEN_USED", "It was used.", {{"token", "ab"}});
  const grpc::Status wire = ToGrpc(status);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(wire.error_message(), "It was used.");
  EXPECT_EQ(FromGrpc(wire), status);
  EXPECT_EQ(ReasonOf(FromGrpc(wire)), "TOKEN_USED");
}

TEST(StatusMapTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(StatusMapTest, DetailsThatDoNotParseNeitherHideNorSoftenAnError) {
  const absl::Status junk =
      FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone", "\xff\xff junk"));
  EXPECT_TRUE(absl::IsUnavailable(junk));
  EXPECT_EQ(junk.message(), "gone");
  // Details that say OK do not make an error OK.
  google::rpc::Status ok;
  EXPECT_TRUE(absl::IsInternal(
      FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "bad", ok.SerializeAsString()))));
}

}  // namespace
}  // namespace mailquench::rpc
