// The channel factory of the real program: mutual TLS by the context's files.
#ifndef MAILQUENCH_CLI_TLS_CHANNEL_H_
#define MAILQUENCH_CLI_TLS_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/statusor.h"
#include "cli/core/context.h"

namespace mailquench::cli {

// Checks the files before it dials, so that a wrong file is named and not called "unavailable".
absl::StatusOr<std::shared_ptr<grpc::Channel>> TlsChannel(const Context& context);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_TLS_CHANNEL_H_
