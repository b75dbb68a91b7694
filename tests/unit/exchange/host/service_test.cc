// Stop and start in their order, with Managed Availability held off and never forgotten.
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Service : public ::testing::Test {
 protected:
  Service() : shell(folder.path + "/components"), services(acts) {
    installation.server = "EX1";
    options.state_directory = folder.path;
    options.settle = absl::Milliseconds(1);
    options.between_looks = absl::Milliseconds(1);
    options.ready_wait = absl::Milliseconds(20);
    shell.acts = &acts;
    Open();
  }
  void Open() {
    service = std::make_unique<TransportService>(
        services, shell, installation,
        [] { return absl::StatusOr<std::vector<std::string>>(std::vector<std::string>()); },
        options);
  }
  std::string Recovery() { return shell.Entries()[absl::StrCat(kRecovery, "/", kRequester)]; }

  TestFolder folder;
  std::vector<std::string> acts, said;
  FakeShell shell;
  FakeServices services;
  Installation installation;
  ServiceOptions options;
  std::unique_ptr<TransportService> service;
};

TEST_F(Service, StopsTheFrontEndFirstAndStartsItLast) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  EXPECT_THAT(acts, ElementsAre("RecoveryActionsEnabled/Functional Inactive",
                                "stop MSExchangeFrontEndTransport", "stop MSExchangeTransport"));
  acts.clear();
  ASSERT_TRUE(service->Start(ContextOf("c")).ok());
  EXPECT_THAT(acts, ElementsAre("start MSExchangeTransport", "start MSExchangeFrontEndTransport",
                                "RecoveryActionsEnabled/Functional Active"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path) ||
              TestFolder::Names(folder.path) == std::vector<std::string>{"components"});
}

TEST_F(Service, AnEdgeServerHasNoFrontEnd) {
  installation.role = Role::kEdge;
  services.states.erase(kFrontEnd);
  Open();
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  ASSERT_TRUE(service->Start(ContextOf("c")).ok());
  EXPECT_THAT(acts,
              ElementsAre("RecoveryActionsEnabled/Functional Inactive", "stop MSExchangeTransport",
                          "start MSExchangeTransport", "RecoveryActionsEnabled/Functional Active"));
}

TEST_F(Service, AnEntryThatWasThereBeforeStays) {
  shell.SetEntry("RecoveryActionsEnabled/Functional", "Inactive");
  shell.SetEntry("RecoveryActionsEnabled/Maintenance", "Inactive");
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  ASSERT_TRUE(service->Start(ContextOf("c")).ok());
  EXPECT_EQ("Inactive", Recovery());
  EXPECT_EQ("Inactive", shell.Entries()["RecoveryActionsEnabled/Maintenance"]);
}

TEST_F(Service, WithoutAShellItStopsAllTheSameAndSaysWhatWasNotDone) {
  shell.answers = false;
  ASSERT_TRUE(service->Stop(ContextOf("c", &said)).ok());
  EXPECT_THAT(said, Contains(HasSubstr("Managed Availability could not be held off")));
  EXPECT_FALSE(*service->Runs());
  EXPECT_TRUE(service->Start(ContextOf("c", &said)).ok());
}

TEST_F(Service, WhatCouldNotBeLiftedIsLiftedByTheNextCall) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  shell.answers = false;
  ASSERT_TRUE(service->Start(ContextOf("c", &said)).ok());
  EXPECT_THAT(said, Contains(HasSubstr("still held off")));
  EXPECT_EQ("Inactive", Recovery());
  shell.answers = true;
  service->LiftForgotten();
  EXPECT_EQ("Active", Recovery());
}

TEST_F(Service, KilledAtAnyPointItNeverLeavesRecoveryHeldForEver) {
  const auto arrange = [this] {
    std::filesystem::remove(folder.path + "/exchange-recovery");
    std::filesystem::remove(folder.path + "/components");
  };
  const auto check = [this](const std::string& fault) {
    // The services of the killed child are another process'; here they run, as after a reboot.
    Open();
    service->LiftForgotten();
    EXPECT_NE("Inactive", Recovery()) << fault;
    EXPECT_FALSE(std::filesystem::exists(folder.path + "/exchange-recovery")) << fault;
  };
  const auto act = [this] {
    service->Stop(ContextOf("c")).IgnoreError();
    service->Start(ContextOf("c")).IgnoreError();
  };
  int killed = 0;
  for (const char* room : {"exchange.hold.", "exchange.stop.", "exchange.start."})
    killed += KillAtEach(room, 2, arrange, act, check);
  EXPECT_GE(killed, 6);
}

TEST_F(Service, OneThatSomebodyStartsAgainIsStoppedAgainAndThenNamed) {
  services.comes_back = 1;
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  EXPECT_FALSE(*service->Runs());
  ASSERT_TRUE(service->Start(ContextOf("c")).ok());
  services.comes_back = 2;
  const absl::Status stopped = service->Stop(ContextOf("c"));
  EXPECT_EQ("SERVICE_CAME_BACK", ReasonOf(stopped)) << stopped;
  EXPECT_EQ("Active", Recovery()) << "what did not stop is not held";
}

TEST_F(Service, OneThatDoesNotStopIsNamedWithItsProgress) {
  services.never_stops = true;
  const absl::Status stopped = service->Stop(ContextOf("c", &said));
  EXPECT_EQ("SERVICE_STOP_TIMED_OUT", ReasonOf(stopped)) << stopped;
  EXPECT_THAT(std::string(stopped.message()), HasSubstr("no queue"));
  EXPECT_THAT(said, Contains(HasSubstr("checkpoint 7")));
  // It may stop yet, and is not to be started then; once it runs again all is lifted.
  EXPECT_EQ("Inactive", Recovery());
  service->LiftForgotten();
  EXPECT_EQ("Inactive", Recovery());
  services.states[kTransport] = ServiceState::kRunning;
  service->LiftForgotten();
  EXPECT_EQ("Active", Recovery());
}

TEST_F(Service, DependentsAreStoppedBeforeAndStartedAgain) {
  services.dependents = {"ThirdPartyScanner"};
  services.states["ThirdPartyScanner"] = ServiceState::kRunning;
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  EXPECT_EQ("stop ThirdPartyScanner", acts.at(1));
  ASSERT_TRUE(service->Start(ContextOf("c")).ok());
  EXPECT_EQ(ServiceState::kRunning, services.states["ThirdPartyScanner"]);
}

TEST_F(Service, AFrontEndThatHangsDoesNotKeepTransportRunning) {
  services.hangs = kFrontEnd;
  const absl::Status stopped = service->Stop(ContextOf("c", &said));
  EXPECT_EQ("SERVICE_STOP_TIMED_OUT", ReasonOf(stopped)) << stopped;
  EXPECT_THAT(std::string(stopped.message()), HasSubstr(kFrontEnd));
  EXPECT_EQ(ServiceState::kStopped, services.states[kTransport]);
  EXPECT_EQ("Inactive", Recovery()) << "what is stopped is not to be started again";
}

TEST_F(Service, ADependentThatHangsDoesNotKeepTransportFromBeingTold) {
  services.dependents = {"ThirdPartyScanner"};
  services.states["ThirdPartyScanner"] = ServiceState::kRunning;
  services.hangs = "ThirdPartyScanner";
  const absl::Status stopped = service->Stop(ContextOf("c"));
  EXPECT_THAT(std::string(stopped.message()), HasSubstr("ThirdPartyScanner"));
  EXPECT_EQ(ServiceState::kStopped, services.states[kTransport]);
}

TEST_F(Service, WhatIsLiftedOnThisHostAloneIsStillHeld) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  shell.directory_fails = true;
  ASSERT_TRUE(service->Start(ContextOf("c", &said)).ok());
  EXPECT_THAT(said, Contains(HasSubstr("still held off")));
  EXPECT_TRUE(service->IsHeld());
  shell.directory_fails = false;
  service->LiftForgotten();
  EXPECT_FALSE(service->IsHeld());
  EXPECT_EQ("Active", Recovery());
}

TEST_F(Service, AnEntryThatStaysInactiveIsStillHeld) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  // Said to be set, and not shown: as while the directory's servers do not agree.
  shell.on_call = [](const Pipeline& pipeline) -> absl::StatusOr<Answer> {
    Answer answer;
    if (pipeline.cmdlets.at(0).name != "Get-ServerComponentState") return answer;
    Row& row = answer.rows.emplace_back();
    row["Component"] = Text(kRecovery);
    row["State"] = Text("Inactive");
    row["LocalStates"] = List({"Requestor:Functional; State:Active; Timestamp:x"});
    row["RemoteStates"] = List({"Requestor:Functional; State:Inactive; Timestamp:x"});
    return answer;
  };
  ASSERT_TRUE(service->Start(ContextOf("c", &said)).ok());
  EXPECT_TRUE(service->IsHeld());
}

TEST_F(Service, AFrontEndThatDoesNotStartLeavesRecoveryFree) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  services.no_start = kFrontEnd;
  const absl::Status started = service->Start(ContextOf("c"));
  EXPECT_EQ("SERVICE_ENDED", ReasonOf(started)) << started;
  EXPECT_EQ("Active", Recovery());
  EXPECT_FALSE(service->IsHeld());
}

TEST_F(Service, WhatOthersHeldInactiveBeforeTheStopIsNoFailedStart) {
  shell.SetEntry("HubTransport/Maintenance", "Inactive");
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  const absl::Status started = service->Start(ContextOf("c", &said));
  EXPECT_TRUE(started.ok()) << started;
  EXPECT_THAT(said, Contains(HasSubstr("HubTransport Inactive (Maintenance)")));
  EXPECT_EQ("Inactive", shell.Entries()["HubTransport/Maintenance"]);
  // The record is that of one stop.
  EXPECT_EQ("COMPONENT_INACTIVE", ReasonOf(service->Start(ContextOf("c"))));
}

TEST_F(Service, AStartThatTakesNoMailIsNoSuccess) {
  ASSERT_TRUE(service->Stop(ContextOf("c")).ok());
  shell.SetEntry("HubTransport/Maintenance", "Inactive");
  const absl::Status started = service->Start(ContextOf("c"));
  EXPECT_EQ("COMPONENT_INACTIVE", ReasonOf(started)) << started;
  EXPECT_THAT(std::string(started.message()), HasSubstr("HubTransport Inactive (Maintenance)"));
  EXPECT_EQ("Inactive", shell.Entries()["HubTransport/Maintenance"]) << "it is not ours to lift";
  EXPECT_EQ("Active", Recovery());
}

TEST_F(Service, AListenerThatDoesNotAnswerIsNoSuccess) {
  service = std::make_unique<TransportService>(
      services, shell, installation,
      [] { return absl::StatusOr<std::vector<std::string>>({std::string("127.0.0.1:1")}); },
      options);
  const absl::Status started = service->Start(ContextOf("c"));
  EXPECT_EQ("LISTENER_DEAD", ReasonOf(started)) << started;
}

}  // namespace
}  // namespace mailquench::agent::exchange
