// An Exchange organisation in one file, and a shell that knows just the cmdlets of the settings. It
// is stricter than the real one where that finds faults: a change without -Confirm:$false, an
// unknown parameter and a combination that Exchange refuses are errors.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_FAKE_ORGANISATION_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_FAKE_ORGANISATION_H_

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Shared by all shells, also those of other processes.
class FakeOrganisation {
 public:
  // In a temporary file of its own: EX1 and EX2 as setup makes them.
  FakeOrganisation();
  ~FakeOrganisation();
  FakeOrganisation(const FakeOrganisation&) = delete;
  FakeOrganisation& operator=(const FakeOrganisation&) = delete;

  nlohmann::json Read() const;
  void Change(const std::function<void(nlohmann::json&)>& change);
  // Of EX1 unless said otherwise; with the entries that its groups write.
  void AddConnector(nlohmann::json connector, const std::string& server = "EX1");
  nlohmann::json Connector(const std::string& name, const std::string& server = "EX1") const;
  void ChangeConnector(const std::string& name, const std::function<void(nlohmann::json&)>& change);

 private:
  std::string path_;
};

// What PermissionGroups writes, as documented, in part.
nlohmann::json PresetEntries(const std::string& groups);

class FakeShell : public Shell {
 public:
  enum class Fault {
    kHang,     // Not done, SHELL_TIMED_OUT.
    kLate,     // Done, SHELL_TIMED_OUT.
    kDrop,     // Done, SESSION_LOST.
    kDie,      // Not done, SHELL_ENDED.
    kError,    // Not done, CMDLET_FAILED.
    kIgnored,  // Not done, no error.
  };
  FakeShell(FakeOrganisation& organisation, std::string server, bool edge = false)
      : organisation_(organisation), server_(std::move(server)), edge_(edge) {}

  absl::StatusOr<Answer> Run(const Pipeline& pipeline, absl::Time deadline) override;
  absl::StatusOr<ShellFacts> Facts(absl::Time /*deadline*/) override { return ShellFacts(); }

  // At the nth call of that cmdlet from now on (1 is the next).
  void FailAt(const std::string& cmdlet, int nth, Fault fault) { faults_[cmdlet][nth] = fault; }
  // Done before the next call of that cmdlet: somebody else's work.
  void Before(const std::string& cmdlet, std::function<void()> work) {
    before_[cmdlet] = std::move(work);
  }
  const std::vector<std::string>& calls() const { return calls_; }
  int CallsOf(const std::string& start) const;

 private:
  absl::StatusOr<Answer> Do(const Cmdlet& cmdlet, const std::vector<std::string>& fields);

  FakeOrganisation& organisation_;
  const std::string server_;
  const bool edge_;
  std::map<std::string, std::map<int, Fault>> faults_;
  std::map<std::string, std::function<void()>> before_;
  std::vector<std::string> calls_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_SETTINGS_FAKE_ORGANISATION_H_
