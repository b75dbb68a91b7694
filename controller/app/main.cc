// mailquench-controller: init, serve, operator issue, playbook lint.
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/clock.h"
#include "common/identity/secrets.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "controller/app/config.h"
#include "controller/app/server.h"
#include "controller/identity/ca.h"
#include "controller/identity/init.h"
#include "controller/runs/lint.h"

namespace mailquench::controller {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "mailquench-controller: %s\n", std::string(status.message()).c_str());
  return 1;
}

// "host:port", "[v6]:port", or a name without a port: the host part.
std::string HostOf(const std::string& address) {
  if (!address.empty() && address.front() == '[') return address.substr(1, address.find(']') - 1);
  const std::size_t colon = address.find(':');
  if (colon == std::string::npos || address.find(':', colon + 1) != std::string::npos)
    return address;
  return address.substr(0, colon);
}

bool IsAddress(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

struct InitFlags {
  InitOptions options;
  std::vector<std::string> addresses;
};

int Init(InitFlags flags) {
  SystemClock clock;
  for (const std::string& address : flags.addresses) {
    const std::string host = HostOf(address);
    (IsAddress(host) ? flags.options.names.ip : flags.options.names.dns).push_back(host);
  }
  const absl::StatusOr<InitResult> result = InitController(flags.options, &clock);
  if (!result.ok()) return Fail(result.status());
  std::printf("configuration: %s\nCA: %s (sha256 of its key: %s)\nfirst admin: %s, %s\n",
              result->config_path.c_str(), result->ca_path.c_str(), result->ca_fingerprint.c_str(),
              result->admin_key_path.c_str(), result->admin_certificate_path.c_str());
  return 0;
}

struct IssueFlags {
  std::string dir;
  std::string config;
  std::string name;
  std::string role;
  std::string out;
  int hours = 12;
};

int Issue(const IssueFlags& flags) {
  SystemClock clock;
  std::string dir = flags.dir;
  if (dir.empty()) {
    const absl::StatusOr<Config> config = LoadConfig(flags.config);
    if (!config.ok()) return Fail(config.status());
    dir = config->identity_dir;
  }
  const auto ca = CertificateAuthority::Load(dir, &clock);
  if (!ca.ok()) return Fail(ca.status());
  const auto role = identity::ParseRole(flags.role);
  if (!role.ok()) return Fail(role.status());
  const auto issued = (*ca)->IssueOperator(flags.name, *role, absl::Hours(flags.hours));
  if (!issued.ok()) return Fail(issued.status());
  if (::mkdir(flags.out.c_str(), 0700) != 0 && errno != EEXIST) {
    return Fail(SystemError(errno, "mkdir " + flags.out));
  }
  const std::string base = flags.out + "/" + flags.name;
  for (const absl::Status& written :
       {identity::WriteSecretFile(base + ".key", issued->key_pem),
        identity::WritePublicFile(base + ".pem", issued->certificate_pem),
        identity::WritePublicFile(flags.out + "/ca.pem", (*ca)->ca_pem())}) {
    if (!written.ok()) return Fail(written);
  }
  std::printf("%s.key\n%s.pem\n%s/ca.pem\n", base.c_str(), base.c_str(), flags.out.c_str());
  return 0;
}

int LintFiles(const std::vector<std::string>& files) {
  const Lint lint = LintPlaybooks(files);
  for (const std::string& line : lint.good) std::printf("%s\n", line.c_str());
  for (const std::string& line : lint.faults) std::fprintf(stderr, "%s\n", line.c_str());
  return lint.faults.empty() ? 0 : 1;
}

int ServeUntilSignal(const std::string& path) {
  rpc::ForbidTls12();
  spdlog::set_default_logger(spdlog::stderr_color_mt("controller"));
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
  if (!server.ok()) return Fail(server.status());
  std::printf("ready port=%d enrolment_port=%d\n", (*server)->port(), (*server)->enrolment_port());
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("signal {}: shutting down", received);
  (*server)->Shutdown();
  server->reset();
  spdlog::info("shut down");
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Mailquench controller: the one place from which a fleet of mail servers is put out.");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  mailquench-controller init --dir /etc/mailquench --trust-domain example.org "
      "--address mq.example.org:7443\n"
      "  mailquench-controller serve --config /etc/mailquench/controller.yaml\n"
      "  mailquench-controller operator issue --dir /etc/mailquench --name ada --role responder "
      "--out ./ada\n"
      "  mailquench-controller playbook lint /etc/mailquench/playbooks/*.yaml");

  InitFlags init;
  CLI::App* init_command =
      app.add_subcommand("init", "Make the CA, the certificates and a configuration");
  init_command->add_option("--dir", init.options.dir, "Folder to make")->required();
  init_command->add_option("--trust-domain", init.options.trust_domain, "As in example.org")
      ->required();
  init_command
      ->add_option("--address", init.addresses,
                   "host:port by which agents and operators reach the controller (repeatable)")
      ->required();
  init_command->add_option("--listen", init.options.listen, "For agents and operators")
      ->capture_default_str();
  init_command->add_option("--enrolment-listen", init.options.enrolment_listen, "For first contact")
      ->capture_default_str();
  init_command->add_option("--admin", init.options.admin_name, "Name of the first admin")
      ->capture_default_str();

  std::string config;
  CLI::App* serve_command = app.add_subcommand("serve", "Run until SIGTERM");
  serve_command->add_option("--config", config, "controller.yaml")->required();

  IssueFlags issue;
  CLI::App* operator_command = app.add_subcommand("operator", "Operators' certificates");
  operator_command->require_subcommand(1);
  CLI::App* issue_command =
      operator_command->add_subcommand("issue", "Issue a key and a certificate");
  CLI::Option* dir = issue_command->add_option("--dir", issue.dir, "Folder of the CA");
  issue_command->add_option("--config", issue.config, "controller.yaml, instead of --dir")
      ->excludes(dir);
  issue_command->add_option("--name", issue.name, "Name of the person")->required();
  issue_command->add_option("--role", issue.role, "viewer, responder or admin")->required();
  issue_command
      ->add_option("--out", issue.out, "Folder to write NAME.key, NAME.pem and ca.pem into")
      ->required();
  issue_command->add_option("--hours", issue.hours, "Life of the certificate")
      ->capture_default_str();

  std::vector<std::string> files;
  CLI::App* playbook_command = app.add_subcommand("playbook", "Playbooks as files");
  playbook_command->require_subcommand(1);
  CLI::App* lint_command = playbook_command->add_subcommand(
      "lint", "Check files as serve would read them; exit 1 where one has a fault");
  lint_command->add_option("FILE", files, "A playbook")->required();

  CLI11_PARSE(app, argc, argv);
  if (*lint_command) return LintFiles(files);
  if (*init_command) return Init(init);
  if (*serve_command) return ServeUntilSignal(config);
  if (issue.dir.empty() && issue.config.empty()) {
    std::fprintf(stderr, "mailquench-controller: operator issue needs --dir or --config\n");
    return 1;
  }
  return Issue(issue);
}

}  // namespace
}  // namespace mailquench::controller

int main(int argc, char** argv) {
  return mailquench::controller::Main(argc, argv);
}
