#include <windows.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/process.h"
#include "common/os/wide.h"
#include "tests/contract/smtpsvc_services.h"

namespace mailquench::contract {
namespace {

// Beside this test's own program.
std::string Simulation() {
  wchar_t path[MAX_PATH] = L"";
  ::GetModuleFileNameW(nullptr, path, MAX_PATH);
  const std::string own = os::ToUtf8(path);
  return own.substr(0, own.rfind('\\') + 1) + "smtpsvc_sim.exe";
}

class InScm final : public Services {
 public:
  InScm() : manager_(agent::MakeServiceManager()) {}
  ~InScm() override {
    (void)manager_->Stop(
        "SMTPSVC", absl::Now() + absl::Seconds(30),
        [](const agent::ServiceInfo&, absl::Duration) { return absl::OkStatus(); });
    (void)agent::RunProcess({Simulation(), "uninstall"});
  }
  agent::ServiceManager& manager() override { return *manager_; }

 private:
  std::unique_ptr<agent::ServiceManager> manager_;
};

}  // namespace

std::unique_ptr<Services> MakeServices(const std::string& folder,
                                       agent::smtpsvc::Metabase&,
                                       std::string* why) {
  auto made = std::make_unique<InScm>();
  const auto installed = agent::RunProcess({Simulation(), "install", folder});
  if (installed.ok() && installed->exit_code == 0) return made;
  *why = installed.ok()
             ? absl::StrCat("the simulated service cannot be installed: ", installed->err)
             : std::string(installed.status().message());
  return nullptr;
}

}  // namespace mailquench::contract
