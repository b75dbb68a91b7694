// Programs started with three streams of ours, for process.cc and child.cc.
#ifndef MAILQUENCH_AGENT_OS_POSIX_SPAWN_H_
#define MAILQUENCH_AGENT_OS_POSIX_SPAWN_H_

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent {

// One owned file descriptor.
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
  absl::Status Open();
};

// What the program gets as its standard streams.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

// Starts argv[0] (a path, or found in the system's folders) in a process group of its own, with no
// other descriptor of ours. `more`: "NAME=value", beside a minimal PATH. `dies_with_us`: killed
// when the thread that made this call ends. Ignores SIGPIPE in this process from now on. Errors:
// kNotFound and others of the system call.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& argv,
                            const std::vector<std::string>& more,
                            const Streams& streams,
                            bool dies_with_us);

// As a shell tells it.
int ExitCodeOf(int wait_status);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_POSIX_SPAWN_H_
