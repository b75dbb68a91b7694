#include "agent/os/posix/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kPath[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

// Runs in the child between fork and exec: async-signal-safe calls only.
[[noreturn]] void Become(const char* program,
                         const std::vector<char*>& argv,
                         const std::vector<char*>& environment,
                         const Streams& streams,
                         pid_t dies_with,
                         int report) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dies_with != 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != dies_with) _exit(127);  // It went before the line above.
  }
  dup2(streams.in, 0);
  dup2(streams.out, 1);
  dup2(streams.err, 2);
  // Also those that a library opened without O_CLOEXEC. An older kernel refuses it: ours have it.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
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
}  // namespace

absl::Status Pipe::Open() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return SystemError(errno, "pipe2");
  read.Reset(fds[0]);
  write.Reset(fds[1]);
  return absl::OkStatus();
}

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& argv,
                            const std::vector<std::string>& more,
                            const Streams& streams,
                            bool dies_with_us) {
  signal(SIGPIPE, SIG_IGN);  // A child that does not read its input must not end us.
  Pipe report;
  MQ_RETURN_IF_ERROR(report.Open());
  std::vector<std::string> environment = more;
  environment.insert(environment.begin(), {kPath, "LC_ALL=C"});
  const std::string program = Locate(argv[0]);
  const std::vector<char*> args = Pointers(argv);
  const std::vector<char*> env = Pointers(environment);
  const pid_t we = dies_with_us ? getpid() : 0;
  const pid_t pid = fork();
  if (pid < 0) return SystemError(errno, "fork");
  if (pid == 0) Become(program.c_str(), args, env, streams, we, report.write.get());
  setpgid(pid, pid);
  report.write.Close();
  int exec_error = 0;
  if (read(report.read.get(), &exec_error, sizeof exec_error) == sizeof exec_error) {
    waitpid(pid, nullptr, 0);
    return Prepend(SystemError(exec_error, argv[0]), "cannot run");
  }
  return pid;
}

int ExitCodeOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace mailquench::agent
