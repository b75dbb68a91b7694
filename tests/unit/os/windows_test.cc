// What only Windows has: children in jobs, quoting, services, counters, WMI, security.
#include <gmock/gmock.h>
#include <windows.h>
// After windows.h.
#include <aclapi.h>
#include <shellapi.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/counters.h"
#include "agent/os/event_log.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/process.h"
#include "agent/os/program_place.h"
#include "agent/os/service_manager.h"
#include "agent/os/windows/command_line.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/security.h"
#include "agent/os/wmi.h"
#include "common/os/security_windows.h"
#include "common/os/wide.h"
#include "common/status/error.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

// Adds that to what the user has; replaces what else there was.
void Allow(const std::string& path, WELL_KNOWN_SID_TYPE whom, DWORD rights) {
  auto user = os::UserSid();
  ASSERT_TRUE(user.ok());
  unsigned char sid[SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof sid;
  ASSERT_TRUE(::CreateWellKnownSid(whom, nullptr, sid, &size));
  alignas(ACL) unsigned char room[512];
  auto* const acl = reinterpret_cast<ACL*>(room);
  ASSERT_TRUE(::InitializeAcl(acl, sizeof room, ACL_REVISION));
  ASSERT_TRUE(::AddAccessAllowedAce(acl, ACL_REVISION, FILE_ALL_ACCESS, user->data()));
  ASSERT_TRUE(::AddAccessAllowedAce(acl, ACL_REVISION, rights, sid));
  std::wstring name = os::LongPath(path);
  ASSERT_EQ(::SetNamedSecurityInfoW(name.data(), SE_FILE_OBJECT,
                                    DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                    nullptr, nullptr, acl, nullptr),
            static_cast<DWORD>(ERROR_SUCCESS));
}

// Who besides the administrators and this user may read or write there.
std::string Other(const std::string& path) {
  const auto file = OpenFolder(path, READ_CONTROL);
  return file.ok()
             ? ForeignWriter(file->get(), path, FILE_READ_DATA | FILE_WRITE_DATA).value_or("?")
             : "?";
}

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
  const std::unique_ptr<Wmi> wmi = MakeWmi();
  const auto rows =
      wmi->Query("ROOT\\CIMV2", "SELECT * FROM Win32_OperatingSystem", absl::Seconds(30));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1U);
  ASSERT_EQ(rows->front().at("Version").size(), 1U);
  EXPECT_NE(rows->front().at("Version").front(), "");
  EXPECT_TRUE(
      absl::IsNotFound(wmi->Query("ROOT\\NoSuch", "SELECT * FROM X", absl::Seconds(5)).status()));
}

// A static method with a number and texts, as Defender's are: that class is not in Wine.
TEST(Wmi, AMethodIsCalledAndItsReturnValueTold) {
  const std::unique_ptr<Wmi> wmi = MakeWmi();
  const auto wanted = [] { return absl::OkStatus(); };
  const std::uint32_t machine = 0x80000002;  // HKEY_LOCAL_MACHINE
  const std::string key = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
  const auto call = [&](const std::string& method, const std::string& value) {
    return wmi->Call("ROOT\\DEFAULT", "StdRegProv", method,
                     {{"hDefKey", machine}, {"sSubKeyName", key}, {"sValueName", value}}, wanted);
  };
  const auto answer = call("GetStringValue", "ProductName");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->code, 0U);
  ASSERT_EQ(answer->values.at("sValue").size(), 1U);
  EXPECT_NE(answer->values.at("sValue").front().find("Windows"), std::string::npos);
  const auto missing = call("GetStringValue", "NoSuchValue");
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_NE(missing->code, 0U);
}

TEST(Wmi, WhatCannotBeCalledIsNotFoundAndACallNobodyWantsIsNotMade) {
  const std::unique_ptr<Wmi> wmi = MakeWmi();
  const auto call = [&](const std::string& class_name, const std::string& method,
                        const std::vector<WmiParameter>& parameters, absl::Status wanted) {
    return wmi->Call("ROOT\\DEFAULT", class_name, method, parameters, [&] { return wanted; })
        .status();
  };
  EXPECT_TRUE(absl::IsNotFound(call("StdRegProv", "NoSuch", {}, absl::OkStatus())));
  EXPECT_FALSE(
      call("StdRegProv", "GetStringValue", {{"NoSuch", std::string("x")}}, absl::OkStatus()).ok());
  EXPECT_FALSE(call("NoSuch_Class", "Start", {}, absl::OkStatus()).ok());
  EXPECT_TRUE(absl::IsCancelled(call("StdRegProv", "GetStringValue",
                                     {{"hDefKey", std::uint32_t{0x80000002}}},
                                     absl::CancelledError("nobody"))));
}

TEST(LongPath, NamesAsTheyAre) {
  EXPECT_EQ(os::LongPath("C:/a/../b/file"), L"\\\\?\\C:\\b\\file");
  EXPECT_EQ(os::LongPath("C:\\b\\file. ."), L"\\\\?\\C:\\b\\file. .");
  EXPECT_EQ(os::LongPath("C:\\b\\file "), L"\\\\?\\C:\\b\\file ");
  EXPECT_EQ(os::LongPath("C:\\b\\.."), L"\\\\?\\C:\\");
  EXPECT_EQ(os::LongPath("\\\\host\\share\\x"), L"\\\\?\\UNC\\host\\share\\x");
  EXPECT_EQ(os::LongPath("\\\\.\\pipe\\x"), L"\\\\.\\pipe\\x");
  EXPECT_EQ(os::LongPath("NUL"), L"\\\\.\\NUL");
}

// Wine keeps no list of rights, but a mode: the owner's and everybody's. Who owns a file there is
// always this user; what belongs to others is tried on Windows alone.
TEST(StateFolder, OneThatOthersMayWriteBecomesPrivate) {
  const Scratch scratch;
  const std::string folder = scratch.Path("state");
  ASSERT_TRUE(MakeDirectories(folder, 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/agent.yaml", "x").ok());
  ASSERT_TRUE(MakeDirectories(folder + "/below", 0755).ok());
  Allow(folder, WinWorldSid, FILE_ALL_ACCESS);
  EXPECT_NE(Other(folder), "") << "the test itself";
  ASSERT_TRUE(MakeStateFolder(folder).ok()) << MakeStateFolder(folder);
  EXPECT_EQ(Other(folder), "");
  EXPECT_EQ(ReadFile(folder + "/agent.yaml").value_or(""), "x");
  EXPECT_TRUE(MakeStateFolder(folder).ok());  // Again.
  EXPECT_TRUE(MakeStateFolder(scratch.Path("fresh")).ok());
  EXPECT_EQ(Other(scratch.Path("fresh")), "");
}

TEST(ProgramPlace, OneThatOthersMayReplaceIsRefused) {
  // The scratch folder is in that of temporary files, above which others may write.
  const std::string folder = "C:\\Program Files\\mailquench-test";
  const std::string program = folder + "\\x.exe";
  ASSERT_TRUE(MakeDirectories(folder, 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(program, "MZ", 0755).ok());
  EXPECT_TRUE(CheckProgramPlace(program).ok()) << CheckProgramPlace(program);
  Allow(folder, WinWorldSid, FILE_ALL_ACCESS);
  EXPECT_EQ(ReasonOf(CheckProgramPlace(program)), "PROGRAM_NOT_SAFE");
  Allow(folder, WinWorldSid, FILE_GENERIC_READ | FILE_GENERIC_EXECUTE);
  EXPECT_TRUE(CheckProgramPlace(program).ok()) << CheckProgramPlace(program);
  Allow(program, WinWorldSid, FILE_ALL_ACCESS);
  EXPECT_EQ(ReasonOf(CheckProgramPlace(program)), "PROGRAM_NOT_SAFE");
  EXPECT_TRUE(RemoveFile(program).ok());
  EXPECT_TRUE(absl::IsNotFound(CheckProgramPlace(program)));
  EXPECT_TRUE(RemoveFolder(folder).ok());
}

TEST(EventSource, ThatOfAnotherProgramIsLeft) {
  const std::string name = "MailquenchTestSource";
  const std::wstring key =
      L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" + os::ToWide(name);
  ASSERT_TRUE(AddEventSource(name).ok());
  EXPECT_TRUE(AddEventSource(name).ok());
  ASSERT_TRUE(RemoveEventSource(name).ok());
  constexpr wchar_t kOther[] = L"C:\\other.dll";
  ASSERT_EQ(::RegSetKeyValueW(HKEY_LOCAL_MACHINE, key.c_str(), L"EventMessageFile", REG_SZ, kOther,
                              sizeof kOther),
            ERROR_SUCCESS);
  EXPECT_EQ(ReasonOf(AddEventSource(name)), "SOURCE_OF_ANOTHER");
  EXPECT_TRUE(RemoveEventSource(name).ok());
  EXPECT_EQ(ReasonOf(AddEventSource(name)), "SOURCE_OF_ANOTHER") << "it was removed";
  ::RegDeleteTreeW(HKEY_LOCAL_MACHINE, key.c_str());
}

}  // namespace
}  // namespace mailquench::agent
