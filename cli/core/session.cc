#include "cli/core/session.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::cli {

std::string Session::ConfigPath() const {
  if (!flags.config.empty()) return flags.config;
  if (std::string path = env.getenv("MAILQUENCH_CONFIG"); !path.empty()) return path;
  return env.contexts;
}

absl::StatusOr<Context> Session::CurrentContext() const {
  const std::string path = ConfigPath();
  auto file = LoadContexts(path);
  if (!file.ok()) return file.status();
  std::string name = flags.context;
  if (name.empty()) name = env.getenv("MAILQUENCH_CONTEXT");
  if (name.empty()) name = file->current;
  if (name.empty() && file->contexts.size() == 1) name = file->contexts[0].name;
  if (const Context* context = file->Find(name); context != nullptr) return *context;
  return Error(
      absl::StatusCode::kFailedPrecondition, "NO_CONTEXT",
      name.empty()
          ? absl::StrCat("No controller is known yet (", path,
                         "); nothing was sent. Add one with `mailquench context add NAME "
                         "--address HOST:PORT --ca FILE --cert FILE --key FILE`.")
          : absl::StrCat("There is no context '", name, "' in ", path,
                         "; nothing was sent. `mailquench context list` shows those that are."));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Channel() {
  if (channel_ != nullptr) return channel_;
  auto context = CurrentContext();
  if (!context.ok()) return context.status();
  auto made = env.channel(*context);
  if (!made.ok()) return made.status();
  channel_ = *made;
  return channel_;
}

bool Session::Colour() const {
  return env.err_is_terminal && !env.plain && env.getenv("NO_COLOR").empty();
}

void Session::Tell(const std::string& line) const {
  *env.err << Harmless(line) << std::endl;
}

absl::Status Session::StartClock() {
  if (flags.timeout.empty()) return absl::OkStatus();
  auto limit = ParseDuration(flags.timeout);
  if (!limit.ok()) return limit.status();
  // Beyond a year nobody waits, and the clock would overflow.
  deadline_ = std::chrono::system_clock::now() +
              absl::ToChronoMilliseconds(std::min(*limit, absl::Hours(24 * 365)));
  return absl::OkStatus();
}

void Session::Prepare(grpc::ClientContext* client) const {
  if (deadline_.has_value()) client->set_deadline(*deadline_);
}

absl::Status Session::FromGrpc(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status proto;
  if (!status.error_details().empty() && proto.ParseFromString(status.error_details()) &&
      proto.code() == static_cast<int>(status.error_code())) {
    return FromProto(proto);
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnavailable) {
    auto context = CurrentContext();
    return Error(code, "CONTROLLER_UNREACHABLE",
                 absl::StrCat("The controller at ", context.ok() ? context->address : "?",
                              " does not answer (", status.error_message(),
                              "); whether the request arrived is not known. Check the address and "
                              "the certificates with `mailquench context list`, then look with "
                              "`mailquench run list`."));
  }
  if (code == absl::StatusCode::kDeadlineExceeded) {
    return Error(code, "DEADLINE",
                 "The time given by --timeout ran out; what was started on the hosts goes on. Look "
                 "with `mailquench run list`.");
  }
  if (code == absl::StatusCode::kUnimplemented) {
    return Error(
        code, "NOT_IMPLEMENTED",
        "The controller does not know this request, so nothing was done: it is of an older "
        "version than this program, or this is not a controller.");
  }
  return Error(
      code, "CONTROLLER_ERROR",
      status.error_message().empty()
          ? absl::StrCat("The controller refused without a word (code ", status.error_code(), ").")
          : status.error_message());
}

absl::Status UsageError(const std::string& sentence) {
  return Error(absl::StatusCode::kInvalidArgument, "USAGE", sentence);
}

std::string NewUuid() {
  std::random_device device;
  std::uint32_t word[4] = {device(), device(), device(), device()};
  word[1] = (word[1] & 0xffff0fffu) | 0x00004000u;
  word[2] = (word[2] & 0x3fffffffu) | 0x80000000u;
  char text[40];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%04x%08x", word[0], word[1] >> 16,
                word[1] & 0xffffu, word[2] >> 16, word[2] & 0xffffu, word[3]);
  return text;
}

}  // namespace mailquench::cli
