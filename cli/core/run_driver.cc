#include "cli/core/run_driver.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/by_hand.h"
#include "cli/core/confirm.h"
#include "cli/core/exit_code.h"
#include "cli/core/operation_text.h"
#include "cli/output/failure.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "common/status/error.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

constexpr int kReconnects = 30;
constexpr int kLooks = 3;  // At a plan that changes under the question.
constexpr std::chrono::milliseconds kReconnectPause{1000};

std::string NameOfHost(const v1::PlannedHost& host) {
  return host.name().empty() ? host.host_id() : host.name();
}

void Say(const Session& session, const Line& line) {
  if (!session.Colour() || line.word.empty()) {
    session.Tell(line.Text());
    return;
  }
  *session.env.err << line.before << line.colour << line.word << Colour::kNone << line.after
                   << std::endl;
}

absl::Status NoHost() {
  return Error(absl::StatusCode::kNotFound, "NO_HOST_MATCHED",
               "No host matches; nothing was started. `mailquench host list` shows names and "
               "labels.");
}

absl::StatusOr<v1::Plan> Frozen(Session* session, v1::PlanRunRequest request, bool ask_agents) {
  request.set_skip_agents(!ask_agents);
  auto plan = session->Call(&v1::Runs::Stub::PlanRun, request);
  if (!plan.ok()) return plan.status();
  if (plan->hosts_size() == 0) return NoHost();
  return plan;
}

// Tells the run's progress on stderr until its end; connects again where the stream breaks.
// `ask`: whoever sits at this terminal answers for the hosts without an agent.
absl::StatusOr<v1::Run> Follow(Session* session, const std::string& run_id, bool ask) {
  auto channel = session->Channel();
  if (!channel.ok()) return channel.status();
  Transcript transcript;
  HandDesk desk(session, ask && session->env.in_is_terminal);
  v1::Run last;
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  for (int attempt = 0;; ++attempt) {
    v1::Runs::Stub stub(*channel);
    grpc::ClientContext client;
    session->Prepare(&client);
    auto reader = stub.WatchRun(&client, request);
    v1::RunEvent event;
    while (reader->Read(&event)) {
      attempt = 0;
      last = event.run();
      for (const Line& line : transcript.Update(event)) Say(*session, line);
      desk.Look(last);
    }
    const grpc::Status ended = reader->Finish();
    const bool run_ended =
        last.state() != v1::RUN_STATE_RUNNING && last.state() != v1::RUN_STATE_UNSPECIFIED;
    if (run_ended) break;
    const bool broken = ended.ok() || ended.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (!broken || attempt >= kReconnects) {
      const absl::Status status =
          ended.ok() ? Error(absl::StatusCode::kUnavailable, "WATCH_ENDED",
                             "The controller ended the watch before the run's end.")
                     : session->FromGrpc(ended);
      return Prepend(status, absl::StrCat("The run ", run_id, " goes on, but watching it ended"));
    }
    std::this_thread::sleep_for(kReconnectPause);
  }
  session->Tell(SummaryLine(last));
  return last;
}

absl::Status Ask(Session* session,
                 const RunOrder& order,
                 const std::set<std::string>& names,
                 v1::OperationClass worst) {
  if (worst == v1::OPERATION_CLASS_OBSERVE) return absl::OkStatus();
  Question question;
  question.hosts = static_cast<int>(names.size());
  question.what = absl::StrCat(order.verb, " on ", names.size(),
                               names.size() == 1 ? " host (" : " hosts (", HostList(names), ")");
  question.irreversible = worst == v1::OPERATION_CLASS_IRREVERSIBLE;
  question.yes = order.flags.yes;
  question.no_input = order.flags.no_input;
  return Confirm(*session, question);
}

// The plan that was shown is not the one that would be carried out: what is new is shown, and asked
// again. Of other hosts or another playbook it is another command.
absl::Status LookAgain(Session* session, const RunOrder& order, v1::Plan* plan) {
  auto again = Frozen(session, order.plan, false);
  if (!again.ok()) return again.status();
  const auto ids = [](const v1::Plan& p) {
    std::set<std::string> out;
    for (const auto& host : p.hosts()) out.insert(host.host_id());
    return out;
  };
  if (ids(*again) != ids(*plan) ||
      again->playbook().SerializeAsString() != plan->playbook().SerializeAsString()) {
    return Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
                 "The set of hosts or the playbook changed between the question and the start; "
                 "nothing was started. Give the same command again to see the new one.");
  }
  session->Tell("the plan is another one than was shown:");
  for (const std::string& notice : again->notices()) {
    if (std::count(plan->notices().begin(), plan->notices().end(), notice) == 0)
      session->Tell(notice);
  }
  for (const std::string& notice : plan->notices()) {
    if (std::count(again->notices().begin(), again->notices().end(), notice) == 0)
      session->Tell(absl::StrCat("no more: ", notice));
  }
  *plan = *std::move(again);
  return Ask(session, order, HostNamesOf(*plan), ClassOfPlan(order.plan, *plan));
}

absl::StatusOr<int> Start(Session* session,
                          const RunOrder& order,
                          v1::Plan plan,
                          Results* results) {
  v1::StartRunRequest start;
  *start.mutable_plan() = order.plan;
  start.mutable_plan()->set_skip_agents(true);
  start.set_reason(order.flags.reason);
  start.set_no_input(order.flags.no_input);
  absl::StatusOr<v1::Run> run;
  for (int look = 0;; ++look) {
    start.set_request_id(NewUuid());
    start.set_expected_plan_hash(plan.plan_hash());
    run = session->Call(&v1::Runs::Stub::StartRun, start);
    // A repeat with the same request id is the same run, so one lost answer does not leave the
    // operator in the dark.
    if (!run.ok() && absl::IsUnavailable(run.status())) {
      std::this_thread::sleep_for(kReconnectPause);
      run = session->Call(&v1::Runs::Stub::StartRun, start);
    }
    if (run.ok() || ReasonOf(run.status()) != "PLAN_DRIFTED" || look == kLooks) break;
    MQ_RETURN_IF_ERROR(LookAgain(session, order, &plan));
  }
  if (!run.ok()) return run.status();
  if (order.plan.incident_id().empty() && !run->incident_id().empty())
    session->Tell(absl::StrCat("incident ", run->incident_id()));
  session->Tell(absl::StrCat("run ", run->run_id(), " started on ", run->hosts_size(),
                             run->hosts_size() == 1 ? " host" : " hosts"));
  if (order.flags.detach) {
    MQ_RETURN_IF_ERROR(results->Add(*run, Table{{}, {{run->run_id()}}}));
    return kExitOk;
  }
  run = Follow(session, run->run_id(), !order.flags.no_input);
  if (!run.ok()) return run.status();
  MQ_RETURN_IF_ERROR(results->Add(*run, RunTable(*run)));
  return ExitCodeOf(*run);
}

// What failed at one of several orders. The results before it are out by then.
absl::Status AtOrder(const absl::Status& status, std::size_t at, std::size_t all) {
  if (all == 1) return status;
  return Prepend(status, absl::StrCat("Order ", at + 1, " of ", all,
                                      at + 1 < all ? " (those after it were not begun)" : ""));
}

// Prints what there is and says the error beside it.
int Broken(Session* session, Results* results, int code, const absl::Status& status) {
  results->Finish();
  PrintError(*session, status);
  return Worse(code, ExitCodeOf(status));
}

absl::StatusOr<int> Carry(Session* session, const std::vector<RunOrder>& orders, Results* results) {
  if (orders.empty()) return NoHost();
  const bool dry_run = orders[0].flags.dry_run;
  std::vector<v1::Plan> plans;
  std::set<std::string> names;
  v1::OperationClass worst = v1::OPERATION_CLASS_UNSPECIFIED;
  for (const RunOrder& order : orders) {
    auto plan = Frozen(session, order.plan, dry_run);
    if (!plan.ok()) {
      const absl::Status status = AtOrder(plan.status(), plans.size(), orders.size());
      if (!dry_run) return status;
      return Broken(session, results, kExitOk, status);
    }
    worst = std::max(worst, ClassOfPlan(order.plan, *plan));
    for (const auto& host : plan->hosts()) names.insert(NameOfHost(host));
    if (!dry_run) {
      for (const std::string& notice : plan->notices()) session->Tell(notice);
    }
    if (dry_run) MQ_RETURN_IF_ERROR(results->Add(*plan, PlanTable(*plan)));
    plans.push_back(*std::move(plan));
  }
  if (dry_run) {
    results->Finish();
    session->Tell(absl::StrCat("dry run: ", names.size(), names.size() == 1 ? " host" : " hosts",
                               "; nothing was touched"));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Ask(session, orders[0], names, worst));
  int code = kExitOk;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    auto one = Start(session, orders[i], plans[i], results);
    if (!one.ok()) {
      return Broken(session, results, code, AtOrder(one.status(), i, orders.size()));
    }
    code = Worse(code, *one);
  }
  results->Finish();
  return code;
}

}  // namespace

v1::OperationClass ClassOfPlan(const v1::PlanRunRequest& request, const v1::Plan& plan) {
  v1::OperationClass worst =
      request.has_operation() ? ClassOf(request.operation()) : v1::OPERATION_CLASS_UNSPECIFIED;
  for (const auto& step : plan.playbook().steps()) {
    worst = std::max(worst, ClassOf(step.operation()));
  }
  for (const auto& host : plan.hosts()) {
    for (const auto& step : host.steps()) worst = std::max(worst, step.operation_class());
  }
  return worst;
}

std::string HostList(const std::set<std::string>& names) {
  std::vector<std::string> first(names.begin(), names.end());
  const std::size_t all = first.size();
  if (all > 6) {
    first.resize(5);
    first.push_back(absl::StrCat("and ", all - 5, " more"));
  }
  return absl::StrJoin(first, ", ");
}

std::set<std::string> HostNamesOf(const v1::Plan& plan) {
  std::set<std::string> names;
  for (const auto& host : plan.hosts()) names.insert(NameOfHost(host));
  return names;
}

absl::StatusOr<std::set<std::string>> GoneHosts(Session* session) {
  auto all = session->Call(&v1::Fleet::Stub::ListHosts, v1::ListHostsRequest());
  if (!all.ok()) return all.status();
  std::set<std::string> gone;
  for (const v1::Host& host : all->hosts()) {
    if (host.state() == v1::HOST_STATE_EVICTED || host.state() == v1::HOST_STATE_BANNED)
      gone.insert(host.host_id());
  }
  return gone;
}

absl::Status FillTargets(Session* session, const RunFlags& flags, v1::PlanRunRequest* plan) {
  plan->set_selector(flags.selector);
  for (const auto& host : flags.hosts) plan->add_hosts(host);
  plan->set_incident_id(flags.incident);
  if (!flags.selector.empty() || !flags.hosts.empty()) return absl::OkStatus();
  if (flags.incident.empty()) {
    return UsageError(
        "No host was named; nothing was done. Add -l SELECTOR, --hosts NAME,NAME or "
        "--incident ID.");
  }
  v1::GetIncidentRequest get;
  get.set_incident_id(flags.incident);
  auto incident = session->Call(&v1::Incidents::Stub::GetIncident, get);
  if (!incident.ok()) return incident.status();
  v1::ListRunsRequest list;
  list.set_incident_id(flags.incident);
  auto runs = session->Call(&v1::Runs::Stub::ListRuns, list);
  if (!runs.ok()) return runs.status();
  auto gone = GoneHosts(session);
  if (!gone.ok()) return gone.status();
  std::set<std::string> ids;
  std::map<std::string, std::string> left;
  const auto take = [&](const std::string& id, const std::string& name) {
    if (gone->count(id) == 0)
      ids.insert(id);
    else
      left[id] = name;
  };
  for (const auto& obligation : incident->obligations())
    take(obligation.host_id(), obligation.host_name());
  for (const auto& run : runs->runs()) {
    for (const auto& host : run.hosts()) take(host.host_id(), host.name());
  }
  for (const auto& [id, name] : left)
    session->Tell(absl::StrCat("WARN ", name, " is in the fleet no more and is left out"));
  if (ids.empty()) return NoHost();
  for (const auto& id : ids) plan->add_hosts(id);
  return absl::OkStatus();
}

absl::StatusOr<int> Drive(Session* session, const RunOrder& order) {
  Results results(session->flags.output, false, session->env.out);
  return Carry(session, {order}, &results);
}

absl::StatusOr<int> DriveAll(Session* session, const std::vector<RunOrder>& orders) {
  Results results(session->flags.output, true, session->env.out);
  return Carry(session, orders, &results);
}

absl::StatusOr<int> Watch(Session* session, const std::string& run_id) {
  auto run = Follow(session, run_id, false);
  if (!run.ok()) return run.status();
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *run, RunTable(*run), *session->env.out));
  return ExitCodeOf(*run);
}

}  // namespace mailquench::cli
