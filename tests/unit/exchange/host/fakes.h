// A shell whose answers a test writes, and services whose bad days it chooses.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FAKES_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FAKES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/service.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/mail_system.h"
#include "common/status/error.h"
#include "tests/unit/exchange/kill_at_each.h"

namespace mailquench::agent::exchange {

inline Cell Text(const std::string& text) {
  return Cell{false, false, {text}};
}
inline Cell List(std::vector<std::string> texts) {
  return Cell{false, true, std::move(texts)};
}

// Component states of one server, as a file, so that a killed child's changes stay.
class FakeShell final : public Shell {
 public:
  explicit FakeShell(std::string file) : file_(std::move(file)) {}

  bool answers = true;
  bool directory_fails = false;  // Only this host's own states can be set.
  // Before the built-in answers.
  std::function<absl::StatusOr<Answer>(const Pipeline&)> on_call;
  std::vector<std::string>* acts = nullptr;

  static std::string ValueOf(const Cmdlet& cmdlet, const std::string& name) {
    for (const auto& [key, value] : cmdlet.parameters) {
      if (key == name && std::holds_alternative<std::string>(value))
        return std::get<std::string>(value);
    }
    return "";
  }
  // "RecoveryActionsEnabled/Functional": "Inactive"
  std::map<std::string, std::string> Entries() const {
    std::map<std::string, std::string> out;
    std::ifstream in(file_);
    std::string key, state;
    while (in >> key >> state) out[key] = state;
    return out;
  }
  void SetEntry(const std::string& key, const std::string& state) {
    auto all = Entries();
    all[key] = state;
    std::ofstream out(file_);
    for (const auto& [one, value] : all) out << one << " " << value << "\n";
  }

  absl::StatusOr<Answer> Run(const Pipeline& pipeline, absl::Time) override {
    if (!answers) return Error(absl::StatusCode::kUnavailable, "NO_SHELL", "there is no shell");
    if (on_call) return on_call(pipeline);
    const Cmdlet& first = pipeline.cmdlets.at(0);
    Answer answer;
    if (first.name == "Set-ServerComponentState") {
      const std::string key = ValueOf(first, "Component") + "/" + ValueOf(first, "Requester");
      const bool local_only = first.parameters.back().first == "LocalOnly";
      if (directory_fails && !local_only)
        return Error(absl::StatusCode::kAborted, "CMDLET_FAILED", "the directory is not there");
      SetEntry(key, ValueOf(first, "State"));
      if (acts != nullptr) acts->push_back(key + " " + ValueOf(first, "State"));
    } else if (first.name == "Get-ServerComponentState") {
      for (const char* name :
           {"ServerWideOffline", "HubTransport", "FrontendTransport", kRecovery}) {
        Row row;
        std::vector<std::string> states;
        std::string state = "Active";
        for (const auto& [key, value] : Entries()) {
          if (key.rfind(std::string(name) + "/", 0) != 0) continue;
          states.push_back(absl::StrCat("Requestor:", key.substr(key.find('/') + 1),
                                        "; State:", value, "; Timestamp:11/26/2026 1:00:00 AM"));
          if (value != "Active") state = value;
        }
        row["Component"] = Text(name);
        row["State"] = Text(state);
        row["LocalStates"] = List(states);
        row["RemoteStates"] = List(states);
        answer.rows.push_back(row);
      }
    }
    return answer;
  }
  absl::StatusOr<ShellFacts> Facts(absl::Time) override { return ShellFacts(); }

 private:
  const std::string file_;
};

// Does at once what it is told, unless a lever says otherwise.
class FakeServices final : public ServiceManager {
 public:
  explicit FakeServices(std::vector<std::string>& told) : acts(told) {}
  std::map<std::string, ServiceState> states = {{kTransport, ServiceState::kRunning},
                                                {kFrontEnd, ServiceState::kRunning}};
  std::vector<std::string> dependents;  // Of Transport.
  bool never_stops = false;
  std::string hangs;     // One that does not stop, and the only one.
  std::string no_start;  // One that does not start.
  int comes_back = 0;    // After so many stops of Transport somebody starts it again.
  std::vector<std::string>& acts;

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override {
    const auto found = states.find(name);
    if (found == states.end())
      return Error(absl::StatusCode::kNotFound, "NO_SERVICE", "no such service");
    ServiceInfo info;
    info.state = found->second;
    return info;
  }
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) override {
    std::vector<std::string> out;
    for (const std::string& one : dependents) {
      if (name == kTransport && states[one] != ServiceState::kStopped) out.push_back(one);
    }
    return out;
  }
  absl::Status Stop(const std::string& name, absl::Time, const ServiceProgress& progress) override {
    if (states[name] == ServiceState::kStopped) return absl::OkStatus();
    if (never_stops || name == hangs) {
      states[name] = ServiceState::kStopPending;
      ServiceInfo info;
      info.checkpoint = 7;
      MQ_RETURN_IF_ERROR(progress(info, absl::Minutes(15)));
      return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT", "too slow");
    }
    acts.push_back("stop " + name);
    states[name] = ServiceState::kStopped;
    if (name == kTransport && comes_back > 0) {
      --comes_back;
      states[name] = ServiceState::kRunning;
    }
    return absl::OkStatus();
  }
  absl::Status Start(const std::string& name, absl::Time, const ServiceProgress&) override {
    if (states[name] == ServiceState::kRunning) return absl::OkStatus();
    if (name == no_start)
      return Error(absl::StatusCode::kAborted, "SERVICE_ENDED", "it ended while it started");
    acts.push_back("start " + name);
    states[name] = ServiceState::kRunning;
    return absl::OkStatus();
  }
};

// A folder of a test's own with a name that tries the quoting.
class TestFolder {
 public:
  TestFolder() {
    std::string made = "/tmp/mq ex'ch [\xC3\xA4] XXXXXX";
    path = ::mkdtemp(made.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path); }
  static std::vector<std::string> Names(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  static void Put(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  static std::string Get(const std::string& file) {
    std::ostringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
  }
  std::string path;
};

inline CallContext ContextOf(const std::string& id, std::vector<std::string>* said = nullptr) {
  CallContext context;
  context.command_id = id;
  context.deadline = absl::Now() + absl::Seconds(60);
  if (said != nullptr)
    context.progress = [said](const std::string& text) { said->push_back(text); };
  return context;
}

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FAKES_H_
