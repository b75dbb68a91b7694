#include "tests/unit/exchange/powershell/shell_world.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/os/process.h"

namespace mailquench::agent::exchange {
Folder::Folder() {
  std::string made = (std::filesystem::temp_directory_path() / "mq shell 'ä XXXXXX").string();
  path_ = ::mkdtemp(made.data());
}
Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
void Folder::Write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
  std::ofstream(Path(name)) << text;
}
std::string Folder::Read(const std::string& name) const {
  std::ostringstream text;
  std::ifstream file(Path(name));
  if (file) text << file.rdbuf();
  return text.str();
}

// Made when it is first asked for: that takes a second.
std::string ShellWorld::World(const std::string& server) const {
  std::string world = server == "EDGE1" ? "edge" : "org";
  if (std::filesystem::exists(folder_.Path(world))) return world;
  std::vector<std::string> argv = {MAILQUENCH_EXCHANGE_SIM, "world", folder_.Path(world)};
  for (const char* one : {"EX1,EX2019,Mailbox", "EX2,EX2013,Mailbox", "EDGE1,EX2019,Edge"}) {
    if (absl::StrContains(one, "Edge") != (server == "EDGE1")) continue;
    argv.emplace_back("--server");
    argv.emplace_back(one);
  }
  const auto made = RunProcess(argv);
  EXPECT_TRUE(made.ok() && made->exit_code == 0) << made.status() << (made.ok() ? made->err : "");
  return world;
}

SessionOptions ShellWorld::Options(const std::string& server) const {
  SessionOptions options;
  options.program = {MAILQUENCH_EXCHANGE_SIM};
  options.environment = {absl::StrCat("MAILQUENCH_EXCHANGE_WORLD=", folder_.Path(World(server))),
                         absl::StrCat("MAILQUENCH_EXCHANGE_SERVER=", server)};
  options.role = server == "EDGE1" ? Role::kEdge : Role::kMailbox;
  options.connection_uri = server == "EX2" ? "http://ex2.contoso.test/PowerShell/"
                                           : "http://ex1.contoso.test/PowerShell/";
  options.install_path = folder_.Path(absl::StrCat(World(server), "/servers/", server));
  options.retry_after = absl::Milliseconds(10);
  return options;
}

void ShellWorld::Faults(const std::string& server, const std::string& json) const {
  folder_.Write(absl::StrCat(World(server), "/servers/", server, "/sim/faults.json"), json);
}
void ShellWorld::Settings(const std::string& server, const std::string& json) const {
  folder_.Write(absl::StrCat(World(server), "/servers/", server, "/sim/shell.json"), json);
}
std::string ShellWorld::Calls(const std::string& server) const {
  return folder_.Read(absl::StrCat(World(server), "/servers/", server, "/sim/calls.jsonl"));
}

SessionOptions FakeOptions(const Folder& folder, const std::string& mode) {
  SessionOptions options;
  options.program = {"python3", MAILQUENCH_FAKE_SHELL, mode, folder.Path("log")};
  options.retry_after = absl::Milliseconds(1);
  return options;
}

std::vector<std::string> FakeLog(const Folder& folder) {
  std::vector<std::string> things;
  for (const absl::string_view line : absl::StrSplit(folder.Read("log"), '\n', absl::SkipEmpty()))
    things.emplace_back(line.substr(0, line.rfind(' ')));
  return things;
}

std::vector<int> FakePids(const Folder& folder) {
  std::vector<int> pids;
  for (const absl::string_view line : absl::StrSplit(folder.Read("log"), '\n', absl::SkipEmpty())) {
    pids.push_back(std::stoi(std::string(line.substr(line.rfind(' ') + 1))));
    absl::string_view child = line;
    if (absl::ConsumePrefix(&child, "child:")) pids.push_back(std::stoi(std::string(child)));
  }
  return pids;
}

std::vector<int> ShellWorld::Processes() const {
  std::vector<int> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::ostringstream text;
    std::ifstream file(entry.path() / "environ");
    if (file) text << file.rdbuf();
    if (absl::StrContains(text.str(), folder_.Path(""))) pids.push_back(pid);
  }
  return pids;
}

bool IsGone(int pid) {
  for (int i = 0; i < 500; ++i) {  // It is init who buries an orphan.
    if (::kill(pid, 0) != 0) return true;
    std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
    std::string text;
    std::getline(stat, text);
    if (text.find(") Z ") != std::string::npos) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

bool NoEngine() {
  return MAILQUENCH_HAS_DOTNET == 0;
}

Cmdlet Make(const std::string& name, std::vector<std::pair<std::string, Value>> parameters) {
  return Cmdlet{name, std::move(parameters)};
}
Pipeline Local(Cmdlet cmdlet, std::vector<std::string> fields) {
  return Pipeline{{std::move(cmdlet)}, std::move(fields), /*local=*/true};
}
Pipeline Remote(Cmdlet cmdlet, std::vector<std::string> fields) {
  return Pipeline{{std::move(cmdlet)}, std::move(fields), /*local=*/false};
}
absl::Time Soon() {
  return absl::Now() + absl::Seconds(60);
}

}  // namespace mailquench::agent::exchange
