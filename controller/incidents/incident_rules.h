// The questions about runs on which an incident's state turns. Pure; any thread.
#ifndef MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_
#define MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_

#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

bool IsContaining(const v1::Operation& operation);
// Every containing step of every host has gone well.
bool AllContained(const v1::Run& run);

// What the runs of an incident come to, host by host: a run over some of the hosts says nothing of
// the others.
class FleetPicture {
 public:
  // Oldest first: what a later run says of a host counts.
  void Add(const v1::Run& run);
  // A host that is evicted or banned is nobody's to contain.
  void Forget(const std::string& host_id) {
    hosts_.erase(host_id);
    calm_.erase(host_id);
  }
  // Hosts that a containing step was meant for and that are not contained, by name; "": none.
  std::string NotContained() const;
  // Contained hosts whose queue was not seen quiet since, by name; "": none.
  std::string NotQuiet() const;
  bool Contained(const std::string& host_id) const;
  // No later watch has seen it quiet.
  bool Refilling(const std::string& host_id) const;
  // Since when a contained host is quiet: the end of the run that first saw it so. It stays quiet
  // when its settings are put back. Nothing where it is not contained, or not seen quiet since.
  std::optional<absl::Time> QuietSince(const std::string& host_id) const;

 private:
  struct Calm {
    bool contained = false;
    std::optional<absl::Time> quiet_since;
  };
  struct Host {
    std::string name;
    bool contained = false;
    bool quiet = false;
    bool refilling = false;
  };
  std::string Names(bool Host::*wanted) const;
  void AddCalm(const v1::Run& run, const v1::RunHost& host, bool begun, bool contained);
  std::map<std::string, Host> hosts_;  // By host id. A host whose settings are back leaves it.
  std::map<std::string, Calm> calm_;   // By host id.
};

// Every host of the run has this block, so that what it names is shut.
bool BlockedEverywhere(const v1::Run& run, const v1::Operation& block);
// Whether the cause is this setting of its host ("HOST INSTANCE KEY").
bool IsSetting(const v1::Cause& cause, const std::string& instance, const std::string& key);
// Sets the state; time and duration only the first time.
void MarkContained(absl::Time now, v1::Incident* incident);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_
