#include "agent/os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/os/posix/spawn.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// Moves bytes until both outputs end or the deadline comes. False at the deadline.
bool Exchange(Pipe& in,
              Pipe& out,
              Pipe& err,
              const ProcessOptions& options,
              absl::Time deadline,
              ProcessResult& result) {
  std::size_t sent = 0;
  if (options.input.empty()) in.write.Close();
  while (out.read.get() >= 0 || err.read.get() >= 0) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    std::array<pollfd, 3> fds = {
        {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}}};
    if (poll(fds.data(), fds.size(),
             static_cast<int>(std::min<std::int64_t>(absl::ToInt64Milliseconds(left) + 1, 1000))) <
            0 &&
        errno != EINTR)
      return false;
    const auto take = [&](int i, Fd& fd, std::string& to) {
      if (fd.get() < 0 || fds[static_cast<std::size_t>(i)].revents == 0) return;
      char buffer[16384];
      const ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n <= 0) return fd.Close();
      const std::size_t room = options.max_output - std::min(options.max_output, to.size());
      to.append(buffer, std::min(room, static_cast<std::size_t>(n)));
    };
    take(0, out.read, result.out);
    take(1, err.read, result.err);
    if (in.write.get() >= 0 && fds[2].revents != 0) {
      const ssize_t n = write(in.write.get(), options.input.data() + sent,
                              std::min<std::size_t>(options.input.size() - sent, 4096));
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n <= 0 || sent == options.input.size()) in.write.Close();
    }
  }
  return true;
}
}  // namespace

absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                         const ProcessOptions& options) {
  if (argv.empty()) return absl::InvalidArgumentError("no program to run");
  Pipe in, out, err;
  MQ_RETURN_IF_ERROR(in.Open());
  MQ_RETURN_IF_ERROR(out.Open());
  MQ_RETURN_IF_ERROR(err.Open());
  Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  const absl::Time deadline = absl::Now() + options.timeout;
  MQ_ASSIGN_OR_RETURN(const pid_t pid,
                      Spawn(argv, options.environment,
                            {in.read.get(), options.capture ? out.write.get() : null.get(),
                             options.capture ? err.write.get() : null.get()},
                            /*dies_with_us=*/false));
  in.read.Close();
  out.write.Close();
  err.write.Close();
  ProcessResult result;
  bool ended = Exchange(in, out, err, options, deadline, result);
  int status = 0;
  pid_t waited = 0;
  while (ended && (waited = waitpid(pid, &status, WNOHANG)) == 0) {
    if (absl::Now() >= deadline) ended = false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  if (!ended) {
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return Error(absl::StatusCode::kDeadlineExceeded, "PROCESS_TIMED_OUT",
                 absl::StrCat("'", absl::StrJoin(argv, " "), "' did not end within ",
                              absl::FormatDuration(options.timeout), " and was killed"));
  }
  result.exit_code = ExitCodeOf(status);
  return result;
}

}  // namespace mailquench::agent
