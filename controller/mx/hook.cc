#include "controller/mx/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostHeard = 4096;  // Of standard error; more is read and thrown away.

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// Standard input and error are one socket each: one that nobody reads raises no signal.
absl::StatusOr<pid_t> StartHook(const std::string& program, int input, int error) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, error, 2);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  std::string name = program;
  char* arguments[] = {name.data(), nullptr};
  pid_t pid = 0;
  const int failed =
      posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return SystemError(failed, absl::StrCat("start the hook ", program));
  return pid;
}

// Whether it has ended; it stays a zombie, so that its number is nobody else's.
bool HasEnded(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

// Reads what there is; closes at its end.
void Hear(Descriptor* error, std::string* heard) {
  char bytes[1024];
  while (error->get() >= 0) {
    const ssize_t got = ::recv(error->get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) error->Close();
    if (got <= 0) return;
    if (heard->size() < kMostHeard) heard->append(bytes, static_cast<std::size_t>(got));
  }
}

// Until the program has ended, or `end`: what it started may hold its standard error open. False:
// it has not.
bool TalkToHook(pid_t pid,
                Descriptor* input,
                Descriptor* error,
                std::string left,
                absl::Time end,
                const std::function<bool()>& stop,
                std::string* heard) {
  while (true) {
    const bool ended = HasEnded(pid);
    Hear(error, heard);
    if (ended || absl::Now() >= end || stop()) return ended;
    if (input->get() >= 0) {
      const ssize_t sent =
          ::send(input->get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) left.erase(0, static_cast<std::size_t>(sent));
      if (left.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR)) input->Close();
    }
    pollfd polled = {error->get(), POLLIN, 0};
    ::poll(&polled, error->get() >= 0 ? 1 : 0, 10);
  }
}

}  // namespace

absl::Status RunHook(const std::string& program,
                     const std::string& input,
                     absl::Duration limit,
                     const std::function<bool()>& stop) {
  int in[2], err[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
    return SystemError(errno, "make a socket for the hook");
  Descriptor in_ours(in[0]), in_its(in[1]);
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, err) != 0)
    return SystemError(errno, "make a socket for the hook");
  Descriptor err_ours(err[0]), err_its(err[1]);
  const absl::Time end = absl::Now() + limit;
  MQ_ASSIGN_OR_RETURN(const pid_t pid, StartHook(program, in_its.get(), err_its.get()));
  in_its.Close();
  err_its.Close();
  std::string heard;
  const bool ended = TalkToHook(pid, &in_ours, &err_ours, input, end, stop, &heard);
  ::kill(-pid, SIGKILL);  // Its session, whatever is left of it.
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string line = Harmless(heard.substr(0, std::min<std::size_t>(heard.find('\n'), 300)));
  const std::string said = line.empty() ? "" : absl::StrCat(" (", line, ")");
  if (!ended && stop())
    return Error(absl::StatusCode::kCancelled, "HOOK_STOPPED",
                 absl::StrCat("the hook ", program,
                              " was killed since the controller is shutting down; what it did is "
                              "not known"));
  if (!ended)
    return Error(absl::StatusCode::kDeadlineExceeded, "HOOK_TIMED_OUT",
                 absl::StrCat("the hook ", program, " did not end within ",
                              absl::FormatDuration(limit), " and was killed", said,
                              "; what it did is not known: look at the record before it is started "
                              "again"));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "HOOK_FAILED",
               absl::StrCat("the hook ", program, " ended with ",
                            WIFEXITED(status) ? absl::StrCat("code ", WEXITSTATUS(status))
                                              : absl::StrCat("signal ", WTERMSIG(status)),
                            said, "; look at the record before it is started again"));
}

}  // namespace mailquench::controller::mx
