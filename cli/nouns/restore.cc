#include "cli/nouns/restore.h"

#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/core/run_driver.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct Choice {
  std::string host, key, reason;
};

absl::StatusOr<Choice> ParseChoice(const std::string& text) {
  const auto colon = text.find(':');
  const auto equals = text.find('=', colon == std::string::npos ? 0 : colon);
  if (colon == std::string::npos || equals == std::string::npos || colon == 0 ||
      equals == colon + 1 || equals + 1 == text.size()) {
    return UsageError(
        absl::StrCat("A decision is host:key=reason, like "
                     "mx1:main.cf:mynetworks=\"was open\"; not '",
                     text, "'. Nothing was done."));
  }
  return Choice{text.substr(0, colon), text.substr(colon + 1, equals - colon - 1),
                text.substr(equals + 1)};
}

struct RestoreArgs {
  RunFlags flags;
  RestoreChoices choices;
};

// What nobody can put back any more but a person: the recorded values, of which the incident has a
// copy.
void SayByHand(const Session& session,
               const v1::Incident& incident,
               const std::set<std::string>& gone) {
  for (const v1::Obligation& one : incident.obligations()) {
    if (one.state() != v1::Obligation::STATE_OUTSTANDING || !one.duty().empty() ||
        gone.count(one.host_id()) == 0)
      continue;
    session.Tell(absl::StrCat("WARN ", one.host_name(),
                              " is in the fleet no more and is left out; put back by hand",
                              ByHandOf(one), "; then waive it: mailquench incident waive ",
                              incident.incident_id(), " ", one.obligation_id(), " --reason TEXT"));
  }
}

absl::StatusOr<int> DoRestore(Session* session, const RestoreArgs& args) {
  v1::GetIncidentRequest get;
  get.set_incident_id(args.flags.incident);
  auto incident = session->Call(&v1::Incidents::Stub::GetIncident, get);
  if (!incident.ok()) return incident.status();
  auto decided = Decide(*incident, args.choices);
  if (!decided.ok()) return decided.status();
  auto gone = GoneHosts(session);
  if (!gone.ok()) return gone.status();
  SayByHand(*session, *incident, *gone);
  // A decision is the same for all hosts of a run, so hosts with the same decisions share one.
  std::map<std::string, RunOrder> by_decisions;
  for (const HostDecisions& host : *decided) {
    if (gone->count(host.host_id) > 0) continue;
    v1::Restore restore;
    for (const auto& decision : host.decisions) *restore.add_decisions() = decision;
    RunOrder& order = by_decisions[restore.SerializeAsString()];
    order.verb = "Restore settings";
    order.flags = args.flags;
    *order.plan.mutable_operation()->mutable_restore() = restore;
    order.plan.set_incident_id(args.flags.incident);
    order.plan.add_hosts(host.host_id);
  }
  std::vector<RunOrder> orders;
  for (auto& [bytes, order] : by_decisions) orders.push_back(std::move(order));
  if (orders.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_HOST_MATCHED",
                 absl::StrCat("Incident ", args.flags.incident,
                              " has no outstanding settings on a host of the fleet; nothing was "
                              "started."));
  }
  return DriveAll(session, orders);
}

}  // namespace

std::string ByHandOf(const v1::Obligation& obligation) {
  std::string out = obligation.organisation().empty()
                        ? ""
                        : absl::StrCat(", for all of ", obligation.organisation());
  const char* before = ": ";
  for (const v1::Setting& setting : obligation.settings()) {
    const std::string value(setting.before());
    absl::StrAppend(&out, before, setting.instance(), setting.instance().empty() ? "" : " ",
                    setting.key(),
                    setting.before_absent() ? " removed" : absl::StrCat(" = '", value, "'"));
    before = ", ";
  }
  return out;
}

absl::StatusOr<std::vector<HostDecisions>> Decide(const v1::Incident& incident,
                                                  const RestoreChoices& choices) {
  struct Parsed {
    Choice choice;
    v1::RestoreChoice what;
    bool used = false;
  };
  std::vector<Parsed> parsed;
  const auto parse = [&](const std::vector<std::string>& texts, v1::RestoreChoice what) {
    for (const std::string& text : texts) {
      auto choice = ParseChoice(text);
      if (!choice.ok()) return choice.status();
      parsed.push_back({*choice, what});
    }
    return absl::OkStatus();
  };
  MQ_RETURN_IF_ERROR(parse(choices.keep_as_fix, v1::RESTORE_CHOICE_KEEP_AS_FIX));
  MQ_RETURN_IF_ERROR(parse(choices.put_back, v1::RESTORE_CHOICE_PUT_BACK));

  std::map<std::string, HostDecisions> hosts;
  std::set<std::string> there;
  for (const v1::Obligation& obligation : incident.obligations()) {
    if (obligation.state() != v1::Obligation::STATE_OUTSTANDING || !obligation.duty().empty())
      continue;
    HostDecisions& host = hosts[obligation.host_id()];
    host.host_id = obligation.host_id();
    for (const v1::Setting& setting : obligation.settings()) {
      there.insert(absl::StrCat(obligation.host_name(), ":", setting.key()));
      Parsed* found = nullptr;
      for (Parsed& one : parsed) {
        const bool same_host = one.choice.host == "*" || one.choice.host == obligation.host_id() ||
                               one.choice.host == obligation.host_name();
        if (!same_host || one.choice.key != setting.key()) continue;
        if (found != nullptr && found->what != one.what) {
          return UsageError(absl::StrCat(obligation.host_name(), ":", setting.key(),
                                         " is to be both put back and kept; nothing was done."));
        }
        found = &one;
        one.used = true;
      }
      v1::RestoreDecision decision;
      decision.set_instance(setting.instance());
      decision.set_key(setting.key());
      if (found != nullptr) {
        decision.set_choice(found->what);
        decision.set_reason(found->choice.reason);
      } else if (setting.opened_relay() && !choices.keep_open_relay_as_fix.empty()) {
        decision.set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
        decision.set_reason(choices.keep_open_relay_as_fix);
      } else {
        continue;
      }
      host.decisions.push_back(decision);
    }
  }
  for (const Parsed& one : parsed) {
    if (one.used) continue;
    std::string list;
    for (const auto& name : there) absl::StrAppend(&list, list.empty() ? "" : ", ", name);
    return UsageError(
        absl::StrCat("Nothing outstanding is named ", one.choice.host, ":", one.choice.key,
                     "; nothing was done. There are: ", list.empty() ? "none" : list, "."));
  }
  std::vector<HostDecisions> out;
  for (auto& [id, host] : hosts) out.push_back(std::move(host));
  return out;
}

void AddRestore(CLI::App* run, Session* session) {
  auto args = std::make_shared<RestoreArgs>();
  CLI::App* app = AddCommand(
      run, "restore", "Put an incident's settings back; what opened the relay wants a decision",
      {"mailquench run restore --incident I --dry-run",
       "mailquench run restore --incident I --keep-open-relay-as-fix \"was open to all\"",
       "mailquench run restore --incident I --put-back mx1:main.cf:mynetworks=\"the NAT range\""});
  app->add_option("--keep-as-fix", args->choices.keep_as_fix,
                  "Keep the value of now; host * means every host")
      ->type_name("HOST:KEY=REASON");
  app->add_option("--put-back", args->choices.put_back,
                  "Put the recorded value back although it opened the relay or was changed since")
      ->type_name("HOST:KEY=REASON");
  app->add_option("--keep-open-relay-as-fix", args->choices.keep_open_relay_as_fix,
                  "Keep as fix every setting that had opened the relay")
      ->type_name("REASON");
  AddRunFlags(app, &args->flags, Targets::kIncidentOnly);
  app->get_option("--incident")->required();
  app->callback([=] { session->action = [=] { return DoRestore(session, *args); }; });
}

}  // namespace mailquench::cli
