#include "agent/os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kPath[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Close(); }
  void Reset(int fd) {
    Close();
    fd_ = fd;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
  absl::Status Open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return SystemError(errno, "pipe2");
    read.Reset(fds[0]);
    write.Reset(fds[1]);
    return absl::OkStatus();
  }
};

// Runs in the child between fork and exec: async-signal-safe calls only.
[[noreturn]] void Child(const char* program,
                        const std::vector<char*>& argv,
                        const std::vector<char*>& environment,
                        int in,
                        int out,
                        int err,
                        int report) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  execve(program, argv.data(), environment.data());
  const int error = errno;
  (void)!write(report, &error, sizeof error);
  _exit(127);
}

// The system's folders only, whatever PATH this process was started with.
std::string Locate(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    if (access((folder + program).c_str(), X_OK) == 0) return folder + program;
  }
  return program;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

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
  signal(SIGPIPE, SIG_IGN);  // A child that does not read its input must not end us.
  Pipe in, out, err, report;
  MQ_RETURN_IF_ERROR(in.Open());
  MQ_RETURN_IF_ERROR(out.Open());
  MQ_RETURN_IF_ERROR(err.Open());
  MQ_RETURN_IF_ERROR(report.Open());
  Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  std::vector<std::string> environment = options.environment;
  environment.insert(environment.begin(), {kPath, "LC_ALL=C"});
  const std::string program = Locate(argv[0]);
  const std::vector<char*> args = Pointers(argv);
  const std::vector<char*> env = Pointers(environment);
  // The child of execvpe searches our own PATH; it is set here once, before there is a second
  // program.
  const absl::Time deadline = absl::Now() + options.timeout;
  const pid_t pid = fork();
  if (pid < 0) return SystemError(errno, "fork");
  if (pid == 0) {
    Child(program.c_str(), args, env, in.read.get(), options.capture ? out.write.get() : null.get(),
          options.capture ? err.write.get() : null.get(), report.write.get());
  }
  setpgid(pid, pid);
  in.read.Close();
  out.write.Close();
  err.write.Close();
  report.write.Close();
  int exec_error = 0;
  if (read(report.read.get(), &exec_error, sizeof exec_error) == sizeof exec_error) {
    waitpid(pid, nullptr, 0);
    return Prepend(SystemError(exec_error, argv[0]), "cannot run");
  }
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
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace mailquench::agent
