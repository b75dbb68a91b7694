#include "controller/mx/preflight.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/mx/domain_view.h"
#include "controller/mx/smtp_look.h"
#include "controller/mx/spf.h"
#include "controller/mx/values.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

using v1::CHECK_STATE_FAILED;
using v1::CHECK_STATE_PASSED;
using v1::CHECK_STATE_UNKNOWN;

void ReverseChecks(const v1::MailAddressView& view, std::vector<v1::Check>* checks) {
  const std::string& address = view.address();
  const std::string names = absl::StrJoin(view.ptr(), ", ");
  const bool unknown = view.ptr().empty() && !view.problem().empty() &&
                       view.problem().find("not known") != std::string::npos;
  if (unknown) {
    checks->push_back(MakeCheck("fcrdns", address, CHECK_STATE_UNKNOWN, view.problem(),
                                "ask again; see the resolvers"));
  } else if (view.forward_confirmed()) {
    checks->push_back(MakeCheck("fcrdns", address, CHECK_STATE_PASSED,
                                absl::StrCat(address, " is ", names, ", and that leads back")));
  } else {
    checks->push_back(MakeCheck(
        "fcrdns", address, CHECK_STATE_FAILED,
        view.ptr().empty() ? absl::StrCat(address, " has no reverse name (PTR)")
                           : absl::StrCat("its reverse name ", names, " does not lead back to it"),
        view.ptr().empty()
            ? "have its provider set the PTR to the name that the server says in HELO"
            : "give that name this address, or have the provider correct the PTR"));
  }
  if (view.ptr().empty()) {
    checks->push_back(MakeCheck("generic-ptr", address, CHECK_STATE_UNKNOWN,
                                "there is no reverse name to judge", "see fcrdns"));
  } else if (view.generic_ptr()) {
    checks->push_back(MakeCheck("generic-ptr", address, CHECK_STATE_FAILED,
                                absl::StrCat(names, " looks like a name of a pool"),
                                "have the provider set a name of your own"));
  } else {
    checks->push_back(MakeCheck("generic-ptr", address, CHECK_STATE_PASSED, names));
  }
}

// RFC 5321 section 4.1.4; that it equals the reverse name is what receivers ask beyond it.
v1::Check HeloCheck(Lookups* lookups,
                    const v1::MailAddressView& view,
                    const Address& address,
                    const std::string& wanted) {
  const std::string helo =
      !wanted.empty() ? Plain(wanted) : (view.ptr().empty() ? "" : view.ptr(0));
  if (helo.empty())
    return MakeCheck("helo", address.text, CHECK_STATE_UNKNOWN,
                     "it is not known what the server says in HELO",
                     "name it with --helo, or have a PTR set");
  bool known = false;
  const auto addresses = lookups->Addresses(helo, address.type(), &known);
  if (!known)
    return MakeCheck("helo", helo, CHECK_STATE_UNKNOWN,
                     absl::StrCat(helo, " could not be asked for"), "ask again; see the resolvers");
  if (std::find(addresses.begin(), addresses.end(), address.text) == addresses.end())
    return MakeCheck(
        "helo", helo, CHECK_STATE_FAILED,
        absl::StrCat(helo,
                     addresses.empty() ? " has no such address"
                                       : absl::StrCat(" leads to ", absl::StrJoin(addresses, ", ")),
                     ", not to ", address.text),
        "give the name this address, or let the server say another name in HELO");
  if (std::find(view.ptr().begin(), view.ptr().end(), helo) == view.ptr().end())
    return MakeCheck("helo", helo, CHECK_STATE_FAILED,
                     absl::StrCat(helo, " leads to ", address.text, ", whose reverse name is ",
                                  view.ptr().empty() ? "missing" : absl::StrJoin(view.ptr(), ", ")),
                     "have the PTR set to the name that the server says in HELO");
  return MakeCheck("helo", helo, CHECK_STATE_PASSED,
                   absl::StrCat(helo, " leads to ", address.text, " and is its reverse name"));
}

v1::Check SpfCheck(Lookups* lookups, const std::string& domain, const PreflightWish& wish) {
  const std::string id = absl::StrCat("spf:", domain);
  const SpfAnswer worst = CountSpf(lookups, domain);
  const SpfAnswer answer = CheckSpf(lookups, {wish.address, domain, "", wish.helo_name});
  if (answer.result == SpfResult::kTempError || worst.result == SpfResult::kTempError)
    return MakeCheck(id, domain, CHECK_STATE_UNKNOWN,
                     absl::StrCat("SPF of ", domain, " could not be asked for: ",
                                  answer.problem.empty() ? worst.problem : answer.problem),
                     "ask again; see the resolvers");
  if (answer.result == SpfResult::kNone)
    return MakeCheck(id, domain, CHECK_STATE_FAILED, absl::StrCat(domain, " has no SPF record"),
                     absl::StrCat("publish a TXT such as \"v=spf1 ip",
                                  wish.address.find(':') == std::string::npos ? "4:" : "6:",
                                  wish.address, " -all\""));
  if (worst.result == SpfResult::kPermError || answer.result == SpfResult::kPermError)
    return MakeCheck(id, domain, CHECK_STATE_FAILED,
                     absl::StrCat("the SPF record of ", domain, ": ",
                                  worst.problem.empty() ? answer.problem : worst.problem),
                     "mend the record: replace include, a and mx by ip4 and ip6 where there are "
                     "too many look-ups");
  if (answer.result != SpfResult::kPass)
    return MakeCheck(id, domain, CHECK_STATE_FAILED,
                     absl::StrCat("SPF of ", domain, " says ", SpfResultName(answer.result), " of ",
                                  wish.address, answer.term.empty() ? "" : ", by ", answer.term),
                     "put the address into the record, before the term that refuses it");
  return MakeCheck(
      id, domain, CHECK_STATE_PASSED,
      absl::StrCat("pass, by ", answer.term, ", ", worst.lookups, " look-ups at most"));
}

// What the host `vantage` sees there, which is another place than ours.
absl::StatusOr<SmtpLook> LookFrom(const Options& options,
                                  const PreflightHands& hands,
                                  const PreflightWish& wish,
                                  const std::string& address) {
  if (!hands.probe) return absl::UnavailableError("no host can be asked");
  const bool is_v6 = address.find(':') != std::string::npos;
  MQ_ASSIGN_OR_RETURN(const v1::ListenerProbe probe,
                      hands.probe(wish.vantage,
                                  is_v6 ? absl::StrCat("[", address, "]:", options.smtp_port)
                                        : absl::StrCat(address, ":", options.smtp_port),
                                  wish.actor));
  SmtpLook look;
  look.banner = Harmless(probe.banner());
  look.answered = absl::StartsWith(probe.banner(), "220");
  look.reply = Harmless(probe.reply());
  if (probe.verdict() == v1::RELAY_VERDICT_OPEN) look.relay = SmtpLook::Relay::kOpen;
  if (probe.verdict() == v1::RELAY_VERDICT_CLOSED) look.relay = SmtpLook::Relay::kClosed;
  return look;
}

void InboundChecks(const Options& options,
                   const PreflightHands& hands,
                   const PreflightWish& wish,
                   const std::string& address,
                   std::vector<v1::Check>* checks) {
  const absl::StatusOr<SmtpLook> seen =
      wish.vantage.empty() ? LookAtSmtp(address, options.smtp_port, options.smtp_limit)
                           : LookFrom(options, hands, wish, address);
  if (!seen.ok()) {
    for (const char* id : {"port25", "relay"})
      checks->push_back(
          MakeCheck(id, address, CHECK_STATE_UNKNOWN,
                    absl::StrCat("it could not be asked from ", Harmless(wish.vantage), ": ",
                                 seen.status().message()),
                    "name another host, or leave --vantage out, so that the "
                    "controller asks"));
    return;
  }
  const SmtpLook& look = *seen;
  if (!look.answered) {
    checks->push_back(MakeCheck(
        "port25", address, CHECK_STATE_FAILED,
        absl::StrCat("port 25 does not take mail: ", look.reply),
        "start the mail server there, and let port 25 through every firewall on the way"));
    checks->push_back(MakeCheck("relay", address, CHECK_STATE_UNKNOWN, "port 25 could not be asked",
                                "see port25"));
    return;
  }
  checks->push_back(MakeCheck("port25", address, CHECK_STATE_PASSED, look.banner));
  switch (look.relay) {
    case SmtpLook::Relay::kClosed:
      checks->push_back(MakeCheck("relay", address, CHECK_STATE_PASSED, look.reply));
      break;
    case SmtpLook::Relay::kOpen:
      checks->push_back(MakeCheck("relay", address, CHECK_STATE_FAILED,
                                  absl::StrCat("it takes mail for strangers: ", look.reply),
                                  "close the relay there first; if the controller's own address is "
                                  "trusted there, ask from a host that is not and waive this"));
      break;
    case SmtpLook::Relay::kUnknown:
      checks->push_back(MakeCheck(
          "relay", address, CHECK_STATE_UNKNOWN,
          absl::StrCat("whether it relays for strangers cannot be told from: ", look.reply),
          "ask it from a host of the fleet with `mailquench relay probe`, and waive this"));
      break;
  }
}

v1::Check AttackCheck(const PreflightHands& hands, const PreflightWish& wish) {
  const auto gate =
      hands.attack
          ? hands.attack(wish.incident_id, wish.domains)
          : absl::StatusOr<AttackGate>(absl::UnavailableError("incidents cannot be looked at"));
  if (!gate.ok())
    return MakeCheck("attack", wish.incident_id, CHECK_STATE_UNKNOWN,
                     std::string(gate.status().message()), "name the incident with --incident");
  switch (gate->kind) {
    case AttackGate::Kind::kGoesOn:
      return MakeCheck("attack", gate->incident_id, CHECK_STATE_FAILED,
                       absl::StrCat("the attack goes on: ", gate->why),
                       "contain the hosts and resolve the causes first: a new address is listed "
                       "within the hour else");
    case AttackGate::Kind::kOver:
      return MakeCheck("attack", gate->incident_id, CHECK_STATE_PASSED,
                       "contained, seen quiet, and every cause resolved");
    case AttackGate::Kind::kNone:
      break;
  }
  return MakeCheck("attack", "", CHECK_STATE_PASSED, "no incident tells of these hosts");
}

}  // namespace

v1::Check MakeCheck(const std::string& id,
                    const std::string& subject,
                    v1::CheckState state,
                    const std::string& found,
                    const std::string& remedy) {
  v1::Check check;
  check.set_check_id(id);
  check.set_subject(subject);
  check.set_state(state);
  check.set_found(found);
  check.set_remedy(remedy);
  return check;
}

bool Passed(const std::vector<v1::Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const v1::Check& one) {
    return one.state() == v1::CHECK_STATE_PASSED || one.state() == v1::CHECK_STATE_WAIVED ||
           one.state() == v1::CHECK_STATE_SKIPPED;
  });
}

std::string FailedText(const std::vector<v1::Check>& checks) {
  constexpr int kShown = 5;
  std::string text;
  int more = 0, shown = 0;
  for (const v1::Check& one : checks) {
    if (Passed({one})) continue;
    if (shown++ < kShown)
      absl::StrAppend(&text, text.empty() ? "" : "; ", one.check_id(), " (", one.found(), ")");
    else
      ++more;
  }
  if (more > 0) absl::StrAppend(&text, "; and ", more, " more");
  return text;
}

std::vector<v1::Check> RunPreflight(const Options& options,
                                    Lookups* lookups,
                                    const PreflightHands& hands,
                                    const PreflightWish& wish,
                                    absl::Time now) {
  std::vector<v1::Check> reverse, spf, lists, inbound, ttl, attack;
  const auto address = ParseAddress(wish.address);
  std::vector<std::function<void()>> tasks;
  if (wish.outbound && address.ok()) {
    tasks.emplace_back([&] {
      const v1::MailAddressView view = ViewAddress(lookups, address->text);
      ReverseChecks(view, &reverse);
      reverse.push_back(HeloCheck(lookups, view, *address, wish.helo_name));
    });
    spf.resize(wish.domains.size());
    for (std::size_t i = 0; i < wish.domains.size(); ++i)
      tasks.emplace_back([&, i] { spf[i] = SpfCheck(lookups, wish.domains[i], wish); });
    tasks.emplace_back([&] { lists = ListChecks(hands, wish); });
  }
  if (wish.inbound && address.ok())
    tasks.emplace_back([&] { InboundChecks(options, hands, wish, address->text, &inbound); });
  tasks.emplace_back([&] { ttl = TtlChecks(options, lookups, wish); });
  tasks.emplace_back([&] { attack.push_back(AttackCheck(hands, wish)); });
  RunTogether(tasks, 16);
  std::vector<v1::Check> all;
  for (auto* part : {&attack, &reverse, &spf, &lists, &inbound, &ttl}) {
    for (v1::Check& one : *part) {
      StampTime(now, one.mutable_time());
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace mailquench::controller::mx
