#include "cli/tls_channel.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

constexpr int kMaxAnswer = 32 * 1024 * 1024;  // A switch of 2,000 domains, watched, has 4 MiB.

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> TlsChannel(const Context& context) {
  rpc::ForbidTls12();
  std::string expected = context.controller_id;
  if (expected.empty() && !context.trust_domain.empty()) {
    expected = absl::StrCat("spiffe://", context.trust_domain, "/controller/");
  }
  auto credentials = rpc::ChannelCredentials({context.key, context.cert, context.ca}, expected);
  if (!credentials.ok()) {
    return Prepend(credentials.status(), absl::StrCat("Context ", context.name));
  }
  grpc::ChannelArguments arguments = rpc::AgentChannelArguments();
  arguments.SetMaxReceiveMessageSize(kMaxAnswer);
  return grpc::CreateCustomChannel(context.address, *credentials, arguments);
}

}  // namespace mailquench::cli
