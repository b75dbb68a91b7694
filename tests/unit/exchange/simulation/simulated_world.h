// A world of simulated Exchange servers for a test, and what the test says to it.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_SIMULATION_SIMULATED_WORLD_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_SIMULATION_SIMULATED_WORLD_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/socket.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/common/smtp_client.h"
#include "tests/simulation/exchange/control.h"
#include "tests/simulation/exchange/database.h"
#include "tests/simulation/exchange/services.h"
#include "tests/simulation/exchange/settings.h"
#include "tests/simulation/exchange/world.h"

namespace mailquench::simulation::exchange {

// True as soon as it holds; false after 20 s.
inline bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return holds();
}

// Told how a service is while it is waited for, and content with it.
inline absl::Status Calm(const agent::ServiceInfo&, absl::Duration) {
  return absl::OkStatus();
}

inline std::string Text(const std::string& subject = "offer",
                        const std::string& from = "bot@spam.test") {
  return absl::StrCat("From: <", from, ">\r\nTo: <x@victim.test>\r\nSubject: ", subject,
                      "\r\n\r\nbody\r\n");
}

class SimulatedWorld {
 public:
  static constexpr char kVictim[] = "x@victim.test";
  static constexpr char kAnna[] = "anna@contoso.test";

  explicit SimulatedWorld(int servers = 1, WorldPlan wanted = {}) : plan(std::move(wanted)) {
    std::string name = "/tmp/mq-exchange-XXXXXX";
    dir = mkdtemp(name.data());
    for (int i = 1; i <= servers; ++i) {
      ServerPlan one;
      one.name = absl::StrCat("EX", i);
      one.frontend_port = FreePort();
      one.hub_port = FreePort();
      one.client_port = FreePort();
      if (servers > 1) one.dag = "DAG1";
      plan.servers.push_back(one);
    }
    const absl::Status written = WriteWorld(dir, plan);
    EXPECT_TRUE(written.ok()) << written;
  }
  ~SimulatedWorld() {
    services.clear();
    std::filesystem::remove_all(dir);
  }
  SimulatedWorld(const SimulatedWorld&) = delete;
  SimulatedWorld& operator=(const SimulatedWorld&) = delete;

  // Starts nothing that it starts by itself: Managed Availability is patient.
  Services& On(const std::string& server, absl::Duration recovers_after = absl::Hours(1)) {
    auto& one = services[server];
    if (one == nullptr) one = std::make_unique<Services>(dir, server, recovers_after);
    return *one;
  }
  void Start(const std::string& server = "EX1") {
    const auto calm = [](const agent::ServiceInfo&, absl::Duration) { return absl::OkStatus(); };
    for (const char* name : {kTransportService, kFrontendService}) {
      const absl::Status done = On(server).Start(name, absl::Now() + absl::Seconds(20), calm);
      ASSERT_TRUE(done.ok()) << done;
    }
  }
  void Stop(const std::string& server = "EX1") {
    const auto calm = [](const agent::ServiceInfo&, absl::Duration) { return absl::OkStatus(); };
    for (const char* name : {kFrontendService, kTransportService}) {
      const absl::Status done = On(server).Stop(name, absl::Now() + absl::Seconds(20), calm);
      ASSERT_TRUE(done.ok()) << done;
    }
  }
  void Change(const std::function<void(Json&)>& change) {
    const absl::Status done = ChangeOrganisation(dir, change);
    ASSERT_TRUE(done.ok()) << done;
  }
  void Tell(const Json& options, const std::string& server = "EX1") {
    Json all = {{"pickup_every_ms", 100}, {"retry_every_ms", 200}};
    all.update(options);
    ASSERT_TRUE(WriteTransportOptions(dir, server, all).ok());
  }

  // The last reply of the dialogue. `user`: logs in with AUTH PLAIN and "secret" first.
  std::string Send(int port,
                   const std::string& from,
                   const std::vector<std::string>& to,
                   const std::string& content = Text(),
                   const std::string& user = "") {
    os::StartSockets();
    static const std::atomic<bool> never = false;
    std::optional<LineSocket> peer = ConnectTo(absl::StrCat("127.0.0.1:", port), never);
    if (!peer.has_value()) return "no connection";
    std::string reply = Ask(*peer, "");
    if (IsGood(reply)) reply = Ask(*peer, "EHLO client.test");
    if (IsGood(reply) && !user.empty())
      reply = Ask(*peer, "AUTH PLAIN " + absl::Base64Escape(std::string("\0", 1) + user +
                                                            std::string("\0", 1) + "secret"));
    return IsGood(reply) ? Hand(*peer, from, to, content) : reply;
  }
  int Port(std::size_t server = 0) const { return plan.servers[server].frontend_port; }

  Json Do(const Json& request, const std::string& server = "EX1") {
    static const std::atomic<bool> never = false;
    return AskTransport(dir, server, request, never).value_or(Json::object());
  }
  Json Queues(const std::string& server = "EX1") {
    return Do({{"do", "queues"}}, server)["queues"];
  }
  Json Messages(const std::string& server = "EX1") {
    return Do({{"do", "messages"}}, server)["messages"];
  }
  // Of the first queue of that delivery type; null where there is none.
  Json QueueOf(const std::string& type, const std::string& server = "EX1") {
    for (const Json& one : Queues(server)) {
      if (one["DeliveryType"] == type) return one;
    }
    return nullptr;
  }
  int CountIn(const std::string& type, const std::string& server = "EX1") {
    const Json queue = QueueOf(type, server);
    return queue.is_null() ? 0 : queue["MessageCount"].get<int>();
  }
  std::string Database(const std::string& server = "EX1") {
    return TextIn(Do({{"do", "database"}}, server), "id");
  }
  std::string Folder(const std::string& below, const std::string& server = "EX1") const {
    return ServerFolder(dir, server) + "/" + below;
  }
  std::string QueueFolder(const std::string& server = "EX1") const {
    return Folder("TransportRoles/data/Queue", server);
  }
  std::vector<std::string> Delivered(const std::string& server = "EX1") const {
    return Names(SimFile(dir, server, "delivered"));
  }
  static std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path, error))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  WorldPlan plan;
  std::string dir;
  std::map<std::string, std::unique_ptr<Services>> services;
};

// A world with an open relay whose mail for outside stays in a queue.
inline WorldPlan OpenRelay() {
  WorldPlan plan;
  plan.open_relay = true;
  return plan;
}

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_SIMULATION_SIMULATED_WORLD_H_
