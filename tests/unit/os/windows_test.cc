// What only Windows has: children in jobs, quoting, services, counters, WMI, security.
#include <gmock/gmock.h>
#include <windows.h>
// After windows.h.
#include <shellapi.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/counters.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "agent/os/service_manager.h"
#include "agent/os/windows/command_line.h"
#include "agent/os/wmi.h"
#include "common/os/wide.h"
#include "common/status/error.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

TEST(CommandLine, ComesBackAsItWas) {
  const std::vector<std::string> argv = {
      "C:\\Program Files\\x.exe", "", "plain", "a b", "\"", "a\"b", "\\", "a\\", "a b\\", "\\\\\"x",
      "ünï \\\\\" y\\\\"};
  int count = 0;
  wchar_t** const words = ::CommandLineToArgvW(CommandLine(argv).c_str(), &count);
  std::vector<std::string> back;
  for (int i = 0; i < count; ++i) back.push_back(os::ToUtf8(words[i]));
  ::LocalFree(words);
  EXPECT_EQ(back, argv);
}

TEST(Process, OutputInputAndExitCode) {
  const auto result = RunProcess({"cmd.exe", "/c", "echo out& echo err 1>&2& exit 7"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_THAT(result->out, ::testing::HasSubstr("out"));
  EXPECT_THAT(result->err, ::testing::HasSubstr("err"));
}

TEST(Process, TheEnvironmentIsOurs) {
  ::SetEnvironmentVariableW(L"MQ_SECRET", L"secret");
  ProcessOptions options;
  options.environment = {"MQ_GIVEN=ünï"};
  const auto result = RunProcess(
      {"cmd.exe", "/c", "if defined MQ_SECRET exit 1\nif not defined MQ_GIVEN exit 2"}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0);
}

TEST(Process, TheWholeTreeEndsAtTheTimeout) {
  ProcessOptions options;
  options.timeout = absl::Seconds(2);
  const absl::Time begin = absl::Now();
  const auto result = RunProcess({"cmd.exe", "/c", "cmd.exe /c ping -n 60 127.0.0.1"}, options);
  EXPECT_EQ(ReasonOf(result.status()), "PROCESS_TIMED_OUT") << result.status();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
}

TEST(Process, WhatIsNotThereOrABatchFileIsNotRun) {
  EXPECT_TRUE(absl::IsNotFound(RunProcess({"no-such-program.exe"}).status()));
  EXPECT_TRUE(absl::IsNotFound(RunProcess({"C:\\nowhere\\x.exe"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RunProcess({"x.bat"}).status()));
}

TEST(Counter, OneThatIsThereHasAValue) {
  const auto value = MakeCounters()->Read("\\System\\System Up Time");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_GT(*value, 0);
}

TEST(Services, OneThatIsNotThereIsSaidSo) {
  const auto services = MakeServiceManager();
  EXPECT_EQ(ReasonOf(services->Query("MailquenchNoSuch").status()), "NO_SERVICE");
  EXPECT_EQ(ReasonOf(services->Stop("MailquenchNoSuch", absl::Now(), nullptr)), "NO_SERVICE");
  const auto manager = services->Query("PlugPlay");
  ASSERT_TRUE(manager.ok()) << manager.status();
  EXPECT_NE(manager->display_name, "");
}

TEST(Counter, OneThatIsNotThereIsNotFound) {
  const auto value = MakeCounters()->Read("\\No Such Object\\No Such Counter");
  EXPECT_TRUE(absl::IsNotFound(value.status())) << value.status();
}

TEST(Wmi, RowsAndErrors) {
  const auto rows =
      QueryWmi("ROOT\\CIMV2", "SELECT * FROM Win32_OperatingSystem", absl::Seconds(30));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1U);
  ASSERT_EQ(rows->front().at("Version").size(), 1U);
  EXPECT_NE(rows->front().at("Version").front(), "");
  EXPECT_TRUE(
      absl::IsNotFound(QueryWmi("ROOT\\NoSuch", "SELECT * FROM X", absl::Seconds(5)).status()));
}

}  // namespace
}  // namespace mailquench::agent
