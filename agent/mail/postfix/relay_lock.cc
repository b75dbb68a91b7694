#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/relay_traffic.h"
#include "agent/mail/postfix/relay_values.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::size_t kLogTail = std::size_t{8} * 1024 * 1024;

// The re-injection listener keeps the relaying that it needs, for loopback alone: nobody else
// reaches its address.
void KeepReinjection(const Listener& listener,
                     const std::set<std::string>& changed,
                     SettingsDraft* draft) {
  const bool pin_relay = changed.count(kRelay) > 0 && listener.overrides.count(kRelay) == 0;
  if (pin_relay)
    draft->SetOverride(listener.service, kRelay, "permit_mynetworks,reject_unauth_destination");
  if ((pin_relay || changed.count(kNetworks) > 0) && listener.overrides.count(kNetworks) == 0)
    draft->SetOverride(listener.service, kNetworks, Compact(kLoopback));
}

// Overrides beat main.cf, so each that says otherwise gets the lock's value. True where the old
// ones opened the relay.
bool LockListener(const Listener& listener,
                  const Parameters& main,
                  const Parameters& lock,
                  SettingsDraft* draft) {
  bool opened = false;
  for (const auto& [name, value] : lock) {
    const auto it = listener.overrides.find(name);
    if (it != listener.overrides.end() && !SameList(it->second, value))
      draft->SetOverride(listener.service, name, Compact(value));
  }
  const auto networks = listener.overrides.find(kNetworks);
  if (networks != listener.overrides.end() && TrustsStrangers(networks->second)) {
    opened = true;
    if (lock.count(kNetworks) == 0)
      draft->SetOverride(listener.service, kNetworks, Compact(kLoopback));
  }
  if (listener.overrides.count(kRelay) > 0 &&
      LetsStrangersPass(ValueAt(listener, main, kRelay), false) &&
      LetsStrangersPass(ValueAt(listener, main, kRecipient), false))
    opened = true;
  return opened;
}

std::set<std::string> Domains(const std::string& list) {
  std::set<std::string> domains;
  for (const std::string& item : SplitList(list)) {
    if (item.find_first_of("/:") == std::string::npos) domains.insert(absl::AsciiStrToLower(item));
  }
  return domains;
}

absl::Status AddTraffic(const Instance& instance,
                        const Parameters& main,
                        const v1::RelayLock& request,
                        bool loopback_stays,
                        v1::ChangeResult* result) {
  TrafficRules rules;
  rules.instance = instance.name;
  rules.syslog_name = ValueOf(main, "syslog_name");
  rules.accounts_stay = request.mode() == v1::RELAY_MODE_AUTHENTICATED_ONLY;
  for (const char* name : {"mydestination", "virtual_alias_domains", "virtual_mailbox_domains"})
    rules.own_domains.merge(Domains(ValueOf(main, name)));
  rules.relay_domains = Domains(ValueOf(main, "relay_domains"));
  if (request.mode() == v1::RELAY_MODE_LISTED) {
    for (const std::string& client : request.clients()) {
      MQ_ASSIGN_OR_RETURN(const Cidr cidr, ParseClient(client));
      rules.clients_stay.push_back(cidr);
    }
  }
  if (loopback_stays) {  // The content filter's own hand-over is no client that will miss anything.
    rules.clients_stay.push_back(*Cidr::Parse("127.0.0.0/8"));
    rules.clients_stay.push_back(*Cidr::Parse("::1"));
  }
  std::string path = ValueOf(main, "maillog_file");
  if (path.empty() || path.rfind("/dev/", 0) == 0) path = "/var/log/mail.log";
  const absl::StatusOr<std::string> log = ReadTail(path, kLogTail);
  if (!log.ok()) {
    absl::StrAppend(result->mutable_notice(), " Instance ", instance.name, ": ", path,
                    " cannot be read, so who relays today is not known.");
    return absl::OkStatus();
  }
  for (v1::LegitimateUse& use : RelayersIn(*log, rules))
    *result->add_refused_from_now() = std::move(use);
  return absl::OkStatus();
}

absl::Status LockInstance(const Instance& instance,
                          const v1::RelayLock& request,
                          const Parameters& lock,
                          SettingsChange* change) {
  if (!AtLeast(instance.version, 2, 10))
    return Error(absl::StatusCode::kFailedPrecondition, "POSTFIX_TOO_OLD",
                 absl::StrCat("instance ", instance.name, " is Postfix ", instance.version,
                              ", which has no ", kRelay,
                              "; nothing was changed; keep it stopped or update it"));
  MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
  MQ_ASSIGN_OR_RETURN(const Parameters main,
                      EffectiveParameters(instance.config_directory,
                                          {kRelay, kRecipient, kNetworks, kSasl, "syslog_name",
                                           "maillog_file", "mydestination", "relay_domains",
                                           "virtual_alias_domains", "virtual_mailbox_domains"}));
  Parameters wanted = lock;
  std::set<std::string> opened;
  if (TrustsStrangers(ValueOf(main, kNetworks))) {
    opened.insert(absl::StrCat("main.cf:", kNetworks));
    wanted.emplace(kNetworks, kLoopback);
  }
  if (LetsStrangersPass(ValueOf(main, kRelay), false) &&
      LetsStrangersPass(ValueOf(main, kRecipient), false))
    opened.insert(absl::StrCat("main.cf:", kRelay));
  std::set<std::string> changed;
  for (const auto& [name, value] : wanted) {
    if (SameList(ValueOf(main, name), value)) continue;
    draft.Set(name, value);
    changed.insert(name);
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners,
                      FindListeners(instance, draft.master()));
  bool any_exempt = false;
  for (const Listener& listener : listeners) {
    if (listener.exempt) {
      any_exempt = true;
      KeepReinjection(listener, changed, &draft);
      for (const std::string& address : listener.addresses)
        change->result.add_exempt_listeners(address);
    } else if (LockListener(listener, main, lock, &draft)) {
      opened.insert(absl::StrCat("master.cf:", listener.service));
    }
  }
  draft.Emit(opened, change);
  return AddTraffic(instance, main, request, any_exempt, &change->result);
}

std::string Notice(const v1::RelayLock& request) {
  switch (request.mode()) {
    case v1::RELAY_MODE_CLOSED:
      return "Sending to other domains is closed for everybody, with or without a password; mail "
             "for our own "
             "domains still arrives.";
    case v1::RELAY_MODE_AUTHENTICATED_ONLY:
      return "Sending to other domains needs a login; devices and programs that were trusted by "
             "their address "
             "are refused.";
    default:
      return absl::StrCat("Sending to other domains is open only to ",
                          absl::StrJoin(request.clients(), ", "),
                          "; everybody else, with or without a password, is refused.");
  }
}
}  // namespace

absl::StatusOr<SettingsChange> PlanRelayLock(const std::vector<Instance>& instances,
                                             const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const Parameters lock, LockValues(request));
  SettingsChange change;
  change.verify_closed = true;
  change.result.set_notice(Notice(request));
  for (const Instance& instance : instances)
    MQ_RETURN_IF_ERROR(LockInstance(instance, request, lock, &change));
  return change;
}

}  // namespace mailquench::agent::postfix
