// The simulated SMTP service as a service of Windows' SCM, named SMTPSVC.
//
//   smtpsvc_sim install FOLDER   makes the service; FOLDER holds metabase.json and simulation.json
//   smtpsvc_sim uninstall
//   smtpsvc_sim prepare FOLDER MAILROOT ADDRESS PORT FQDN DOMAIN NUMBER open|shut   writes one
//   virtual server smtpsvc_sim service FOLDER   what the SCM starts
//
// FOLDER\stop.txt, read at each stop: "slow SECONDS" reports progress for so long before it ends,
// "never" reports progress and never ends, "silent SECONDS" reports nothing meanwhile.
#include <windows.h>
// After windows.h.
#include <shellapi.h>

#include <cstdio>
#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/os/files.h"
#include "common/os/wide.h"
#include "tests/simulation/common/service_program_windows.h"
#include "tests/simulation/smtpsvc/prepare.h"
#include "tests/simulation/smtpsvc/smtp_service.h"

namespace mailquench::simulation {
namespace {

constexpr char kName[] = "SMTPSVC";

void DawdleAsTold(const std::string& folder, const std::function<void()>& progress) {
  const std::string told = agent::ReadFile(folder + "/stop.txt").value_or("");
  const bool never = absl::StartsWith(told, "never");
  const bool silent = absl::StartsWith(told, "silent ");
  const int seconds = absl::StartsWith(told, "slow ") ? std::atoi(told.c_str() + 5)
                      : silent                        ? std::atoi(told.c_str() + 7)
                                                      : 0;
  for (int tick = 0; never || tick < seconds * 4; ++tick) {
    ::Sleep(250);
    if (!silent) progress();
  }
}

int Run(const std::string& folder) {
  agent::smtpsvc::MetabaseFile metabase(folder + "/metabase.json");
  SmtpService service(metabase, ReadOptions(folder + "/simulation.json"));
  ServiceWork work;
  work.start = [&] {
    const std::string problems = service.Start();
    if (!problems.empty()) (void)agent::WriteFileAtomically(folder + "/events.txt", problems);
    return true;
  };
  work.stop = [&](const std::function<void()>& progress) {
    DawdleAsTold(folder, progress);
    int files = 0;
    service.Stop([&] {
      if (++files % 10000 == 0) progress();
    });
  };
  return RunService(kName, work);
}

int PrepareServer(wchar_t** argv) {
  VirtualServerPlan plan;
  plan.mailroot = os::ToUtf8(argv[3]);
  plan.address = os::ToUtf8(argv[4]);
  plan.port = std::atoi(os::ToUtf8(argv[5]).c_str());
  plan.fqdn = os::ToUtf8(argv[6]);
  plan.domains = {os::ToUtf8(argv[7])};
  plan.number = os::ToUtf8(argv[8]);
  plan.open_relay = std::wstring(argv[9]) == L"open";
  const absl::Status done = Prepare(os::ToUtf8(argv[2]) + "/metabase.json", plan);
  if (done.ok()) return 0;
  std::fprintf(stderr, "smtpsvc_sim: %s\n", std::string(done.message()).c_str());
  return 1;
}

int Main(int argc, wchar_t** argv) {
  const std::wstring verb = argc > 1 ? argv[1] : L"";
  if (verb == L"install" && argc == 3)
    return InstallService(kName, "Simple Mail Transfer Protocol (simulated)",
                          {"service", os::ToUtf8(argv[2])});
  if (verb == L"uninstall" && argc == 2) return UninstallService(kName);
  if (verb == L"prepare" && argc == 10) return PrepareServer(argv);
  if (verb == L"service" && argc == 3) return Run(os::ToUtf8(argv[2]));
  std::fputs("smtpsvc_sim: its usage is at the head of main_windows.cc\n", stderr);
  return 1;
}

}  // namespace
}  // namespace mailquench::simulation

int main() {
  int argc = 0;
  wchar_t** argv = ::CommandLineToArgvW(::GetCommandLineW(), &argc);
  return mailquench::simulation::Main(argc, argv);
}
