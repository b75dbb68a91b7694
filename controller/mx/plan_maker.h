// The records of one plan, found step by step: for the files of plan*.cc alone.
#ifndef MAILQUENCH_CONTROLLER_MX_PLAN_MAKER_H_
#define MAILQUENCH_CONTROLLER_MX_PLAN_MAKER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "controller/mx/plan_request.h"
#include "controller/mx/primaries.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

inline constexpr int kAskTogether = 32;

// As the messages have them.
std::vector<std::string> ValuesOf(const v1::RecordSet& set);
// NOT_FOUND/ZONE_NOT_CONFIGURED; `why`: one clause.
absl::Status NotConfigured(const std::string& name, const std::string& why);

// Used once.
class PlanMaker {
 public:
  PlanMaker(const Options& options,
            Lookups* lookups,
            Primaries* primaries,
            SwitchWish wish,
            absl::Time now)
      : options_(options),
        lookups_(lookups),
        primaries_(primaries),
        wish_(std::move(wish)),
        now_(now) {}

  absl::StatusOr<std::vector<v1::SwitchRecord>> Make();

 private:
  // Where mail goes (plan_routes.cc).
  absl::Status LookAtDomains();
  // Hosts that mail of the domain goes to, by its MX.
  absl::StatusOr<std::vector<std::string>> HostsOf(const std::string& domain);
  absl::Status ChangeAddresses();
  absl::Status ChangeAddress(const std::string& host);
  absl::Status ChangeExchangers();
  // Whether mail goes to the old address by this host; all do where none is named.
  bool Leaves(const std::string& host);
  // Where it comes from (plan_sending.cc).
  absl::Status ChangeSpf();
  std::string SpfFor(const std::string& text, bool passes) const;
  absl::Status ChangePtr();
  absl::StatusOr<std::string> PtrOwner(const std::string& name);
  // Both.
  absl::Status FetchAll(const std::vector<std::pair<std::string, std::string>>& questions);
  absl::Status Add(const v1::RecordSet& before,
                   const std::vector<std::string>& values,
                   const std::string& purpose,
                   std::vector<v1::SwitchRecord>* records);
  void AssumeDone(const v1::SwitchRecord& one);
  // Zone, way and old TTL of each; where TTLs are lowered first, records that do it.
  absl::Status Complete(std::vector<v1::SwitchRecord>* records);

  const Options& options_;
  Lookups* const lookups_;
  Primaries* const primaries_;
  const SwitchWish wish_;
  const absl::Time now_;
  std::string host_;  // That has the address: what its reverse name is to be.
  std::vector<v1::SwitchRecord> spf_, ptr_, addresses_, exchangers_;
};

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_PLAN_MAKER_H_
