#include "agent/os/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/child_text.h"
#include "agent/os/posix/spawn.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

absl::Status Nonblocking(const Fd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0)
    return SystemError(errno, "a pipe to a child");
  return absl::OkStatus();
}

class PosixChild : public Child {
 public:
  ~PosixChild() override {
    Kill();
    leave_.set_value();
    if (starter_.joinable()) starter_.join();
  }

  absl::Status Begin(const std::vector<std::string>& argv, const ChildOptions& options) {
    MQ_RETURN_IF_ERROR(in_.Open());
    MQ_RETURN_IF_ERROR(out_.Open());
    MQ_RETURN_IF_ERROR(err_.Open());
    // A death signal comes when the thread that forked ends: so one that stays as long as we do.
    std::promise<absl::StatusOr<pid_t>> started;
    std::future<absl::StatusOr<pid_t>> pid = started.get_future();
    starter_ = std::thread(
        [this, &argv, &options, done = std::move(started), leave = leave_.get_future()]() mutable {
          done.set_value(Spawn(argv, options.environment,
                               {in_.read.get(), out_.write.get(), err_.write.get()},
                               /*dies_with_us=*/true));
          leave.wait();
        });
    MQ_ASSIGN_OR_RETURN(pid_, pid.get());
    running_ = true;
    in_.read.Close();
    out_.write.Close();
    err_.write.Close();
    MQ_RETURN_IF_ERROR(Nonblocking(in_.write));
    MQ_RETURN_IF_ERROR(Nonblocking(out_.read));
    return Nonblocking(err_.read);
  }

  absl::Status Write(absl::string_view bytes, absl::Time deadline) override {
    while (!bytes.empty()) {
      if (in_.write.get() < 0) return absl::UnavailableError("its input is closed");
      const ssize_t n = write(in_.write.get(), bytes.data(), bytes.size());
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
        continue;
      }
      if (n < 0 && errno != EAGAIN && errno != EINTR) {
        in_.write.Close();
        return absl::UnavailableError("it does not take input any more");
      }
      if (!Wait(/*for_write=*/true, /*for_read=*/false, deadline))
        return absl::DeadlineExceededError("it does not read its input");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadLine(std::size_t max_length, absl::Time deadline) override {
    while (true) {
      if (overlong_) return absl::ResourceExhaustedError("a line without an end");
      if (std::optional<std::string> line = lines_.Take()) return *std::move(line);
      if (lines_.size() > max_length) {
        overlong_ = true;
        lines_.Clear();
        continue;
      }
      if (out_.read.get() < 0) return absl::UnavailableError("its output has ended");
      if (!Wait(false, true, deadline)) return absl::DeadlineExceededError("no line came");
      const std::string bytes = Take(out_.read);
      lines_.Append(bytes);
    }
  }

  std::string Remainder() override { return lines_.TakeRest(); }

  std::string ErrorTail() override {
    while (err_.read.get() >= 0) {
      const std::string bytes = Take(err_.read);
      if (bytes.empty()) break;
      tail_.Append(bytes);
    }
    return tail_.text();
  }

  void CloseInput() override { in_.write.Close(); }

  bool AwaitEnd(absl::Time deadline) override {
    while (!Reap(WNOHANG)) {
      if (absl::Now() >= deadline) return false;
      if (out_.read.get() < 0 && err_.read.get() < 0)
        absl::SleepFor(absl::Milliseconds(2));
      else if (Wait(false, true, std::min(deadline, absl::Now() + absl::Milliseconds(20))))
        (void)Take(out_.read);
    }
    return true;
  }

  void Kill() override {
    if (!running_) return;
    kill(-pid_, SIGKILL);
    (void)Reap(0);
    ErrorTail();
    in_.write.Close();
    out_.read.Close();
  }

  std::int64_t pid() const override { return pid_; }
  std::optional<int> exit_code() const override { return exit_code_; }

 private:
  // Reads standard error along. False at the deadline.
  bool Wait(bool for_write, bool for_read, absl::Time deadline) {
    while (true) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      std::array<pollfd, 3> fds = {{{for_write ? in_.write.get() : -1, POLLOUT, 0},
                                    {for_read ? out_.read.get() : -1, POLLIN, 0},
                                    {err_.read.get(), POLLIN, 0}}};
      const std::int64_t ms = std::min<std::int64_t>(
          absl::ToInt64Milliseconds(std::min(left, absl::Seconds(1))) + 1, 1000);
      const int events = poll(fds.data(), fds.size(), static_cast<int>(ms));
      // It may be gone and leave its pipes to others, who then go, too.
      if (events == 0) (void)Reap(WNOHANG);
      if (events <= 0) continue;
      if (fds[2].revents != 0) tail_.Append(Take(err_.read));
      if (fds[0].revents != 0 || fds[1].revents != 0) return true;
    }
  }

  // What is there; closes the pipe at its end.
  static std::string Take(Fd& fd) {
    if (fd.get() < 0) return "";
    char buffer[16384];
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n > 0) return std::string(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) fd.Close();
    return "";
  }

  // Its group goes with it, while its number is still its own. False where it runs on (WNOHANG).
  bool Reap(int flags) {
    if (!running_) return true;
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | flags) < 0 &&
           errno == EINTR) {
    }
    if (flags != 0 && info.si_pid == 0) return false;
    kill(-pid_, SIGKILL);
    int status = 0;
    if (waitpid(pid_, &status, 0) == pid_) exit_code_ = ExitCodeOf(status);
    running_ = false;
    return true;
  }

  Pipe in_, out_, err_;
  LineBuffer lines_;
  Tail tail_;
  bool overlong_ = false;
  pid_t pid_ = -1;
  bool running_ = false;
  std::optional<int> exit_code_;
  std::promise<void> leave_;
  std::thread starter_;  // Last: it uses the others.
};
}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& argv,
                                                    const ChildOptions& options) {
  if (argv.empty()) return absl::InvalidArgumentError("no program to run");
  auto child = std::make_unique<PosixChild>();
  MQ_RETURN_IF_ERROR(child->Begin(argv, options));
  return child;
}

}  // namespace mailquench::agent
