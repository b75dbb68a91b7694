#include "tests/unit/exchange/host/isolation_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/service.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/exchange/services_file.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::agent::exchange {
namespace sim = simulation::exchange;

SmartHost::SmartHost() : port_(simulation::FreePort()) {
  listener_ = simulation::ListenOn("127.0.0.1", port_);
  thread_ = std::thread([this] {
    while (!ended_) acceptor_.Look({listener_.get()});
  });
}

SmartHost::~SmartHost() {
  ended_ = true;
  thread_.join();
}

std::vector<std::string> SmartHost::Subjects() {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::string> out = subjects_;
  std::sort(out.begin(), out.end());
  return out;
}

void SmartHost::Serve(os::Socket socket) {
  simulation::LineSocket peer(std::move(socket), ended_);
  if (busy) {
    peer.Write("421 busy\r\n");
    return;
  }
  peer.Write("220 smart.test ESMTP\r\n");
  bool data = false;
  std::string subject;
  while (const std::optional<std::string> line = peer.ReadLine()) {
    if (data) {
      if (absl::StartsWithIgnoreCase(*line, "Subject: ")) subject = line->substr(9);
      if (*line != ".") continue;
      data = false;
      const std::lock_guard<std::mutex> lock(mu_);
      subjects_.push_back(subject);
    }
    data = absl::StartsWithIgnoreCase(*line, "DATA");
    peer.Write(data ? "354 go\r\n" : "250 fine\r\n");
    if (absl::StartsWithIgnoreCase(*line, "QUIT")) return;
  }
}

std::string ProcessServices::PidFile(const std::string& name) const {
  return sim::SimFile(world_, server_, name + ".pid");
}

int ProcessServices::PidOf(const std::string& name) const {
  const int pid = std::atoi(ReadFile(PidFile(name)).value_or("0").c_str());
  if (pid <= 0) return 0;
  int status = 0;
  (void)::waitpid(pid, &status, WNOHANG);  // Of one that this process started.
  // One whose parent was killed may stay a zombie.
  std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat")).value_or("");
  const std::size_t name_ends = stat.rfind(')');
  const bool ended = name_ends == std::string::npos || stat.substr(name_ends, 3) == ") Z";
  return ended ? 0 : pid;
}

ProcessServices::~ProcessServices() {
  for (const char* name : {kTransport, kFrontEnd}) {
    if (const int pid = PidOf(name); pid > 0) ::kill(pid, SIGKILL);
  }
}

absl::StatusOr<ServiceInfo> ProcessServices::Query(const std::string& name) {
  ServiceInfo info;
  if (name == kTransport || name == kFrontEnd) {
    info.state = PidOf(name) > 0 ? ServiceState::kRunning : ServiceState::kStopped;
    return info;
  }
  const std::string state = sim::ServiceStateOf(world_, server_, name);
  if (state.empty()) return Error(absl::StatusCode::kNotFound, "NO_SERVICE", name);
  info.state = state == "Running" ? ServiceState::kRunning : ServiceState::kStopped;
  return info;
}

absl::Status ProcessServices::Stop(const std::string& name, absl::Time, const ServiceProgress&) {
  if (name != kTransport && name != kFrontEnd) {
    sim::SetServiceState(world_, server_, name, "Stopped");
    return absl::OkStatus();
  }
  if (const int pid = PidOf(name); pid > 0) ::kill(pid, SIGTERM);
  for (int i = 0; PidOf(name) > 0; ++i) {
    if (i > 3000) return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT", name);
    absl::SleepFor(absl::Milliseconds(10));
  }
  return absl::OkStatus();
}

absl::Status ProcessServices::Start(const std::string& name, absl::Time, const ServiceProgress&) {
  if (name != kTransport && name != kFrontEnd) {
    sim::SetServiceState(world_, server_, name, "Running");
    return absl::OkStatus();
  }
  if (PidOf(name) > 0) return absl::OkStatus();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return absl::InternalError("no pipe");
  const char* role = name == kTransport ? "transport" : "frontend";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::unsetenv("MAILQUENCH_FAULT");
    ::dup2(ends[1], 1);
    ::execl(MAILQUENCH_TRANSPORT_SIM, MAILQUENCH_TRANSPORT_SIM, world_.c_str(), server_.c_str(),
            role, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  std::ofstream(PidFile(name)) << pid;
  char said = 0;
  const bool ready = ::read(ends[0], &said, 1) == 1 && said == 'r';
  ::close(ends[0]);
  return ready ? absl::OkStatus()
               : Error(absl::StatusCode::kAborted, "SERVICE_ENDED", name + " ended");
}

}  // namespace mailquench::agent::exchange
