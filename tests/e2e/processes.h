// Processes and ports for the tests over a real wire. Ends of processes are by their id.
#ifndef MAILQUENCH_TESTS_E2E_PROCESSES_H_
#define MAILQUENCH_TESTS_E2E_PROCESSES_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mailquench::test {

template <typename Condition>
bool Eventually(Condition condition, absl::Duration limit = absl::Seconds(20)) {
  const absl::Time end = absl::Now() + limit;
  while (absl::Now() < end) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return condition();
}

inline int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// stdout goes into the file `output`, stderr into `output`.err.
inline pid_t Spawn(const std::vector<std::string>& arguments, const std::string& output) {
  // Whoever waits for a word of this process must not read one of the last. Never a device: as root
  // that would take /dev/null from the whole machine.
  struct stat there {};
  if (::stat(output.c_str(), &there) == 0 && S_ISREG(there.st_mode)) ::unlink(output.c_str());
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  std::freopen(output.c_str(), "w", stdout);
  std::freopen((output + ".err").c_str(), "w", stderr);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

inline int WaitFor(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_E2E_PROCESSES_H_
