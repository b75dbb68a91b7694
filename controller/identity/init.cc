#include "controller/identity/init.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/folder.h"
#include "controller/identity/issued.h"

namespace mailquench::controller {
namespace {

absl::Status CheckAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (digits && colon > 0 && std::stoi(port) <= 65535) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_LISTEN_ADDRESS",
               absl::StrCat("\"", address, "\" is not ADDRESS:PORT; nothing was written"));
}

// Anything but "is not there" counts as there: a folder that cannot be looked into is not
// initialised over.
constexpr const char* kNone = "none";
// Nothing starts by itself until a person writes a rule.
constexpr const char* kNoRules =
    "# What may follow an alert: docs/escalation.md. Without rules alerts are kept and nothing is\n"
    "# done. 'mailquench escalation rules lint FILE' checks it, '... rules reload' takes it.\n"
    "rules: []\n";

std::string ConfigText(const InitOptions& options, const std::string& store_path) {
  const auto at = [&](const char* name) { return absl::StrCat(options.dir, "/", name); };
  YAML::Emitter out;
  out << YAML::Comment("Configuration of mailquench-controller, written by `init`.");
  out << YAML::BeginMap;
  out << YAML::Key << "trust_domain" << YAML::Value << options.trust_domain;
  out << YAML::Key << "listen" << YAML::Value << options.listen
      << YAML::Comment("operators and agents, mutual TLS");
  out << YAML::Key << "enrolment_listen" << YAML::Value << options.enrolment_listen
      << YAML::Comment("first contact of a host, by join token");
  if (options.https_listen != kNone)
    out << YAML::Key << "https_listen" << YAML::Value << options.https_listen
        << YAML::Comment("alerts from monitoring, and metrics, by bearer token");
  out << YAML::Key << "escalation" << YAML::Value << at("escalation.yaml")
      << YAML::Comment("what may follow an alert");
  out << YAML::Key << "store" << YAML::Value << store_path;
  out << YAML::Key << "identity_dir" << YAML::Value << options.dir
      << YAML::Comment("has ca.key and ca.pem");
  out << YAML::Key << "key" << YAML::Value << at("controller.key");
  out << YAML::Key << "certificate" << YAML::Value << at("controller.pem");
  out << YAML::Key << "ca" << YAML::Value << at("ca.pem");
  out << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace

absl::StatusOr<InitResult> InitController(const InitOptions& options, Clock* clock) {
  const auto at = [&](const char* name) { return absl::StrCat(options.dir, "/", name); };
  MQ_RETURN_IF_ERROR(CheckAddress(options.listen));
  MQ_RETURN_IF_ERROR(CheckAddress(options.enrolment_listen));
  if (options.https_listen != kNone) MQ_RETURN_IF_ERROR(CheckAddress(options.https_listen));
  for (const char* name : {"ca.key", "ca.pem"}) {
    if (MayExist(at(name))) {
      return Error(absl::StatusCode::kAlreadyExists, "ALREADY_INITIALISED",
                   absl::StrCat(at(name),
                                " is there already; nothing was touched. Choose another "
                                "folder, or move this file away"));
    }
  }
  // Everything that can be refused is made before the first file is written.
  MQ_ASSIGN_OR_RETURN(const auto ca, CertificateAuthority::Create(options.trust_domain, clock));
  MQ_ASSIGN_OR_RETURN(const auto controller,
                      ca->IssueController(options.controller_name, options.names));
  MQ_ASSIGN_OR_RETURN(
      const auto admin,
      ca->IssueOperator(options.admin_name, identity::Role::kAdmin, options.admin_life));

  if (::mkdir(options.dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(errno, absl::StrCat("mkdir ", options.dir));
  }
  MQ_ASSIGN_OR_RETURN(const auto info, identity::ParseCertificate(admin.certificate_pem));
  MQ_RETURN_IF_ERROR(RecordIssued(options.dir, info, clock->Now()));
  const std::string store = options.store_path.empty() ? at("controller.db") : options.store_path;
  MQ_RETURN_IF_ERROR(identity::WriteSecretFile(at("controller.key"), controller.key_pem));
  MQ_RETURN_IF_ERROR(
      identity::WritePublicFile(at("controller.pem"), controller.certificate_pem + ca->ca_pem()));
  MQ_RETURN_IF_ERROR(identity::WriteSecretFile(at("admin.key"), admin.key_pem));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(at("admin.pem"), admin.certificate_pem));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(at("controller.yaml"), ConfigText(options, store)));
  if (!MayExist(at("escalation.yaml")))
    MQ_RETURN_IF_ERROR(identity::WritePublicFile(at("escalation.yaml"), kNoRules));
  // The CA is last: until it is there, a run that was cut off may simply be made again.
  MQ_RETURN_IF_ERROR(ca->Save(options.dir));
  InitResult result;
  result.ca_fingerprint = ca->fingerprint();
  result.config_path = at("controller.yaml");
  result.admin_key_path = at("admin.key");
  result.admin_certificate_path = at("admin.pem");
  result.ca_path = at("ca.pem");
  return result;
}

}  // namespace mailquench::controller
