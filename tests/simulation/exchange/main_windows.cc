// One service of a simulated Exchange server as a service of Windows' SCM:
//
//   exchange_transport_sim install NAME WORLD SERVER transport|frontend   makes the service NAME
//   exchange_transport_sim uninstall NAME
//   exchange_transport_sim world WORLD SERVER FRONTEND-PORT HUB-PORT DOMAIN open|shut   writes a
//   world exchange_transport_sim service NAME WORLD SERVER transport|frontend   what the SCM starts
//
// Bad days are in sim/transport-options.json of the server (options.h).
#include <windows.h>
// After windows.h.
#include <shellapi.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "common/os/wide.h"
#include "tests/simulation/common/service_program_windows.h"
#include "tests/simulation/exchange/frontend.h"
#include "tests/simulation/exchange/options.h"
#include "tests/simulation/exchange/services_file.h"
#include "tests/simulation/exchange/transport.h"
#include "tests/simulation/exchange/world.h"

namespace mailquench::simulation::exchange {
namespace {

int Run(const std::string& name, const std::string& world, const std::string& server, bool front) {
  Transport transport(world, server);
  Frontend frontend(world, server);
  ServiceWork work;
  work.start = [&] {
    if (front) {
      frontend.Start();
    } else if (!transport.Start().ok()) {
      SetServiceState(world, server, name, "Stopped");
      return false;
    }
    SetServiceState(world, server, name, "Running");
    return true;
  };
  work.stop = [&](const std::function<void()>& progress) {
    SetServiceState(world, server, name, "StopPending");
    Dawdle(world, server, [&] {
      progress();
      return true;
    });
    frontend.Stop();
    (void)transport.Stop();
    SetServiceState(world, server, name, "Stopped");
  };
  return RunService(name, work);
}

int MakeWorld(const std::vector<std::string>& words) {
  WorldPlan plan;
  ServerPlan server;
  server.name = words[3];
  server.frontend_port = std::atoi(words[4].c_str());
  server.hub_port = std::atoi(words[5].c_str());
  plan.servers = {server};
  plan.domain = words[6];
  plan.mailboxes = {"anna@" + plan.domain};
  plan.open_relay = words[7] == "open";
  const absl::Status done = WriteWorld(words[2], plan);
  if (done.ok()) return 0;
  std::fprintf(stderr, "exchange_transport_sim: %s\n", std::string(done.message()).c_str());
  return 1;
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.size() > 1 ? words[1] : "";
  const bool whole = words.size() == 6 && (words[5] == "transport" || words[5] == "frontend");
  if (verb == "install" && whole)
    return InstallService(words[2], "Microsoft Exchange (simulated) " + words[2],
                          {"service", words[2], words[3], words[4], words[5]});
  if (verb == "uninstall" && words.size() == 3) return UninstallService(words[2]);
  if (verb == "world" && words.size() == 8) return MakeWorld(words);
  if (verb == "service" && whole) return Run(words[2], words[3], words[4], words[5] == "frontend");
  std::fputs("exchange_transport_sim: its usage is at the head of main_windows.cc\n", stderr);
  return 2;
}

}  // namespace
}  // namespace mailquench::simulation::exchange

int main() {
  int argc = 0;
  wchar_t** argv = ::CommandLineToArgvW(::GetCommandLineW(), &argc);
  std::vector<std::string> words;
  for (int i = 0; i < argc; ++i) words.push_back(mailquench::os::ToUtf8(argv[i]));
  return mailquench::simulation::exchange::Main(words);
}
