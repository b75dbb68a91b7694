// The service manager's seam against real services, which this program itself serves as:
// "--serve NAME [slow|fails]".
#include <gmock/gmock.h>
#include <windows.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/service_host.h"
#include "agent/os/service_manager.h"
#include "common/os/program.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kSlow = absl::Seconds(3);

int Serve(const std::vector<std::string>& words) {
  const std::string how = words.size() > 2 ? words[2] : "";
  const absl::Status served = RunAsService(words[1], [&](ServiceControl& control) {
    if (how == "fails") return 7;
    control.Serving();
    while (!control.AwaitStop(absl::Seconds(1))) {
    }
    if (how == "slow") absl::SleepFor(kSlow);
    return 0;
  });
  return served.ok() ? 0 : 1;
}

// Takes its services away at the end.
class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest() : services_(MakeServiceManager()) {}
  ~ServicesTest() override {
    for (auto name = made_.rbegin(); name != made_.rend(); ++name) {
      (void)services_->Stop(*name, absl::Now() + absl::Seconds(20), nullptr);
      EXPECT_TRUE(DeleteServiceNamed(*name).ok()) << *name;
    }
  }
  std::string Make(const std::string& how, const std::string& needs = "") {
    const std::string name = absl::StrCat("MqTest", ::GetCurrentProcessId(), "x", made_.size());
    if (needs.empty()) {
      ServiceSetup setup;
      setup.name = setup.display_name = name;
      setup.command = {OwnProgram(), "--serve", name, how};
      const auto made = InstallService(setup);
      EXPECT_TRUE(made.ok()) << made.status();
    } else {  // An agent depends on nothing.
      const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
      const std::wstring list = os::ToWide(needs) + std::wstring(2, L'\0');
      const std::wstring image =
          os::ToWide(absl::StrCat("\"", OwnProgram(), "\" --serve ", name, " ", how));
      const SC_HANDLE service =
          ::CreateServiceW(manager, os::ToWide(name).c_str(), nullptr, SERVICE_ALL_ACCESS,
                           SERVICE_WIN32_OWN_PROCESS, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
                           image.c_str(), nullptr, nullptr, list.c_str(), nullptr, nullptr);
      EXPECT_NE(service, nullptr) << os::WindowsErrorText(::GetLastError());
      ::CloseServiceHandle(service);
      ::CloseServiceHandle(manager);
    }
    made_.push_back(name);
    return name;
  }
  absl::Status Start(const std::string& name) {
    return services_->Start(name, absl::Now() + absl::Seconds(20), nullptr);
  }
  const std::unique_ptr<ServiceManager> services_;
  std::vector<std::string> made_;
};

TEST_F(ServicesTest, StartsAndStopsAndIsToldInBetween) {
  const std::string name = Make("plain");
  EXPECT_EQ(ReasonOf(InstallService({name, name, "", {OwnProgram()}}).status()),
            "ALREADY_INSTALLED");
  EXPECT_EQ(services_->Query(name)->state, ServiceState::kStopped);
  EXPECT_EQ(services_->Query(name)->start_type, StartType::kAutomatic);
  ASSERT_EQ(Start(name), absl::OkStatus());
  EXPECT_EQ(Start(name), absl::OkStatus()) << "it runs already";
  EXPECT_EQ(services_->Query(name)->state, ServiceState::kRunning);
  EXPECT_NE(services_->Query(name)->process_id, 0U);
  EXPECT_EQ(CommandOfService(name)->at(2), name);
  EXPECT_EQ(services_->Stop(name, absl::Now() + absl::Seconds(20), nullptr), absl::OkStatus());
  EXPECT_EQ(services_->Stop(name, absl::Now() + absl::Seconds(20), nullptr), absl::OkStatus());
  EXPECT_EQ(services_->Query(name)->state, ServiceState::kStopped);
  EXPECT_EQ(services_->Query(name)->process_id, 0U);
}

TEST_F(ServicesTest, ASlowStopMakesProgressAndTheWaitMayEndBeforeIt) {
  const std::string name = Make("slow");
  ASSERT_EQ(Start(name), absl::OkStatus());
  EXPECT_EQ(ReasonOf(services_->Stop(name, absl::Now() + absl::Milliseconds(500), nullptr)),
            "SERVICE_STOP_TIMED_OUT");
  EXPECT_EQ(services_->Stop(
                name, absl::Now() + absl::Seconds(20),
                [](const ServiceInfo&, absl::Duration) { return absl::CancelledError("enough"); }),
            absl::CancelledError("enough"));
  std::uint32_t checkpoint = 0;
  EXPECT_EQ(services_->Stop(name, absl::Now() + absl::Seconds(20),
                            [&](const ServiceInfo& info, absl::Duration) {
                              EXPECT_EQ(info.state, ServiceState::kStopPending);
                              EXPECT_GE(info.checkpoint, checkpoint);
                              checkpoint = info.checkpoint;
                              EXPECT_GT(info.wait_hint, absl::ZeroDuration());
                              return absl::OkStatus();
                            }),
            absl::OkStatus());
  EXPECT_GT(checkpoint, 1U);
}

TEST_F(ServicesTest, OneThatEndsWhileItStartsIsSaidSo) {
  const std::string name = Make("fails");
  const absl::Status started = Start(name);
  EXPECT_EQ(ReasonOf(started), "SERVICE_ENDED") << started;
  EXPECT_EQ(services_->Query(name)->exit_code, 7U);
}

TEST_F(ServicesTest, DependentsComeInAnOrderInWhichTheyCanBeStopped) {
  const std::string base = Make("plain");
  const std::string middle = Make("plain", base);
  const std::string top = Make("plain", middle);
  ASSERT_EQ(Start(base), absl::OkStatus());
  EXPECT_TRUE(services_->RunningDependents(base)->empty());
  ASSERT_EQ(Start(middle), absl::OkStatus());
  ASSERT_EQ(Start(top), absl::OkStatus());
  EXPECT_THAT(*services_->RunningDependents(base), ::testing::ElementsAre(top, middle));
  EXPECT_THAT(*services_->RunningDependents(top), ::testing::IsEmpty());
}

TEST_F(ServicesTest, ADisabledOneIsNotStarted) {
  const std::string name = Make("plain");
  const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
  const SC_HANDLE service = ::OpenServiceW(manager, os::ToWide(name).c_str(), SERVICE_ALL_ACCESS);
  EXPECT_TRUE(::ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_DISABLED,
                                     SERVICE_NO_CHANGE, nullptr, nullptr, nullptr, nullptr, nullptr,
                                     nullptr, nullptr));
  ::CloseServiceHandle(service);
  ::CloseServiceHandle(manager);
  EXPECT_EQ(services_->Query(name)->start_type, StartType::kDisabled);
  EXPECT_EQ(ReasonOf(Start(name)), "SERVICE_DISABLED");
}

TEST_F(ServicesTest, AnAnswerOutsideOfAServiceIsNoService) {
  EXPECT_EQ(ReasonOf(RunAsService("x", [](ServiceControl&) { return 0; })), "NOT_A_SERVICE");
}

}  // namespace
}  // namespace mailquench::agent

int main(int argc, char** argv) {
  const std::vector<std::string> words = mailquench::os::Arguments(argc, argv);
  if (words.size() > 1 && words[0] == "--serve") return mailquench::agent::Serve(words);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
