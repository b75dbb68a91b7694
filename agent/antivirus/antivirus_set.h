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

  // Those that the host has now.
  std::vector<Antivirus*> Present() const;
  Antivirus* second_opinion() const { return second_opinion_.get(); }

  // The first that scans on request and runs; else the first that scans; else the first that is
  // there, which says itself that it does not. kFailedPrecondition/NO_ANTIVIRUS.
  absl::StatusOr<Antivirus*> ToScan() const;
  // The same of those that judge streams. Errors: NO_ANTIVIRUS, kUnimplemented/NO_STREAMS.
  absl::StatusOr<Antivirus*> ToJudge() const;

 private:
  std::vector<std::unique_ptr<Antivirus>> residents_;
  std::unique_ptr<Antivirus> second_opinion_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_SET_H_
