// One service of a simulated Exchange server as a process:
//
//   exchange_transport_sim WORLD SERVER transport|frontend
//
// Says "ready" on standard output when it works; SIGTERM or SIGINT ends it cleanly.
#include <signal.h>

#include <cstdio>
#include <cstring>

#include "tests/simulation/exchange/frontend.h"
#include "tests/simulation/exchange/options.h"
#include "tests/simulation/exchange/services_file.h"
#include "tests/simulation/exchange/transport.h"

namespace {

// Blocked in all threads, so that this one gets it.
void WaitForEnd(const sigset_t& ends) {
  std::puts("ready");
  std::fflush(stdout);
  int which = 0;
  (void)::sigwait(&ends, &which);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mailquench::simulation::exchange;
  const bool frontend = argc == 4 && std::strcmp(argv[3], "frontend") == 0;
  if (argc != 4 || (!frontend && std::strcmp(argv[3], "transport") != 0)) {
    std::fputs("usage: exchange_transport_sim WORLD SERVER transport|frontend\n", stderr);
    return 2;
  }
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const std::string world = argv[1], server = argv[2];
  const char* name = frontend ? kFrontendService : kTransportService;
  absl::Status done = absl::OkStatus();
  Transport transport(world, server);
  Frontend front(world, server);
  if (frontend)
    front.Start();
  else
    done = transport.Start();
  if (done.ok()) {
    SetServiceState(world, server, name, "Running");
    WaitForEnd(ends);
    SetServiceState(world, server, name, "StopPending");
    Dawdle(world, server, [] { return true; });
    front.Stop();
    done = transport.Stop();
    SetServiceState(world, server, name, "Stopped");
  }
  if (done.ok()) return 0;
  std::fprintf(stderr, "exchange_transport_sim: %s\n", std::string(done.message()).c_str());
  return 1;
}
