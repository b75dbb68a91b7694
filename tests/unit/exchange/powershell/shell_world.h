// Shells for tests: a real engine over a small world, and one that misbehaves.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_POWERSHELL_SHELL_WORLD_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_POWERSHELL_SHELL_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/mail/exchange/powershell/session.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// A folder of a test's own, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;
  // "" where it is not there.
  std::string Read(const std::string& name) const;

 private:
  std::string path_;
};

// Two Mailbox servers and an Edge, and the stand-in's PowerShell on one of them.
class ShellWorld {
 public:
  // Of EX1, EX2 or EDGE1 (in a world of its own).
  SessionOptions Options(const std::string& server) const;
  void Faults(const std::string& server, const std::string& json) const;
  void Settings(const std::string& server, const std::string& json) const;
  std::string Calls(const std::string& server) const;  // calls.jsonl
  std::vector<int> Processes() const;                  // Those of its shells that are there.

 private:
  std::string World(const std::string& server) const;
  Folder folder_;
};

// Of fake_shell.py.
SessionOptions FakeOptions(const Folder& folder, const std::string& mode);
// Its log, a line a thing: "start", "call:Get-Queue", "clean", "child:77".
std::vector<std::string> FakeLog(const Folder& folder);
// The process ids in it: of all lines, or of those of children.
std::vector<int> FakePids(const Folder& folder);

// Not there, or dead and not yet reaped by its new parent.
bool IsGone(int pid);

// True where .NET is not on this machine: the test skips itself.
bool NoEngine();

Cmdlet Make(const std::string& name, std::vector<std::pair<std::string, Value>> parameters = {});
Pipeline Local(Cmdlet cmdlet, std::vector<std::string> fields = {});
Pipeline Remote(Cmdlet cmdlet, std::vector<std::string> fields = {});
absl::Time Soon();  // A deadline that only a test that fails meets.

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_POWERSHELL_SHELL_WORLD_H_
