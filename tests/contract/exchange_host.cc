// The contract suite's host on Exchange's stand-in; MAILQUENCH_EXCHANGE_VERSION says which one.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"
#include "nlohmann/json.hpp"
#include "tests/contract/exchange_server.h"
#include "tests/contract/mail_host.h"

namespace mailquench::contract {
namespace {

class ExchangeHost final : public MailHost {
 public:
  explicit ExchangeHost(const std::string& version) : server_(version) { server_.Open(); }

  agent::MailSystem& mail() override { return *server_.mail; }
  std::string instance() const override { return ExchangeServer::kName; }
  std::string target() const override { return absl::StrCat("127.0.0.1:", server_.port()); }
  bool ReleasesStopped() const override { return false; }
  bool ReadsAtRest() const override { return false; }
  // What a lock may touch; states and queues are no settings.
  std::string SettingsBytes() override {
    nlohmann::json all = Organisation();
    nlohmann::json& connectors = all["servers"][ExchangeServer::kName]["receive_connectors"];
    for (nlohmann::json& one : connectors) {
      one.erase("WhenChangedUTC");
      // Flags, which Exchange shows in its own order.
      for (const char* flags : {"AuthMechanism", "PermissionGroups"}) {
        std::vector<std::string> words =
            absl::StrSplit(one[flags].get<std::string>(), ", ", absl::SkipEmpty());
        std::sort(words.begin(), words.end());
        one[flags] = words;
      }
      // A set of rights of users: the directory keeps neither order nor grouping.
      std::vector<std::string> rights;
      for (const nlohmann::json& entry : one["Permissions"]) {
        for (const nlohmann::json& right : entry["ExtendedRights"])
          rights.push_back(absl::StrCat(entry["User"].dump(), right.dump(), entry["Deny"].dump(),
                                        entry["IsInherited"].dump()));
      }
      std::sort(rights.begin(), rights.end());
      one["Permissions"] = rights;
    }
    for (nlohmann::json& one : all["send_connectors"]) one.erase("WhenChangedUTC");
    return absl::StrCat(connectors.dump(1), all["send_connectors"].dump(1),
                        all["accepted_domains"].dump(1), all["remote_domains"].dump(1),
                        all["transport_config"].dump(1));
  }
  // Neither as it was nor as a lock makes it.
  void Meddle() override {
    (void)simulation::exchange::ChangeOrganisation(server_.dir, [](nlohmann::json& all) {
      for (nlohmann::json& one : all["servers"][ExchangeServer::kName]["receive_connectors"]) {
        const std::string name = one["Name"];
        if (name.find("Default Frontend") != std::string::npos)
          one["AuthMechanism"] = "Tls, Integrated, ExchangeServer";
        if (name.find("internal receive") != std::string::npos)
          one["AuthMechanism"] = "Tls, ExchangeServer";
      }
    });
  }
  std::string Log() override {
    return agent::ReadFile(server_.Path("sim/calls.jsonl")).value_or("");
  }

 private:
  nlohmann::json Organisation() const {
    return nlohmann::json::parse(agent::ReadFile(server_.dir + "/organisation.json").value_or("{}"),
                                 nullptr, false);
  }
  ExchangeServer server_;
};

}  // namespace

std::unique_ptr<MailHost> MakeMailHost(std::string* why) {
  *why = ExchangeServer::WhyNot();
  if (!why->empty()) return nullptr;
  const char* version = std::getenv("MAILQUENCH_EXCHANGE_VERSION");
  return std::make_unique<ExchangeHost>(version == nullptr ? "EX2019" : version);
}

}  // namespace mailquench::contract
