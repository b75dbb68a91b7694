// What a check of blacklists has found, as its answers come.
#ifndef MAILQUENCH_CLI_OUTPUT_CHECK_H_
#define MAILQUENCH_CLI_OUTPUT_CHECK_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "cli/core/session.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::cli {

class CheckOutput {
 public:
  // `all`: CLEAN answers too.
  CheckOutput(Session* session, bool all) : session_(session), all_(all) {}

  void Add(const v1::BlacklistAnswer& answer);
  // On a terminal alone.
  void Progress(std::int64_t asked, std::int64_t count);
  // Writes what is not written yet. kExitSomeFailed: LISTED somewhere that alarms; else
  // kExitSomeUnknown: of some subject fewer than half of its lists have said CLEAN, or it was not
  // asked.
  absl::StatusOr<int> Finish(const v1::BlacklistCheckDone& done);

 private:
  struct Tally {
    std::set<std::string> findings;         // "Spamhaus xbl": the same by whichever zone.
    std::set<std::string> silent_findings;  // Of lists that do not alarm by themselves.
    int clean = 0;
    std::map<v1::BlacklistVerdict, int> others;
  };
  static bool Enough(const Tally& tally);
  std::string Sentence(const std::string& subject, const Tally& tally) const;

  Session* const session_;
  const bool all_;
  bool progress_shown_ = false;
  v1::BlacklistCheckResult result_;
  std::map<std::string, Tally> tallies_;
};

// "listed", "clean": as people write it.
std::string VerdictWord(v1::BlacklistVerdict verdict);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_CHECK_H_
