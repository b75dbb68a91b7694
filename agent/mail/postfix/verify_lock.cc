#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/candidate.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/relay_values.h"
#include "agent/mail/postfix/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
absl::Status NotLocked(const Instance& instance,
                       const Listener& listener,
                       const std::string& name,
                       const std::string& value) {
  return Error(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_VERIFIED",
               absl::StrCat("listener ", listener.label, " of instance ", instance.name, " has ",
                            name, " = ", value.empty() ? "(empty)" : value,
                            ", which is not what the lock says; nothing was changed; lock again"),
               {{"instance", instance.name}, {"listener", listener.label}, {"parameter", name}});
}
}  // namespace

absl::Status VerifyLocked(const std::vector<Instance>& instances, const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const Parameters lock, LockValues(request));
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(const Parameters main,
                        EffectiveParameters(instance.config_directory, {kRelay, kNetworks, kSasl}));
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    for (const Listener& listener : listeners) {
      if (listener.exempt) continue;
      for (const auto& [name, value] : lock) {
        const std::string now = ValueAt(listener, main, name);
        if (!SameList(now, value)) return NotLocked(instance, listener, name, now);
      }
      const std::string networks = ValueAt(listener, main, kNetworks);
      if (TrustsStrangers(networks)) return NotLocked(instance, listener, kNetworks, networks);
    }
    MQ_RETURN_IF_ERROR(CheckCandidate(instance, {}));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::postfix
