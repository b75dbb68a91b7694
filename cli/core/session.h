// What every command works with: the terminal, the flags that all commands share and the way to the
// controller. Not thread-safe: one session is one command.
#ifndef MAILQUENCH_CLI_CORE_SESSION_H_
#define MAILQUENCH_CLI_CORE_SESSION_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/core/context.h"

namespace mailquench::cli {

using ChannelFactory =
    std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(const Context& context)>;

// The world outside, so that tests can be it.
struct Environment {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;  // Data only.
  std::ostream* err = nullptr;  // Progress, messages, questions.
  bool in_is_terminal = false;
  bool err_is_terminal = false;
  bool plain = false;  // That terminal takes no escape sequences.
  ChannelFactory channel;
  std::function<std::string(const std::string& name)> getenv;  // "" where unset.
  std::string contexts;  // The file of contexts where nothing names another.
};

// Flags of the top level.
struct GlobalFlags {
  std::string output = "table";
  bool wide = false;  // Of -o wide: a table with all its columns.
  std::string context;
  std::string config;
  std::string timeout;  // "90s", "5m"; empty: none.
};

class Session {
 public:
  explicit Session(Environment environment) : env(std::move(environment)) {}

  const Environment env;
  GlobalFlags flags;
  // What the parsed command does; set by the callback of its subcommand.
  std::function<absl::StatusOr<int>()> action;

  std::string ConfigPath() const;
  // Errors: FAILED_PRECONDITION/NO_CONTEXT, INVALID_ARGUMENT/CONFIG_MALFORMED.
  absl::StatusOr<Context> CurrentContext() const;
  // Made at the first use, so that --help and mistakes cost nothing.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();
  bool Colour() const;
  // One line on stderr.
  void Tell(const std::string& line) const;
  // Starts the clock of --timeout. Errors: INVALID_ARGUMENT/BAD_DURATION.
  absl::Status StartClock();
  std::optional<std::chrono::system_clock::time_point> deadline() const { return deadline_; }
  void set_deadline(std::chrono::system_clock::time_point when) { deadline_ = when; }
  void Prepare(grpc::ClientContext* client) const;

  // One unary call. Errors are the controller's own, reason included.
  template <class Stub, class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                             const Request&,
                                                             Response*),
                                const Request& request) {
    auto channel = Channel();
    if (!channel.ok()) return channel.status();
    Stub stub(*channel);
    grpc::ClientContext client;
    Prepare(&client);
    Response response;
    const grpc::Status status = (stub.*method)(&client, request, &response);
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  // A gRPC status as ours: ErrorInfo kept, and a sentence with a next step where the transport
  // failed.
  absl::Status FromGrpc(const grpc::Status& status) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::optional<std::chrono::system_clock::time_point> deadline_;
};

// The error of a command that was given wrongly: exit 1.
absl::Status UsageError(const std::string& sentence);

// A random UUID (version 4), for request ids.
std::string NewUuid();

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_SESSION_H_
