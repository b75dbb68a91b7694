// mailquench-controller: its commands, and serve.
#include <signal.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "common/clock/clock.h"
#include "common/command/log.h"
#include "common/command/man_page.h"
#include "common/command/words.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "controller/app/commands.h"
#include "controller/app/config.h"
#include "controller/app/server.h"
#include "controller/identity/renew.h"

namespace mailquench::controller {
namespace {

// The signal that ends the program. Until then it is looked once a day how long the certificate
// lasts: a controller runs for longer than a warning at its start is good for.
int WaitForEnd(const sigset_t& signals, const std::string& certificate) {
  const timespec day = {time_t{24} * 3600, 0};
  while (true) {
    const std::string warning = WarningOfEnd(certificate, absl::Now());
    if (!warning.empty()) spdlog::warn("{}", warning);
    int received = -1;
    do {
      received = sigtimedwait(&signals, nullptr, &day);
    } while (received < 0 && errno == EINTR);
    if (received > 0) return received;
  }
}

int ServeUntilSignal(const std::string& path) {
  rpc::ForbidTls12();
  command::LogTo("controller");
  // Blocked before there are threads, so that only sigwait() below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<Config> config = LoadConfig(path);
  if (!config.ok()) return Fail(config.status());
  SystemClock clock;
  auto server = ControllerServer::Start(*config, &clock);
  if (!server.ok()) {
    // The general sentence does not know whose certificate it was.
    if (ReasonOf(server.status()) == "CERTIFICATE_EXPIRED") {
      spdlog::error("{}", WarningOfEnd(config->certificate, absl::Now()));
    }
    return Fail(server.status());
  }
  std::printf("ready port=%d enrolment_port=%d https_port=%d\n", (*server)->port(),
              (*server)->enrolment_port(), (*server)->https_port());
  std::fflush(stdout);
  const int received = WaitForEnd(signals, config->certificate);
  spdlog::info("signal {}: shutting down", received);
  (*server)->Shutdown();
  server->reset();
  spdlog::info("shut down");
  return 0;
}

void AddServe(CLI::App* root, Action* action) {
  auto config = std::make_shared<std::string>();
  CLI::App* app =
      AddCommand(root, "serve", "Run until SIGTERM",
                 {"mailquench-controller serve --config /etc/mailquench/controller.yaml"});
  app->add_option("--config", *config, "controller.yaml")->required();
  app->callback([=] { *action = [=] { return ServeUntilSignal(*config); }; });
}

command::ManText Man() {
  command::ManText text;
  text.section = 8;
  text.parts = {
      {"EXIT STATUS", "0 done; 1 not done: one sentence on stderr says why and what to do.", {}},
      {"FILES",
       "",
       {{"controller.yaml", "What `init` writes and `serve` reads: ports, folders, limits."},
        {"controller.db", "Hosts, runs, incidents and the audit log, in SQLite."},
        {"ca.key", "The key of the CA. Whoever has it is everybody: keep it on this host alone."},
        {"revoked.txt", "Operators' certificates that are refused; see `operator revoke`."}}},
      {"SEE ALSO", "mailquench(1), mailquench-agent(8)", {}}};
  return text;
}

std::unique_ptr<CLI::App> BuildTree(Action* action) {
  const std::string me = "mailquench-controller ";
  std::unique_ptr<CLI::App> root = command::NewRoot(
      "mailquench-controller", "The one place from which a fleet of mail servers is put out.",
      {me + "init --dir /etc/mailquench --trust-domain example.org --address mq.example.org:7443",
       me + "serve --config /etc/mailquench/controller.yaml",
       me + "operator issue --dir /etc/mailquench --name ada --role responder --out ./ada",
       me + "operator revoke --dir /etc/mailquench --name ada --reason 'laptop stolen'",
       me + "certificate renew --config /etc/mailquench/controller.yaml",
       me + "playbook lint /etc/mailquench/playbooks/contain.yaml"});
  root->require_subcommand(1);
  AddInit(root.get(), action);
  AddServe(root.get(), action);
  AddOperator(root.get(), action);
  AddCertificate(root.get(), action);
  AddPlaybook(root.get(), action);
  command::AddManCommand(
      root.get(), [action] { return BuildTree(action); }, Man(), action);
  return root;
}

int Main(int argc, char** argv) {
  Action action;
  const std::unique_ptr<CLI::App> root = BuildTree(&action);
  if (const std::optional<int> code = command::Parse(*root, argc, argv)) return *code;
  return command::EndOutput(root->get_name(), action());
}

}  // namespace
}  // namespace mailquench::controller

int main(int argc, char** argv) {
  return mailquench::controller::Main(argc, argv);
}
