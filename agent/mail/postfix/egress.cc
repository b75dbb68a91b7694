#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/egress_request.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/egress_ways.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kBind4[] = "smtp_bind_address";
constexpr char kBind6[] = "smtp_bind_address6";
constexpr char kHelo[] = "smtp_helo_name";
constexpr char kRelayhost[] = "relayhost";

// smtp_bind_address may be in brackets (postconf(5)).
std::string Bare(const std::string& value) {
  return value.size() > 2 && value.front() == '[' && value.back() == ']'
             ? value.substr(1, value.size() - 2)
             : value;
}

// The form for relayhost (postconf(5)): brackets say that no MX is looked for.
std::string Nexthop(const EgressRequest& wanted) {
  const bool brackets = wanted.smarthost_is_address || wanted.smarthost_in_brackets;
  return absl::StrCat(brackets ? "[" : "", wanted.smarthost, brackets ? "]" : "",
                      wanted.smarthost_port == 0 ? "" : absl::StrCat(":", wanted.smarthost_port));
}

bool UsesFamily(const std::string& inet_protocols, bool v6) {
  const std::vector<std::string> protocols = SplitList(inet_protocols);
  return std::any_of(protocols.begin(), protocols.end(), [v6](const std::string& one) {
    return one == "all" || one == (v6 ? "ipv6" : "ipv4");
  });
}

class InstanceEgress {
 public:
  InstanceEgress(const Instance& instance,
                 const EgressRequest& wanted,
                 SettingsDraft draft,
                 const Parameters& main)
      : instance_(instance), wanted_(wanted), draft_(std::move(draft)), main_(main) {}

  bool CanUseSource() const {
    return UsesFamily(ValueOf(main_, "inet_protocols"), wanted_.source_v6);
  }

  void Plan(SettingsChange* change) {
    if (!wanted_.source.empty()) SetSource();
    if (!wanted_.helo_name.empty()) {
      Set(kHelo, wanted_.helo_name,
          [&](const std::string& now) { return absl::EqualsIgnoreCase(now, wanted_.helo_name); });
    }
    if (wanted_.ChangesRoute()) SetRoute();
    draft_.Emit({}, change);
  }

  std::vector<std::string> notices() const { return notices_; }

 private:
  template <typename Same>
  void Set(const std::string& name, const std::string& value, const Same& same) {
    if (!same(ValueOf(main_, name))) draft_.Set(name, value);
    std::vector<std::string> own;
    for (const MasterCf::Service& service : draft_.master().Services()) {
      const auto it = service.overrides.find(name);
      if (service.command != "smtp" || it == service.overrides.end() || same(it->second)) continue;
      if (filters_.count(service.name) > 0) continue;
      draft_.SetOverride(service.key, name, value);
      own.push_back(service.name);
    }
    if (!own.empty())
      notices_.push_back(absl::StrCat("had a ", name, " of its own in master.cf, and has ", value,
                                      " now: ", absl::StrJoin(own, ", ")));
  }

  void SetSource() {
    const std::string name = wanted_.source_v6 ? kBind6 : kBind4;
    const auto same = [&](const std::string& value) { return Bare(value) == wanted_.source; };
    KeepFilters(name, same);
    Set(name, wanted_.source, same);
    if (!CanUseSource())
      notices_.push_back(absl::StrCat("inet_protocols is ", ValueOf(main_, "inet_protocols"),
                                      ", so that nothing is sent from ", wanted_.source));
    if (UsesFamily(ValueOf(main_, "inet_protocols"), !wanted_.source_v6)) {
      const std::string other = Bare(ValueOf(main_, wanted_.source_v6 ? kBind4 : kBind6));
      notices_.push_back(absl::StrCat("what goes over ", wanted_.source_v6 ? "IPv4" : "IPv6",
                                      " still leaves from ",
                                      other.empty() ? "whatever address the system takes" : other));
    }
    TellInterface();
  }

  // Postfix sends from the one address of inet_interfaces where nothing else is said, and listens
  // there alone.
  void TellInterface() {
    const std::vector<std::string> names = SplitList(ValueOf(main_, "inet_interfaces"));
    std::vector<std::string> family;
    for (const std::string& one : names) {
      const std::optional<Cidr> cidr = Cidr::Parse(one);
      if (!cidr.has_value()) return;  // all, loopback-only, or a name.
      if (cidr->v6 == wanted_.source_v6) family.push_back(cidr->Address());
    }
    if (family.size() != 1 || Cidr::Parse(family[0])->IsLoopback() || family[0] == wanted_.source)
      return;
    notices_.push_back(absl::StrCat("inet_interfaces is ", family[0],
                                    " alone, from where mail left until now: nothing listens at ",
                                    wanted_.source, ", so that no MX may lead there"));
  }

  // A content filter on loopback lets in whom it knows by his address: its transport keeps its own.
  template <typename Same>
  void KeepFilters(const std::string& name, const Same& same) {
    const std::string now = ValueOf(main_, name);
    for (const FilterWay& way : FilterWays(draft_.master(), main_)) {
      if (!way.to_loopback) continue;
      if (!way.of_its_own) {
        notices_.push_back(absl::StrCat("the content filter ", way.text,
                                        " is spoken to from that address too: see that it takes "
                                        "mail from there"));
        continue;
      }
      filters_.insert(way.transport);
      const std::string key = absl::StrCat(way.transport, "/unix");
      const std::optional<MasterCf::Service> service = draft_.master().Find(key);
      if (service.has_value() && service->overrides.count(name) == 0 && !same(now))
        draft_.SetOverride(key, name, now);
    }
  }

  void SetRoute() {
    const std::string value = wanted_.direct ? "" : Nexthop(wanted_);
    const auto same = [&](const std::string& now) { return absl::EqualsIgnoreCase(now, value); };
    if (!same(ValueOf(main_, kRelayhost))) draft_.Set(kRelayhost, value);
    for (const MasterCf::Service& service : draft_.master().Services()) {
      const auto it = service.overrides.find(kRelayhost);
      if (service.command == "trivial-rewrite" && it != service.overrides.end() &&
          !same(it->second))
        draft_.SetOverride(service.key, kRelayhost, value);
    }
    for (std::string& one : OtherWays(draft_.master(), main_, wanted_))
      notices_.push_back(std::move(one));
  }

  const Instance& instance_;
  const EgressRequest& wanted_;
  SettingsDraft draft_;
  const Parameters& main_;
  std::set<std::string> filters_;  // Transports that are left as they are.
  std::vector<std::string> notices_;
};

std::string Notice(const EgressRequest& wanted) {
  std::vector<std::string> parts;
  if (!wanted.source.empty()) parts.push_back(absl::StrCat("leaves from ", wanted.source));
  if (!wanted.helo_name.empty()) parts.push_back(absl::StrCat("says the name ", wanted.helo_name));
  if (wanted.direct) parts.emplace_back("goes straight to its receivers");
  if (!wanted.smarthost.empty())
    parts.push_back(absl::StrCat("goes through ", SmarthostWords(wanted)));
  return absl::StrCat("Mail to other hosts ", absl::StrJoin(parts, " and "), ".");
}
}  // namespace

absl::StatusOr<SettingsChange> PlanEgress(const std::vector<Instance>& instances,
                                          const v1::EgressSet& request,
                                          const std::vector<std::string>& own_addresses) {
  MQ_ASSIGN_OR_RETURN(const EgressRequest wanted, ReadEgressRequest(request));
  MQ_RETURN_IF_ERROR(CheckOwnAddresses(wanted, own_addresses));
  std::vector<std::string> names = {kBind4, kBind6, kHelo, "inet_protocols", "inet_interfaces"};
  for (const char* name : kWayParameters) names.emplace_back(name);
  SettingsChange change;
  std::string notice = Notice(wanted);
  bool usable = wanted.source.empty();
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
    MQ_ASSIGN_OR_RETURN(const Parameters main,
                        EffectiveParameters(instance.config_directory, names));
    if (absl::EqualsIgnoreCase(wanted.smarthost, ValueOf(main, "myhostname")))
      return Error(absl::StatusCode::kInvalidArgument, "SMARTHOST_IS_THIS_HOST",
                   absl::StrCat("the smarthost ", wanted.smarthost, " is instance ", instance.name,
                                " itself, so that mail would go in a circle; nothing was changed; "
                                "'direct' sends without a smarthost"));
    InstanceEgress one(instance, wanted, std::move(draft), main);
    usable |= one.CanUseSource();
    one.Plan(&change);
    for (const std::string& text : one.notices())
      absl::StrAppend(&notice, " Instance ", instance.name, ": ", text, ".");
  }
  if (!usable)
    return Error(absl::StatusCode::kFailedPrecondition, "FAMILY_NOT_USED",
                 absl::StrCat("inet_protocols keeps Postfix from sending over ",
                              wanted.source_v6 ? "IPv6" : "IPv4",
                              ", so that nothing would leave "
                              "from ",
                              wanted.source,
                              "; nothing was changed; name an address of "
                              "the other family, or change inet_protocols and restart Postfix"));
  change.result.set_notice(notice);
  return change;
}

}  // namespace mailquench::agent::postfix
