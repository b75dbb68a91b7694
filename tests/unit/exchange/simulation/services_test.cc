// The services of a simulated server: order, bad days, and Managed Availability.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using agent::ServiceInfo;
using agent::ServiceState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ServiceState StateOf(Services& services, const std::string& name) {
  const auto info = services.Query(name);
  return info.ok() ? info->state : ServiceState::kPaused;
}

Json ServicesFile(const SimulatedWorld& world) {
  return Json::parse(SimulatedWorld::Read(SimFile(world.dir, "EX1", "services.json")));
}

TEST(ServicesOfAServer, AreThoseOfItsRole) {
  SimulatedWorld world;
  world.Start();
  EXPECT_EQ(ServicesFile(world)["MSExchangeTransport"], "Running");
  EXPECT_EQ(ServicesFile(world)["FMS"], "Running");
  EXPECT_EQ(world.On("EX1").Query("SMTPSVC").status().code(), absl::StatusCode::kNotFound);
  WorldPlan plan;
  ServerPlan edge;
  edge.name = "EDGE1";
  edge.edge = true;
  edge.frontend_port = FreePort();
  plan.servers = {edge};
  SimulatedWorld other(0, plan);
  Services& services = other.On("EDGE1");
  EXPECT_FALSE(services.Query(kFrontendService).ok());
  ASSERT_TRUE(services.Start(kTransportService, absl::Now() + absl::Seconds(20), Calm).ok());
  EXPECT_THAT(other.Send(edge.frontend_port, "a@b.test", {"anna@contoso.test"}),
              ::testing::StartsWith("250"));
}

TEST(ServicesOfAServer, DependOnEachOther) {
  SimulatedWorld world;
  world.Start();
  Services& services = world.On("EX1");
  EXPECT_THAT(*services.RunningDependents("FMS"), ElementsAre(kTransportService));
  EXPECT_THAT(std::string(services.Stop("FMS", absl::Now() + absl::Seconds(5), Calm).message()),
              HasSubstr("depends on"));
  world.Stop();
  ASSERT_TRUE(services.Stop("FMS", absl::Now() + absl::Seconds(5), Calm).ok());
  EXPECT_EQ(ServicesFile(world)["FMS"], "Stopped");
  world.Start();
  EXPECT_EQ(StateOf(services, "FMS"), ServiceState::kRunning);
}

TEST(BadDay, AStopThatTakesItsTime) {
  SimulatedWorld world;
  world.Start();
  world.Tell({{"stop_ms", 1200}});
  Services& services = world.On("EX1");
  int looks = 0;
  const absl::Status done = services.Stop(kTransportService, absl::Now() + absl::Seconds(20),
                                          [&](const ServiceInfo& info, absl::Duration) {
                                            EXPECT_EQ(info.state, ServiceState::kStopPending);
                                            ++looks;
                                            return absl::OkStatus();
                                          });
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_GE(looks, 1);
}

TEST(BadDay, AStopThatNeverEnds) {
  SimulatedWorld world;
  world.Start();
  world.Tell({{"stop_never", true}});
  Services& services = world.On("EX1");
  EXPECT_EQ(services.Stop(kTransportService, absl::Now() + absl::Milliseconds(700), Calm).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(StateOf(services, kTransportService), ServiceState::kStopPending);
  EXPECT_EQ(services.Start(kTransportService, absl::Now() + absl::Milliseconds(200), Calm).code(),
            absl::StatusCode::kDeadlineExceeded);
  // Until it does.
  world.Tell(Json::object());
  EXPECT_TRUE(
      Eventually([&] { return StateOf(services, kTransportService) == ServiceState::kStopped; }));
}

TEST(BadDay, AStartThatDies) {
  SimulatedWorld world;
  world.Tell({{"die_in_start", true}});
  Services& services = world.On("EX1");
  EXPECT_EQ(services.Start(kTransportService, absl::Now() + absl::Seconds(5), Calm).code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(services.Query(kTransportService)->exit_code, 1067U);
}

TEST(BadDay, SomebodyStartsItAgain) {
  SimulatedWorld world;
  world.Start();
  Services& services = world.On("EX1");
  services.comes_back = 1;
  ASSERT_TRUE(services.Stop(kTransportService, absl::Now() + absl::Seconds(20), Calm).ok());
  EXPECT_TRUE(
      Eventually([&] { return StateOf(services, kTransportService) == ServiceState::kRunning; }));
  ASSERT_TRUE(services.Stop(kTransportService, absl::Now() + absl::Seconds(20), Calm).ok());
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(StateOf(services, kTransportService), ServiceState::kStopped);
}

TEST(ManagedAvailability, StartsWhatStaysStopped) {
  SimulatedWorld world;
  Services& services = world.On("EX1", absl::Milliseconds(200));
  world.Start();
  world.Stop();
  EXPECT_TRUE(Eventually([&] {
    return StateOf(services, kTransportService) == ServiceState::kRunning &&
           StateOf(services, kFrontendService) == ServiceState::kRunning;
  }));
  // It is counted once the start is done.
  EXPECT_TRUE(Eventually([&] { return services.recoveries() >= 2; }));
}

TEST(ManagedAvailability, KeepsStillWhereItsComponentIsInactive) {
  for (const bool in_registry : {false, true}) {
    SimulatedWorld world;
    Services& services = world.On("EX1", absl::Milliseconds(200));
    world.Start();
    if (in_registry)
      SimulatedWorld::Write(
          SimFile(world.dir, "EX1", "registry.json"),
          R"({"components": {"RecoveryActionsEnabled": {"Functional": "Inactive"}}})");
    else
      world.Change([](Json& json) {
        json["servers"]["EX1"]["components"]["RecoveryActionsEnabled"] = {
            {"Functional", "Inactive"}};
      });
    world.Stop();
    absl::SleepFor(absl::Milliseconds(800));
    EXPECT_EQ(StateOf(services, kTransportService), ServiceState::kStopped);
    EXPECT_EQ(services.recoveries(), 0);
  }
}

}  // namespace
}  // namespace mailquench::simulation::exchange
