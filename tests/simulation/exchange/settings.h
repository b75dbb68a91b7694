// What the directory and the registry of the world say to one server, at one moment.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SETTINGS_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SETTINGS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace mailquench::simulation::exchange {
using Json = nlohmann::json;

std::string ServerFolder(const std::string& world, const std::string& server);
std::string SimFile(const std::string& world, const std::string& server, const std::string& name);

// "Tls, BasicAuth" or a list: whether it has `flag`, in any case.
bool HasFlag(const Json& object, const std::string& key, const std::string& flag);
bool BoolIn(const Json& object, const std::string& key, bool otherwise);
std::string TextIn(const Json& object, const std::string& key, const std::string& otherwise = "");
// Of an object, the list below `key`; empty where there is none.
const Json& ListIn(const Json& object, const std::string& key);
// [d.]hh:mm:ss[.fff]
std::optional<absl::Duration> ParseTimeSpan(const std::string& text);
// In lower case; "" of an address without one.
std::string DomainOf(const std::string& address);

enum class ComponentState { kActive, kInactive, kDraining };

// A snapshot; immutable.
class Settings {
 public:
  Settings(std::string server, Json organisation, Json registry)
      : Settings(std::make_shared<const Json>(std::move(organisation)),
                 std::move(server),
                 std::move(registry)) {}
  // `organisation`: not null; servers of one world share it.
  Settings(std::shared_ptr<const Json> organisation, std::string server, Json registry)
      : server_(std::move(server)),
        shared_(std::move(organisation)),
        organisation_(*shared_),
        registry_(std::move(registry)) {}
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  const Json& organisation() const { return organisation_; }
  const std::shared_ptr<const Json>& shared() const { return shared_; }
  const Json& Server() const;  // An empty object where the organisation does not know it.
  std::string Fqdn() const;
  // The worst that any requester says of it, in the directory or in the registry; ServerWideOffline
  // takes all but RecoveryActionsEnabled with it.
  ComponentState Component(const std::string& name) const;
  // The accepted domain that covers it, or null. The most specific wins.
  const Json& AcceptedDomain(const std::string& domain) const;
  bool IsMailbox(const std::string& address) const;
  bool IsPassword(const std::string& name, const std::string& password) const;
  // By the most specific remote domain; true where none covers it.
  bool MaySendNdrTo(const std::string& domain) const;
  // The enabled send connector for it, by address space, then cost; null where there is none.
  const Json& SendConnectorFor(const std::string& domain) const;
  // "" or why an enabled transport rule rejects mail From it: "550 5.7.1 ..."; "DELETE" where one
  // throws it away.
  std::string RuleAgainst(const std::string& sender, const std::string& header) const;
  bool ShadowRedundancy() const;
  // Whether a rule of this server's firewall keeps EdgeTransport.exe from `port` of other hosts.
  bool IsCutOff(const std::string& port) const;
  absl::Duration TransportTimeSpan(const std::string& key, absl::Duration otherwise) const;
  // Other servers of its DAG, else of its site; no Edge server.
  std::vector<std::string> Peers() const;

 private:
  ComponentState Own(const std::string& name) const;
  const std::string server_;
  const std::shared_ptr<const Json> shared_;
  const Json& organisation_;
  const Json registry_;
};

// Reads both files whenever somebody asks, and parses what changed: what all servers of a world
// have in common once in a process. Thread-safe.
class SettingsReader {
 public:
  SettingsReader(std::string world, std::string server)
      : world_(std::move(world)), server_(std::move(server)) {}
  // Never null; where a file cannot be read, what it said last.
  std::shared_ptr<const Settings> Now();

 private:
  const std::string world_, server_;
  std::mutex mu_;
  std::string registry_text_;  // Guarded by mu_, as all below.
  std::shared_ptr<const Settings> last_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SETTINGS_H_
