// mailquench-controller init.
#include <cstdio>
#include <memory>

#include "common/clock/clock.h"
#include "controller/app/commands.h"
#include "controller/identity/init.h"

namespace mailquench::controller {
namespace {

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

}  // namespace

void AddInit(CLI::App* root, Action* action) {
  auto flags = std::make_shared<InitFlags>();
  CLI::App* app =
      AddCommand(root, "init", "Make the CA, the certificates and a configuration",
                 {"mailquench-controller init --dir /etc/mailquench --trust-domain example.org "
                  "--address mq.example.org:7443"});
  InitOptions& options = flags->options;
  app->add_option("--dir", options.dir, "Folder to make")->required();
  app->add_option("--trust-domain", options.trust_domain, "As in example.org")->required();
  app->add_option("--address", flags->addresses,
                  "host:port by which agents and operators reach the controller (repeatable)")
      ->required();
  app->add_option("--listen", options.listen, "For agents and operators")->capture_default_str();
  app->add_option("--enrolment-listen", options.enrolment_listen, "For first contact")
      ->capture_default_str();
  app->add_option("--https-listen", options.https_listen,
                  "For alerts from monitoring and for metrics; 'none': not served")
      ->capture_default_str();
  app->add_option("--admin", options.admin_name, "Name of the first admin")->capture_default_str();
  app->callback([=] { *action = [=] { return Init(*flags); }; });
}

}  // namespace mailquench::controller
