// mailquench-controller certificate renew.
#include <cstdio>
#include <memory>

#include "common/clock/clock.h"
#include "common/status/error.h"
#include "controller/app/commands.h"
#include "controller/app/config.h"
#include "controller/identity/folder.h"
#include "controller/identity/renew.h"

namespace mailquench::controller {
namespace {

absl::Status Renew(const FolderFlags& folder) {
  SystemClock clock;
  ControllerFiles files;
  if (folder.dir.empty() && !folder.config.empty()) {
    MQ_ASSIGN_OR_RETURN(const Config config, LoadConfig(folder.config));
    files = {config.identity_dir, config.key, config.certificate};
  } else {
    MQ_ASSIGN_OR_RETURN(const std::string dir, folder.Dir());
    files = {dir, dir + "/controller.key", dir + "/controller.pem"};
  }
  MQ_ASSIGN_OR_RETURN(const Renewed renewed, RenewController(files, &clock));
  std::printf(
      "%s: %s until %s (before: %s until %s); the key is the same\n"
      "A running controller shows it to new connections within 30 s; no restart is needed.\n",
      files.certificate.c_str(), renewed.after.serial.c_str(),
      TimeText(renewed.after.not_after).c_str(), renewed.before.serial.c_str(),
      TimeText(renewed.before.not_after).c_str());
  return absl::OkStatus();
}

}  // namespace

void AddCertificate(CLI::App* root, Action* action) {
  CLI::App* app = AddCommand(
      root, "certificate", "The controller's own certificate",
      {"mailquench-controller certificate renew --config /etc/mailquench/controller.yaml"});
  app->require_subcommand(1);
  auto folder = std::make_shared<FolderFlags>();
  CLI::App* renew = AddCommand(
      app, "renew", "A new certificate with the same names and the same key, also after its end",
      {"mailquench-controller certificate renew --config /etc/mailquench/controller.yaml"});
  folder->AddTo(renew);
  renew->callback([=] { *action = [=] { return ExitCode(Renew(*folder)); }; });
}

}  // namespace mailquench::controller
