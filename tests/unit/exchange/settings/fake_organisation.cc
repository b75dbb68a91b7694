#include "tests/unit/exchange/settings/fake_organisation.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/flags.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using nlohmann::json;

constexpr char kPlain[] = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer";

json Made(const std::string& name,
          const std::string& role,
          const std::string& binding,
          const std::string& auth,
          const std::string& groups,
          const std::string& ranges = "0.0.0.0-255.255.255.255") {
  return {{"Name", name},          {"TransportRole", role},
          {"Bindings", {binding}}, {"RemoteIPRanges", {ranges}},
          {"AuthMechanism", auth}, {"PermissionGroups", groups},
          {"Enabled", true},       {"Permissions", PresetEntries(groups)}};
}

json Server(const std::string& s) {
  return {{"receive_connectors",
           {Made("Client Frontend " + s, "FrontendTransport", "127.0.0.1:1",
                 "Tls, Integrated, BasicAuth, BasicAuthRequireTLS", "ExchangeUsers"),
            Made("Default Frontend " + s, "FrontendTransport", "127.0.0.1:1", kPlain,
                 "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"),
            Made("Outbound Proxy Frontend " + s, "FrontendTransport", "127.0.0.1:1", kPlain,
                 "ExchangeServers"),
            Made("Client Proxy " + s, "HubTransport", "127.0.0.1:1", kPlain,
                 "ExchangeUsers, ExchangeServers"),
            Made("Default " + s, "HubTransport", "127.0.0.1:1", kPlain,
                 "ExchangeUsers, ExchangeServers, ExchangeLegacyServers")}}};
}

json SendConnectorOf(const std::string& name, const std::vector<std::string>& spaces) {
  return {{"Name", name},
          {"Enabled", true},
          {"AddressSpaces", spaces},
          {"SmartHosts", json::array()},
          {"SourceTransportServers", {"EX1", "EX2"}},
          {"Fqdn", nullptr},
          {"FrontendProxyEnabled", false},
          {"TlsDomain", nullptr},
          {"SourceIPAddress", "0.0.0.0"},
          {"Port", 25},
          {"DNSRoutingEnabled", true},
          {"SmartHostAuthMechanism", "None"}};
}

class Locked {
 public:
  explicit Locked(const std::string& path)
      : fd_(open((path + ".lock").c_str(), O_RDWR | O_CREAT, 0600)) {
    flock(fd_, LOCK_EX);
  }
  ~Locked() { close(fd_); }

 private:
  int fd_;
};

json Load(const std::string& path) {
  std::ifstream in(path);
  return json::parse(in);
}

void Store(const std::string& path, const json& all) {
  std::ofstream(path + ".new") << all.dump(1);
  rename((path + ".new").c_str(), path.c_str());
}

absl::Status Failed(const std::string& why) {
  return Error(absl::StatusCode::kAborted, "CMDLET_FAILED", why);
}

std::string Shown(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Row MakeRow(const json& object, const std::vector<std::string>& fields) {
  Row row;
  for (const std::string& field : fields) {
    Cell cell;
    if (object.contains(field) && !object[field].is_null()) {
      cell.null = false;
      cell.list = object[field].is_array();
      if (cell.list) {
        for (const json& one : object[field]) cell.texts.push_back(Shown(one));
      } else {
        cell.texts.push_back(Shown(object[field]));
      }
    }
    row[field] = cell;
  }
  return row;
}

json* Find(json& list, const std::string& property, const std::string& value) {
  for (json& one : list) {
    if (absl::EqualsIgnoreCase(one[property].get<std::string>(), value)) return &one;
  }
  return nullptr;
}

bool HasEntry(const json& entries, const std::string& user, const std::string& right) {
  for (const json& entry : entries) {
    if (entry["User"] != user || entry.value("Deny", false)) continue;
    for (const json& one : entry["ExtendedRights"])
      if (absl::EqualsIgnoreCase(one.get<std::string>(), right)) return true;
  }
  return false;
}

// One right an entry, as Get-ADPermission shows them.
void Revoke(json& entries, const std::string& user, const std::string& right) {
  json left = json::array();
  for (const json& entry : entries) {
    if (entry["User"] != user ||
        !absl::EqualsIgnoreCase(entry["ExtendedRights"][0].get<std::string>(), right))
      left.push_back(entry);
  }
  entries = left;
}

json Entry(const std::string& user, const std::string& right) {
  return {{"User", user}, {"ExtendedRights", {right}}, {"Deny", false}, {"IsInherited", false}};
}

struct Arguments {
  explicit Arguments(const Cmdlet& cmdlet) {
    for (const auto& [name, value] : cmdlet.parameters) all[name] = value;
  }
  std::string text(const std::string& name) const {
    const auto it = all.find(name);
    const auto* text = it == all.end() ? nullptr : std::get_if<std::string>(&it->second);
    return text == nullptr ? "" : *text;
  }
  bool has(const std::string& name) const { return all.count(name) != 0; }
  std::map<std::string, Value> all;
};

json ToJson(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  if (std::holds_alternative<Null>(value)) return nullptr;
  return true;
}

// As a server shows it: Custom where there are entries that no group wrote, or one that it did is
// gone.
json ShownConnector(const json& connector, const std::string& server) {
  json shown = connector;
  const json preset = PresetEntries(connector["PermissionGroups"].get<std::string>());
  bool custom = preset.size() != connector["Permissions"].size();
  for (const json& entry : connector["Permissions"])
    custom |= !HasEntry(preset, entry["User"].get<std::string>(),
                        entry["ExtendedRights"][0].get<std::string>());
  if (custom) {
    std::vector<std::string> flags = Flags(connector["PermissionGroups"].get<std::string>());
    flags.push_back("Custom");
    shown["PermissionGroups"] = FlagsText(flags);
  }
  shown["Server"] = server;
  shown["Identity"] = server + "\\" + connector["Name"].get<std::string>();
  return shown;
}

// What does not go together, as its page has it.
absl::Status SetSendConnector(json& connector, const json& then, const Arguments& arguments) {
  const bool dns = then["DNSRoutingEnabled"], hosts = !then["SmartHosts"].empty();
  if (dns == hosts) return Failed("SmartHosts and DNSRoutingEnabled do not go together");
  if (!dns && arguments.has("DNSRoutingEnabled") && !arguments.has("SmartHosts"))
    return Failed("SmartHosts must be given in the same command");
  const std::string how = then["SmartHostAuthMechanism"];
  if (dns && how != "None") return Failed("SmartHostAuthMechanism is for smart hosts");
  if (absl::StartsWith(how, "BasicAuth") && arguments.has("SmartHostAuthMechanism"))
    return Failed("AuthenticationCredential is wanted");
  connector = then;
  return absl::OkStatus();
}

json* ByIdentity(json& all, const std::string& identity) {
  const std::size_t slash = identity.find('\\');
  if (slash == std::string::npos || !all["servers"].contains(identity.substr(0, slash)))
    return nullptr;
  return Find(all["servers"][identity.substr(0, slash)]["receive_connectors"], "Name",
              identity.substr(slash + 1));
}

absl::Status SetConnector(json& connector, const Arguments& arguments) {
  json then = connector;
  for (const auto& [name, value] : arguments.all) {
    if (name != "Identity" && name != "Confirm" && name != "DomainController")
      then[name] = ToJson(value);
  }
  if (!MayCombine(then["AuthMechanism"].get<std::string>(),
                  then["PermissionGroups"].get<std::string>()))
    return Failed("AuthMechanism and PermissionGroups do not go together");
  if (HasFlag(then["PermissionGroups"].get<std::string>(), "Custom"))
    return Failed("Custom is for what Exchange shows");
  if (arguments.has("PermissionGroups")) {
    for (const json& entry : PresetEntries(
             "AnonymousUsers, ExchangeUsers, ExchangeServers, ExchangeLegacyServers, Partners"))
      Revoke(then["Permissions"], entry["User"], entry["ExtendedRights"][0]);
    for (const json& entry : PresetEntries(then["PermissionGroups"].get<std::string>()))
      then["Permissions"].push_back(entry);
  }
  connector = then;
  return absl::OkStatus();
}
}  // namespace

json PresetEntries(const std::string& groups) {
  json out = json::array();
  const auto add = [&](const char* group, const char* user, std::vector<const char*> rights) {
    if (!HasFlag(groups, group)) return;
    for (const char* right : rights) out.push_back(Entry(user, right));
  };
  add("AnonymousUsers", "NT AUTHORITY\\ANONYMOUS LOGON",
      {"ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Sender",
       "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender", "ms-Exch-Accept-Headers-Routing"});
  add("ExchangeUsers", "NT AUTHORITY\\Authenticated Users",
      {"ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient", "ms-Exch-Bypass-Anti-Spam",
       "ms-Exch-Accept-Headers-Routing"});
  add("ExchangeServers", "CONTOSO\\Exchange Servers",
      {"ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient",
       "ms-Exch-SMTP-Accept-Any-Sender"});
  add("ExchangeServers", "MS Exchange\\Externally Secured Servers",
      {"ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient"});
  return out;
}

FakeOrganisation::FakeOrganisation() {
  std::string path = (getenv("TMPDIR") == nullptr ? "/tmp" : std::string(getenv("TMPDIR")));
  path += "/mailquench-organisation-XXXXXX";
  close(mkstemp(path.data()));
  path_ = path;
  Store(path_, {{"transport_config", {{"ShadowRedundancyEnabled", true}}},
                {"remote_domains",
                 {{{"Name", "Default"},
                   {"DomainName", "*"},
                   {"NDREnabled", true},
                   {"DeliveryReportEnabled", true},
                   {"AutoReplyEnabled", false},
                   {"AutoForwardEnabled", false}},
                  {{"Name", "Partner: A/B"},
                   {"DomainName", "partner.test"},
                   {"NDREnabled", true},
                   {"DeliveryReportEnabled", false},
                   {"AutoReplyEnabled", true},
                   {"AutoForwardEnabled", true}}}},
                {"accepted_domains", {{{"Name", "contoso.test"}, {"DomainName", "contoso.test"}}}},
                {"transport_rules", json::array()},
                {"send_connectors",
                 {SendConnectorOf("Internet", {"SMTP:*;1"}),
                  SendConnectorOf("Partner: A/B", {"SMTP:partner.test;1"})}},
                {"ip_block_list", json::array()},
                {"mailboxes",
                 {{{"UserPrincipalName", "anna@contoso.test"},
                   {"PrimarySmtpAddress", "anna@contoso.test"}}}},
                {"servers", {{"EX1", Server("EX1")}, {"EX2", Server("EX2")}}}});
}

FakeOrganisation::~FakeOrganisation() {
  unlink(path_.c_str());
  unlink((path_ + ".lock").c_str());
}

json FakeOrganisation::Read() const {
  const Locked lock(path_);
  return Load(path_);
}

void FakeOrganisation::Change(const std::function<void(json&)>& change) {
  const Locked lock(path_);
  json all = Load(path_);
  change(all);
  Store(path_, all);
}

void FakeOrganisation::AddConnector(json connector, const std::string& server) {
  json whole = Made("", "FrontendTransport", "127.0.0.1:1", "Tls", "AnonymousUsers");
  whole["Permissions"] = json::array();
  for (const auto& [name, value] : connector.items()) whole[name] = value;
  for (const json& entry : PresetEntries(whole["PermissionGroups"].get<std::string>()))
    whole["Permissions"].push_back(entry);
  Change([&](json& all) { all["servers"][server]["receive_connectors"].push_back(whole); });
}

json FakeOrganisation::Connector(const std::string& name, const std::string& server) const {
  json all = Read();
  const json* found = Find(all["servers"][server]["receive_connectors"], "Name", name);
  return found == nullptr ? json() : *found;
}

void FakeOrganisation::ChangeConnector(const std::string& name,
                                       const std::function<void(json&)>& change) {
  Change(
      [&](json& all) { change(*Find(all["servers"]["EX1"]["receive_connectors"], "Name", name)); });
}

int FakeShell::CallsOf(const std::string& start) const {
  int count = 0;
  for (const std::string& call : calls_) count += absl::StartsWith(call, start);
  return count;
}

absl::StatusOr<Answer> FakeShell::Run(const Pipeline& pipeline, absl::Time /*deadline*/) {
  const Cmdlet& cmdlet = pipeline.cmdlets.at(0);
  calls_.push_back(cmdlet.name);
  for (const auto& [name, value] : cmdlet.parameters)
    absl::StrAppend(&calls_.back(), " -", name, " ", Shown(ToJson(value)));
  const auto work = before_.find(cmdlet.name);
  if (work != before_.end()) {
    const std::function<void()> once = std::move(work->second);
    before_.erase(work);
    once();
  }
  std::map<int, Fault> left;
  std::optional<Fault> now;
  for (const auto& [nth, fault] : faults_[cmdlet.name]) {
    if (nth == 1)
      now = fault;
    else
      left[nth - 1] = fault;
  }
  faults_[cmdlet.name] = left;
  if (now == Fault::kIgnored) return Answer();
  if (now == Fault::kError) return Failed("The operation could not be performed.");
  absl::StatusOr<Answer> answer = Answer();
  if (!now.has_value() || now == Fault::kLate || now == Fault::kDrop)
    answer = Do(cmdlet, pipeline.fields);
  if (now == Fault::kHang || now == Fault::kLate)
    return Error(absl::StatusCode::kDeadlineExceeded, "SHELL_TIMED_OUT", "no answer in time");
  if (now == Fault::kDrop)
    return Error(absl::StatusCode::kUnavailable, "SESSION_LOST", "the session ended");
  if (now == Fault::kDie)
    return Error(absl::StatusCode::kUnavailable, "SHELL_ENDED", "the process ended");
  return answer;
}

absl::StatusOr<Answer> FakeShell::Do(const Cmdlet& cmdlet, const std::vector<std::string>& fields) {
  const Arguments arguments(cmdlet);
  const bool reads = absl::StartsWith(cmdlet.name, "Get-");
  if (!reads && (!arguments.has("Confirm") || ToJson(arguments.all.at("Confirm")) != false))
    return Error(absl::StatusCode::kFailedPrecondition, "ASKED_FOR_CONFIRMATION", cmdlet.name);
  if (arguments.has("DomainController") &&
      (edge_ || arguments.text("DomainController") != "dc1.contoso.test"))
    return Failed("no such domain controller");
  Answer answer;
  absl::Status status = absl::OkStatus();
  organisation_.Change([&](json& all) {
    const auto rows = [&](const json& list) {
      for (const json& one : list) answer.rows.push_back(MakeRow(one, fields));
    };
    const auto row = [&](const json& one) { answer.rows.push_back(MakeRow(one, fields)); };
    const auto fill = [&](json object) {
      for (const auto& [name, value] : arguments.all) {
        if (name != "Identity" && name != "Confirm" && name != "DomainController")
          object[name] = ToJson(value);
      }
      return object;
    };
    if (cmdlet.name == "Get-ExchangeServer" && !edge_) {
      row({{"OriginatingServer", "dc1.contoso.test"}});
    } else if (cmdlet.name == "Get-ReceiveConnector") {
      for (const json& one : all["servers"][arguments.text("Server")]["receive_connectors"])
        row(ShownConnector(one, arguments.text("Server")));
    } else if (cmdlet.name == "Set-ReceiveConnector") {
      json* connector = ByIdentity(all, arguments.text("Identity"));
      status =
          connector == nullptr ? Failed("no such connector") : SetConnector(*connector, arguments);
    } else if (absl::EndsWith(cmdlet.name, "-ADPermission")) {
      json* connector = ByIdentity(all, arguments.text("Identity"));
      if (connector == nullptr) {
        status = Failed("no such object");
        return;
      }
      json& entries = (*connector)["Permissions"];
      if (reads) {
        rows(entries);
        row({{"User", "CONTOSO\\Domain Admins"},
             {"ExtendedRights", {"ms-Exch-SMTP-Accept-Any-Recipient"}},
             {"Deny", false},
             {"IsInherited", true}});
        return;
      }
      for (const json& right : ToJson(arguments.all.at("ExtendedRights"))) {
        Revoke(entries, arguments.text("User"), right);
        if (cmdlet.name == "Add-ADPermission")
          entries.push_back(Entry(arguments.text("User"), right));
      }
    } else if (cmdlet.name == "Get-RemoteDomain") {
      rows(all["remote_domains"]);
    } else if (cmdlet.name == "Set-RemoteDomain" && !edge_) {
      json* domain = Find(all["remote_domains"], "Name", arguments.text("Identity"));
      if (domain == nullptr)
        status = Failed("no such remote domain");
      else
        *domain = fill(*domain);
    } else if (cmdlet.name == "Get-SendConnector") {
      rows(all["send_connectors"]);
    } else if (cmdlet.name == "Get-EdgeSubscription" && edge_) {
      if (all.value("subscribed", false)) row({{"Name", "EDGE1"}});
    } else if (cmdlet.name == "Set-SendConnector") {
      json* connector = Find(all["send_connectors"], "Name", arguments.text("Identity"));
      if (connector == nullptr)
        status = Failed("no such send connector");
      else if (edge_ && all.value("subscribed", false))
        status = Failed("this server is subscribed");
      else if (!edge_ && arguments.has("SourceIPAddress"))
        status = Failed("SourceIPAddress is for Edge servers");
      else
        status = SetSendConnector(*connector, fill(*connector), arguments);
    } else if (cmdlet.name == "Get-AcceptedDomain") {
      rows(all["accepted_domains"]);
    } else if (cmdlet.name == "Get-TransportConfig") {
      row(all["transport_config"]);
    } else if (cmdlet.name == "Set-TransportConfig" && !edge_) {
      all["transport_config"] = fill(all["transport_config"]);
    } else if (cmdlet.name == "Get-Mailbox" && !edge_) {
      for (const json& one : all["mailboxes"]) {
        if (one["UserPrincipalName"] == arguments.text("Identity")) row(one);
      }
      if (answer.rows.empty())
        status = Error(absl::StatusCode::kNotFound, "OBJECT_NOT_FOUND", "no such mailbox");
    } else if (cmdlet.name == "Get-TransportRule" && !edge_) {
      rows(all["transport_rules"]);
    } else if (cmdlet.name == "New-TransportRule" && !edge_) {
      if (Find(all["transport_rules"], "Name", arguments.text("Name")) != nullptr) {
        status = Failed("there is a rule of that name");
        return;
      }
      json rule = fill(json::object());
      rule["State"] = rule["Enabled"] == true ? "Enabled" : "Disabled";
      all["transport_rules"].push_back(rule);
    } else if (cmdlet.name == "Remove-TransportRule" && !edge_) {
      json left = json::array();
      for (const json& one : all["transport_rules"])
        if (one["Name"] != arguments.text("Identity")) left.push_back(one);
      all["transport_rules"] = left;
    } else if (cmdlet.name == "Get-IPBlockListEntry" && edge_) {
      rows(all["ip_block_list"]);
    } else if (cmdlet.name == "Add-IPBlockListEntry" && edge_) {
      json entry = fill(json::object());
      entry["Identity"] = std::to_string(all["ip_block_list"].size() + 1);
      all["ip_block_list"].push_back(entry);
    } else if (cmdlet.name == "Remove-IPBlockListEntry" && edge_) {
      json left = json::array();
      for (const json& one : all["ip_block_list"])
        if (one["Identity"] != arguments.text("Identity")) left.push_back(one);
      all["ip_block_list"] = left;
    } else {
      status = Error(absl::StatusCode::kPermissionDenied, "NOT_IN_ROLE", cmdlet.name);
    }
  });
  if (!status.ok()) return status;
  return answer;
}

}  // namespace mailquench::agent::exchange
