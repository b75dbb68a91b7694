// The hosts that have enrolled: labels, state, presence and what they last said.
#ifndef MAILQUENCH_CONTROLLER_FLEET_HOSTS_H_
#define MAILQUENCH_CONTROLLER_FLEET_HOSTS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/fleet/fleet_copy.h"
#include "controller/fleet/link.h"
#include "controller/store/store.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

// Thread-safe. Reads are from memory; changes are in the store when they return. `online` in what
// is returned is the link's answer of now.
class Hosts {
 public:
  static absl::StatusOr<std::unique_ptr<Hosts>> Open(Store* store, FleetLink* link, Clock* clock);

  std::vector<v1::Host> All();
  // All, without what they can do. Takes no time where little has changed since the last one.
  FleetCopy Fleet();
  // Those that are wanted, by name. `wanted` may ask nothing of this class.
  std::vector<v1::Host> Where(const std::function<bool(const v1::Host&)>& wanted);
  absl::StatusOr<v1::Host> Find(const std::string& name_or_id);
  // Active hosts that match the selector, and the named ones, each once, by name. Errors:
  // kNotFound/NO_HOST_MATCHED (none; says which label key no host has), kInvalidArgument.
  absl::StatusOr<std::vector<v1::Host>> Choose(const std::string& selector,
                                               const std::vector<std::string>& names);

  absl::Status Upsert(const std::string& host_id,
                      const std::string& name,
                      const std::map<std::string, std::string>& labels,
                      const std::string& serial);
  // Registers a host without an agent, as `actor` wishes; the caller has looked at the platform.
  // One that was evicted is the same host again. Errors: kInvalidArgument (BAD_HOSTNAME, BAD_LABEL,
  // BAD_LISTENER, BAD_SUBJECT), kAlreadyExists/HOST_NAME_TAKEN, kPermissionDenied/HOST_BANNED.
  absl::StatusOr<v1::Host> AddManual(const v1::AddManualHostRequest& request,
                                     const std::string& actor);
  absl::Status SetState(const std::string& host_id, v1::HostState state);
  absl::StatusOr<v1::Host> SetLabels(const v1::SetLabelsRequest& request);
  // Replaces what was set. Error: kInvalidArgument/BAD_SUBJECT.
  absl::StatusOr<v1::Host> SetMailIdentity(const v1::SetMailIdentityRequest& request);
  // A probe from outside was answered at `address` with this banner. Kept where it names the host,
  // forgotten where it names another one.
  void Greeted(const std::string& host_id, const std::string& address, const std::string& banner);
  bool IsActive(const std::string& host_id);
  std::string SerialOf(const std::string& host_id);

  void Connected(const std::string& host_id, const v1::Hello& hello);
  void Disconnected(const std::string& host_id);
  // True: what has drifted is not what the heartbeat before said.
  bool Beat(const std::string& host_id, const v1::Heartbeat& heartbeat);

 private:
  Hosts(Store* store, FleetLink* link, Clock* clock) : store_(store), link_(link), clock_(clock) {}
  bool IsOnline(const v1::Host& host);
  v1::Host Shown(v1::Host host);
  // For a change of it; made where there is none. Holds mu_.
  Store::HostRow& Edit(const std::string& host_id);
  // kAlreadyExists or kPermissionDenied where another host stands in the way. Holds mu_.
  absl::Status MayBeNamed(const std::string& host_id, const std::string& name);

  Store* const store_;
  FleetLink* const link_;
  Clock* const clock_;
  std::mutex mu_;  // After the store's, where both are held: a change of the store asks for hosts.
  std::map<std::string, Store::HostRow> hosts_;  // By id. Changed by Edit() alone.
  FleetCopies copies_;
};

// kInvalidArgument/BAD_LABEL: what a selector could not name again is refused.
absl::Status CheckLabel(const std::string& key, const std::string& value);
// The same identity as subjects write it. kInvalidArgument/BAD_SUBJECT.
absl::StatusOr<v1::MailIdentity> CheckedIdentity(const v1::MailIdentity& identity);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_HOSTS_H_
