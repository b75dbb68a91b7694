// The primaries of the configured zones with their keys, and what they have.
#ifndef MAILQUENCH_CONTROLLER_MX_PRIMARIES_H_
#define MAILQUENCH_CONTROLLER_MX_PRIMARIES_H_

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/dns/look.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

// Keys are read from their files at the first use of each object, so that a new one counts at the
// next plan or pass. Thread-safe.
class Primaries {
 public:
  Primaries(const Options* options, Lookups* lookups) : options_(options), lookups_(lookups) {}

  // Of a zone that is changed by update. Errors: those of dns::TsigKey::Load().
  absl::StatusOr<dns::Primary> Of(const Zone& zone);
  // What is there now, each once: signed where the zone has a key, else as AskAuthority(). Errors:
  // those of both; FAILED_PRECONDITION/RECORD_IS_ALIAS.
  absl::StatusOr<v1::RecordSet> Current(const std::string& name,
                                        const std::string& type,
                                        absl::Time now);

 private:
  absl::StatusOr<v1::RecordSet> AskNow(const std::string& name,
                                       const std::string& type,
                                       absl::Time now);

  const Options* const options_;
  Lookups* const lookups_;
  std::mutex mu_;
  std::map<std::string, absl::StatusOr<dns::TsigKey>> keys_;  // By file. Guarded by mu_.
  std::map<std::pair<std::string, std::string>, absl::StatusOr<v1::RecordSet>> kept_;
};

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_PRIMARIES_H_
