// A Windows host with the SMTP service, as far as the mail system can see it: a metabase in a file,
// real folders on the disk, and a service manager whose bad days a test chooses.
#ifndef MAILQUENCH_TESTS_UNIT_SMTPSVC_SMTP_HOST_H_
#define MAILQUENCH_TESTS_UNIT_SMTPSVC_SMTP_HOST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/mail/smtpsvc/smtpsvc_mail_system.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::smtpsvc {

// Does at once what it is told, unless a lever says otherwise.
class FakeServiceManager final : public ServiceManager {
 public:
  std::map<std::string, ServiceState> services = {{"SMTPSVC", ServiceState::kRunning}};
  std::vector<std::string> dependents;  // Of SMTPSVC, in an order in which they can be stopped.
  int slow_looks = 0;                   // A stop goes on for so many looks, of 10 s each.
  bool never_stops = false;
  bool refuses_stop = false;
  int comes_back = 0;     // After so many stops of SMTPSVC somebody starts it again.
  bool disabled = false;  // Does not start.
  std::function<void(bool running)> on_change = [](bool) {};
  std::vector<std::string> acts;

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override {
    const auto it = services.find(name);
    if (it == services.end())
      return Error(absl::StatusCode::kNotFound, "NO_SERVICE", "no such service");
    ServiceInfo info;
    info.state = it->second;
    return info;
  }
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) override {
    std::vector<std::string> running;
    if (name != "SMTPSVC") return running;
    for (const std::string& one : dependents) {
      if (services[one] != ServiceState::kStopped) running.push_back(one);
    }
    return running;
  }
  absl::Status Stop(const std::string& name,
                    absl::Time deadline,
                    const ServiceProgress& progress) override {
    if (services[name] == ServiceState::kStopped) return absl::OkStatus();
    if (refuses_stop)
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_REFUSES_STOP", "it refuses");
    services[name] = ServiceState::kStopPending;
    for (int look = 1; look <= slow_looks || never_stops; ++look) {
      ServiceInfo info;
      info.state = ServiceState::kStopPending;
      info.checkpoint = static_cast<std::uint32_t>(look);
      info.wait_hint = absl::Seconds(30);
      const absl::Status go_on = progress(info, absl::Seconds(10) * look);
      if (!go_on.ok()) return go_on;
      if (never_stops && (absl::Now() >= deadline || look > 100))
        return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT", "too slow");
    }
    acts.push_back("stop " + name);
    services[name] = ServiceState::kStopped;
    if (name == "SMTPSVC") {
      on_change(false);
      if (comes_back > 0) {
        --comes_back;
        services[name] = ServiceState::kRunning;
        on_change(true);
      }
    }
    return absl::OkStatus();
  }
  absl::Status Start(const std::string& name,
                     absl::Time deadline,
                     const ServiceProgress& progress) override {
    const absl::Status go_on = progress(ServiceInfo(), absl::ZeroDuration());
    if (!go_on.ok()) return go_on;
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_START_TIMED_OUT", "too late");
    if (disabled)
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_DISABLED", "it is disabled");
    if (services[name] == ServiceState::kRunning) return absl::OkStatus();
    acts.push_back("start " + name);
    services[name] = ServiceState::kRunning;
    if (name == "SMTPSVC") on_change(true);
    return absl::OkStatus();
  }
};

class FakeCounters final : public Counters {
 public:
  std::map<std::string, double> values;
  absl::StatusOr<double> Read(const std::string& path) override {
    const auto it = values.find(path);
    if (it == values.end()) return absl::NotFoundError(path);
    return it->second;
  }
};

// The metabase of a file, in which virtual servers do what they are told.
class ObeyingMetabase final : public Metabase {
 public:
  explicit ObeyingMetabase(const std::string& path) : file(path) {}
  MetabaseFile file;
  bool obeys = true;
  bool restarts = false;  // A virtual server that is stopped starts again by itself.

  absl::StatusOr<std::vector<std::string>> Children(const std::string& key) override {
    return file.Children(key);
  }
  absl::StatusOr<std::optional<MetabaseValue>> Read(const std::string& key,
                                                    Property property,
                                                    bool inherited) override {
    return file.Read(key, property, inherited);
  }
  absl::Status Write(const std::string& key,
                     Property property,
                     const MetabaseValue& value) override {
    if (property != Property::kServerCommand) return file.Write(key, property, value);
    if (!obeys) return absl::OkStatus();
    commands.push_back(absl::StrCat(AsDword(value) == 1U ? "start " : "stop ", key));
    const std::uint32_t state = AsDword(value) == 1U || restarts ? 2 : 4;
    if (restarts && AsDword(value) == 2U) stopped_for_a_moment = true;
    return file.Write(key, Property::kServerState, MakeDword(state, 0));
  }
  absl::Status Delete(const std::string& key, Property property) override {
    return file.Delete(key, property);
  }
  absl::StatusOr<std::optional<IpSecurity>> ReadIpSecurity(const std::string& key,
                                                           Property property) override {
    return file.ReadIpSecurity(key, property);
  }
  absl::Status WriteIpSecurity(const std::string& key,
                               Property property,
                               const IpSecurity& value) override {
    return file.WriteIpSecurity(key, property, value);
  }
  bool stopped_for_a_moment = false;
  std::vector<std::string> commands;
};

class SmtpHost {
 public:
  explicit SmtpHost(int servers = 1) {
    std::string name = "/tmp/mq-smtpsvc-XXXXXX";
    dir = mkdtemp(name.data());
    metabase_path = dir + "/metabase.json";
    nlohmann::json keys = {
        {"", {{"RelayForAuth", "dword attr=1 ut=1 1"}, {"AuthFlags", "dword attr=1 ut=1 7"}}}};
    for (int i = 1; i <= servers; ++i) {
      const std::string root = absl::StrCat(dir, "/vsi", i);
      for (const char* folder : {"Queue", "Badmail", "Pickup", "Drop"})
        std::filesystem::create_directories(root + "/" + folder);
      keys[std::to_string(i)] = {{"ServerComment", ToText(MakeString("Default"))},
                                 {"QueueDirectory", ToText(MakeString(root + "/Queue"))},
                                 {"BadMailDirectory", ToText(MakeString(root + "/Badmail"))},
                                 {"PickupDirectory", ToText(MakeString(root + "/Pickup"))},
                                 {"DropDirectory", ToText(MakeString(root + "/Drop"))},
                                 {"FullyQualifiedDomainName", ToText(MakeString("mx.example.org"))},
                                 {"ServerState", ToText(MakeDword(2, 0))}};
    }
    keys["1/Domain/example.org"] = nlohmann::json::object();
    json = {{"keys", keys}};
    Save();
    Open();
  }
  ~SmtpHost() { std::filesystem::remove_all(dir); }

  // What a start of the agent does.
  void Open() {
    metabase = std::make_unique<ObeyingMetabase>(metabase_path);
    services.on_change = [this](bool running) {
      if (running)
        StartAll();
      else
        SetStates(4);
    };
    options.version = "test";
    options.service.state_directory = dir;
    options.service.settle = absl::Milliseconds(1);
    options.service.between_looks = absl::Milliseconds(1);
    options.service.server_wait = absl::Milliseconds(50);
    options.swap.busy_wait = absl::Milliseconds(20);
    options.swap.between_tries = absl::Milliseconds(1);
    mail = std::make_unique<SmtpsvcMailSystem>(*metabase, services, &counters, options);
  }
  void Load() { json = nlohmann::json::parse(Get(metabase_path)); }
  void Save() { std::ofstream(metabase_path) << json.dump(1); }
  void Set(const std::string& key, const std::string& property, const std::string& text) {
    Load();
    json["keys"][key][property] = text;
    Save();
  }
  std::string Text(const std::string& key, const std::string& property) {
    Load();
    return json["keys"][key].value(property, "(absent)");
  }
  void SetStates(std::uint32_t state) {
    Load();
    for (auto& [key, value] : json["keys"].items()) {
      if (value.contains("ServerState")) value["ServerState"] = ToText(MakeDword(state, 0));
    }
    Save();
  }
  // As the service does it: what has ServerAutoStart, which is the default.
  void StartAll() {
    Load();
    for (auto& [key, value] : json["keys"].items()) {
      if (value.contains("ServerState") &&
          value.value("ServerAutoStart", "") != ToText(MakeDword(0, 0)))
        value["ServerState"] = ToText(MakeDword(2, 0));
    }
    Save();
  }
  void StopAll() {
    services.services["SMTPSVC"] = ServiceState::kStopped;
    SetStates(4);
  }

  std::string Folder(int server, const std::string& name) const {
    return absl::StrCat(dir, "/vsi", server, "/", name);
  }
  static void Put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string Get(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  static std::string Message(const std::string& sender,
                             const std::string& to = "victim@example.net",
                             const std::string& subject = "cheap pills") {
    return absl::StrCat("x-sender: ", sender, "\r\nx-receiver: ", to,
                        "\r\nReceived: from spam ([203.0.113.7]) by mx.example.org with Microsoft "
                        "SMTPSVC(8.5.9600.16384);\r\n\t Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: ",
                        sender, "\r\nTo: ", to, "\r\nSubject: ", subject, "\r\n\r\nbody\r\n");
  }
  void Queue(int server, const std::string& name, const std::string& sender) {
    Put(Folder(server, "Queue") + "/" + name, Message(sender));
  }
  // Names in a folder, sorted; empty where it is missing.
  static std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path, error))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  CallContext Context(const std::string& id) {
    CallContext context;
    context.command_id = id;
    context.progress = [this](const std::string& text) { said.push_back(text); };
    return context;
  }
  bool Said(const std::string& part) const {
    return std::any_of(said.begin(), said.end(),
                       [&](const std::string& one) { return one.find(part) != std::string::npos; });
  }

  std::string dir, metabase_path;
  nlohmann::json json;
  FakeServiceManager services;
  FakeCounters counters;
  SmtpsvcOptions options;
  std::unique_ptr<ObeyingMetabase> metabase;
  std::unique_ptr<SmtpsvcMailSystem> mail;
  std::vector<std::string> said;
};

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_TESTS_UNIT_SMTPSVC_SMTP_HOST_H_
