// The antivirus products of one host.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_SET_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_SET_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/antivirus/antivirus.h"

namespace mailquench::agent {

// Thread-safe as its products are.
class AntivirusSet {
 public:
  AntivirusSet() = default;
  // In the order in which they are asked to scan. `second_opinion` may be null.
  AntivirusSet(std::vector<std::unique_ptr<Antivirus>> residents,
               std::unique_ptr<Antivirus> second_opinion)
      : residents_(std::move(residents)), second_opinion_(std::move(second_opinion)) {}

  struct Seen {
    Antivirus* antivirus = nullptr;
    std::vector<v1::AntivirusProduct> products;  // At least one.
  };
  // Those that the host has now. Each is asked once.
  std::vector<Seen> Look(const WorkContext& context) const;
  Antivirus* second_opinion() const { return second_opinion_.get(); }

  // Of those that were seen: the first that scans on request and runs; else the first that scans;
  // else the first, which says itself that it does not. Errors:
  // kFailedPrecondition/NO_ANTIVIRUS.
  static absl::StatusOr<Seen> ToScan(std::vector<Seen> seen);
  // The same of those that judge streams; the others are asked only where there is none. Errors:
  // NO_ANTIVIRUS, kUnimplemented/NO_STREAMS.
  absl::StatusOr<Seen> ToJudge(const WorkContext& context) const;
  // Whether there is one that judges streams, running or not. Starts no command.
  bool MayJudge() const;

 private:
  std::vector<std::unique_ptr<Antivirus>> residents_;
  std::unique_ptr<Antivirus> second_opinion_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_SET_H_
