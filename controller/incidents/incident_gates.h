// Whether the attack on a host is over: what a request to be taken off a blacklist waits for.
#ifndef MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_GATES_H_
#define MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_GATES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/incidents/incident_rules.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct AttackGate {
  enum class Kind {
    kNone,    // No incident tells of these hosts.
    kGoesOn,  // `why`: one clause.
    kOver,    // Contained, seen quiet, and every cause resolved, since `since`.
  };
  Kind kind = Kind::kNone;
  std::string incident_id;
  std::string why;
  absl::Time since = absl::InfinitePast();
};

// The incidents of one moment, read once for many questions.
class Gates {
 public:
  // `joined`: incidents that are looked at even when they were closed long ago.
  static absl::StatusOr<Gates> Read(Store* store,
                                    absl::Time now,
                                    const std::set<std::string>& joined);

  // Open incidents that cover one of the hosts decide, `joined` first, then the newest: one that
  // goes on is enough. Where there is none, one that was closed after its end counts as over, if
  // it is `joined` or was closed in the last 7 days.
  AttackGate Of(const std::set<std::string>& host_ids, const std::string& joined = "") const;
  // Whether it is still open; false where there is no such incident.
  bool IsOpen(const std::string& incident_id) const;

 private:
  struct Attack {
    v1::Incident incident;
    FleetPicture picture;
    std::map<std::string, std::string> covered;  // Hosts of its runs and debts: id, name.
    bool open = false;
  };
  AttackGate GateOf(const Attack& attack, const std::set<std::string>& host_ids) const;

  std::vector<Attack> attacks_;  // Newest first.
  std::set<std::string> gone_;   // Hosts that are evicted or banned.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_GATES_H_
