// escalation approve, reject, propose.
#include <memory>
#include <ostream>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/core/alert_document.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/run_driver.h"
#include "cli/core/target.h"
#include "cli/nouns/escalation.h"
#include "cli/output/escalation.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

constexpr int kLooksForTheRun = 60;
constexpr std::chrono::milliseconds kLookPause{250};

struct ApprovalArgs {
  std::string id, playbook;
  std::vector<std::string> parameters;
  RunFlags flags;
};

void TellLines(const Session& session, const std::string& text) {
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty()))
    session.Tell(std::string(line));
}

absl::Status Refused(const v1::Escalation& one) {
  if (one.state() != v1::ESCALATION_STATE_PROPOSED) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_PROPOSED",
                 absl::StrCat("Escalation ", one.escalation_id(), " is ", WordOf(one.state()),
                              " and waits for nobody; nothing was started. `mailquench escalation "
                              "list` shows what waits."));
  }
  if (one.plan().plan_hash().empty() || one.plan().hosts_size() == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_DRY_RUN",
                 absl::StrCat("Escalation ", one.escalation_id(),
                              " has no dry run that could be approved; nothing was started. "
                              "Propose the run again."));
  }
  return absl::OkStatus();
}

// The run may begin a moment after the answer. Nothing: it has not begun in time.
absl::StatusOr<std::string> RunOf(Session* session, v1::Escalation one) {
  for (int look = 0; one.run_ids_size() == 0 && look < kLooksForTheRun; ++look) {
    const bool may_begin =
        one.state() == v1::ESCALATION_STATE_STARTING || one.state() == v1::ESCALATION_STATE_RUNNING;
    if (!may_begin) return std::string();
    std::this_thread::sleep_for(kLookPause);
    MQ_ASSIGN_OR_RETURN(one, GetEscalation(session, one.escalation_id()));
  }
  return one.run_ids_size() == 0 ? std::string() : one.run_ids(one.run_ids_size() - 1);
}

absl::StatusOr<int> Follow(Session* session, const v1::Escalation& approved, bool detach) {
  session->Tell(absl::StrCat("escalation ", approved.escalation_id(), " approved"));
  if (!detach) {
    auto run = RunOf(session, approved);
    if (run.ok() && !run->empty()) {
      session->Tell(absl::StrCat("run ", *run, " started"));
      return Watch(session, *run);
    }
    // It is approved whatever became of the looking.
    if (!run.ok())
      return Prepend(run.status(), absl::StrCat("Escalation ", approved.escalation_id(),
                                                " is approved and goes on, but looking at it "
                                                "ended"));
  }
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, approved, StoryTable(approved), *session->env.out));
  const std::string next = NextStep(approved);
  session->Tell(approved.run_ids_size() == 0
                    ? absl::StrCat("it begins by itself: `mailquench escalation show ",
                                   approved.escalation_id(), "`")
                    : next);
  return kExitOk;
}

absl::StatusOr<int> DoApprove(Session* session, const ApprovalArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::Escalation one, GetEscalation(session, args.id));
  MQ_RETURN_IF_ERROR(Refused(one));
  const v1::Plan& plan = one.plan();
  if (args.flags.dry_run) {
    MQ_RETURN_IF_ERROR(Print(session->flags.output, plan, PlanTable(plan), *session->env.out));
    session->Tell(absl::StrCat("dry run: plan hash ", plan.plan_hash(), "; nothing was touched"));
    return kExitOk;
  }
  session->Tell(TitleOf(one));
  for (const std::string& reason : one.reasons()) session->Tell(absl::StrCat("  ", reason));
  TellLines(*session, Render(PlanTable(plan)));
  session->Tell(
      absl::StrCat("plan hash ", plan.plan_hash(), ", expires ", HumanTime(one.expire_time())));
  const std::set<std::string> names = HostNamesOf(plan);
  Question question;
  question.what = absl::StrCat("Approve ", WhatOf(one.request()), " on ", names.size(),
                               names.size() == 1 ? " host (" : " hosts (", HostList(names), ")");
  question.hosts = static_cast<int>(names.size());
  question.irreversible = ClassOfPlan(one.request(), plan) == v1::OPERATION_CLASS_IRREVERSIBLE;
  question.yes = args.flags.yes;
  MQ_RETURN_IF_ERROR(Confirm(*session, question));
  v1::ApproveEscalationRequest request;
  request.set_escalation_id(one.escalation_id());
  request.set_plan_hash(plan.plan_hash());  // Of what was shown, whatever it is by now.
  request.set_reason(args.flags.reason);
  MQ_ASSIGN_OR_RETURN(const v1::Escalation approved,
                      session->Call(&Stub::ApproveEscalation, request));
  return Follow(session, approved, args.flags.detach);
}

absl::StatusOr<int> DoReject(Session* session, const ApprovalArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::Escalation one, GetEscalation(session, args.id));
  const std::string what = absl::StrCat("Reject ", TitleOf(one));
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, one.hosts_size(), false, args.flags.yes}));
  v1::RejectEscalationRequest request;
  request.set_escalation_id(one.escalation_id());
  request.set_reason(args.flags.reason);
  MQ_ASSIGN_OR_RETURN(const v1::Escalation rejected,
                      session->Call(&Stub::RejectEscalation, request));
  MQ_RETURN_IF_ERROR(PrintEscalation(session, rejected));
  return kExitOk;
}

absl::StatusOr<int> DoPropose(Session* session, const ApprovalArgs& args) {
  v1::ProposeRunRequest request;
  v1::PlanRunRequest& plan = *request.mutable_plan();
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &plan));
  plan.set_playbook(args.playbook);
  for (const std::string& one : args.parameters)
    MQ_RETURN_IF_ERROR(PutPair(one, "--param", plan.mutable_parameters()));
  if (args.flags.dry_run) return Drive(session, {"", plan, args.flags});
  request.set_reason(args.flags.reason);
  request.set_request_id(NewUuid());
  auto proposed = session->Call(&Stub::ProposeRun, request);
  // The same request id: a lost answer is no second proposal.
  if (!proposed.ok() && absl::IsUnavailable(proposed.status()))
    proposed = session->Call(&Stub::ProposeRun, request);
  if (!proposed.ok()) return proposed.status();
  MQ_RETURN_IF_ERROR(PrintEscalation(session, *proposed));
  session->Tell(absl::StrCat("escalation ", proposed->escalation_id(),
                             " waits for another person until ",
                             HumanTime(proposed->expire_time())));
  return kExitApproval;
}

void AddId(CLI::App* app, ApprovalArgs* args) {
  app->add_option("ESCALATION", args->id, "Its id, or the beginning of it")
      ->required()
      ->type_name("ESCALATION");
}

}  // namespace

void AddEscalationApproval(CLI::App* noun, Session* session) {
  auto args = std::make_shared<ApprovalArgs>();
  CLI::App* approve = AddCommand(
      noun, "approve",
      "Start what is proposed, exactly as its dry run is shown; a plan that drifted is refused",
      {"mailquench escalation approve E --reason \"as the dry run says\"",
       "mailquench escalation approve E --dry-run",
       "mailquench escalation approve E --yes --detach"});
  AddId(approve, args.get());
  approve->add_option("--reason", args->flags.reason, "Why; kept in the audit log")
      ->type_name("TEXT");
  AddConfirmFlags(approve, &args->flags);
  approve->add_flag("--detach", args->flags.detach, "Approve and return; do not follow the run");
  approve->callback([=] { session->action = [=] { return DoApprove(session, *args); }; });

  CLI::App* reject =
      AddCommand(noun, "reject", "Refuse what is proposed; nothing is started",
                 {"mailquench escalation reject E --reason \"a newsletter, not an attack\""});
  AddId(reject, args.get());
  reject->add_option("--reason", args->flags.reason, "Why; kept in the audit log")
      ->required()
      ->type_name("TEXT");
  AddConfirmFlags(reject, &args->flags);
  reject->callback([=] { session->action = [=] { return DoReject(session, *args); }; });

  CLI::App* propose = AddCommand(
      noun, "propose", "Propose a run, which another person approves; exit code 6: it waits",
      {"mailquench escalation propose contain -l role=edge --reason \"outbound spam\"",
       "mailquench escalation propose survey --hosts mx1 --reason drill --dry-run"});
  propose->add_option("PLAYBOOK", args->playbook, "Its name")->required()->type_name("PLAYBOOK");
  propose->add_option("--param", args->parameters, "A parameter of the playbook, name=value")
      ->type_name("NAME=VALUE");
  AddTargetFlags(propose, &args->flags);
  propose->get_option("--reason")->required();
  propose->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; propose nothing");
  propose->callback([=] { session->action = [=] { return DoPropose(session, *args); }; });
}

}  // namespace mailquench::cli
