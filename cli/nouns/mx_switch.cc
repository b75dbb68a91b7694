// mx switch, watch, revert, waive, note.
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/core/confirm.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/nouns/mx.h"
#include "cli/output/mx.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/mx.grpc.pb.h"

namespace mailquench::cli {
namespace {

using MxSwitchStub = v1::Mx::Stub;

struct MxSwitchArgs {
  std::string id, reason, check, name, type, text;
  bool detach = false, once = false;
  RunFlags flags;
};

absl::StatusOr<v1::MxSwitch> GetSwitch(Session* session, const std::string& id) {
  v1::GetSwitchRequest request;
  request.set_switch_id(id);
  return session->Call(&MxSwitchStub::GetSwitch, request);
}

absl::Status PrintSwitch(Session* session, const v1::MxSwitch& one) {
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, one, RecordsTable(one), out));
  if (session->flags.output != "table") return absl::OkStatus();
  const Table where = WhereTable(one, session->flags.wide);
  if (!where.rows.empty()) out << "\n" << Render(where);
  out << "\n" << Render(ChecksTable(one.checks()));
  for (const std::string& text : one.requests()) out << "\n" << text;
  out << "\n";
  for (const std::string& line : one.timeline()) out << line << "\n";
  out << "\nswitch " << one.switch_id() << " " << WordOf(one.state()) << ": " << one.sentence()
      << "\n";
  return absl::OkStatus();
}

int CodeOf(const v1::MxSwitch& one) {
  switch (one.state()) {
    case v1::SWITCH_STATE_STUCK:
      return kExitSomeFailed;
    case v1::SWITCH_STATE_ABANDONED:
      return kExitStopped;
    default:
      return kExitOk;
  }
}

// A line whenever it stands otherwise; until it has ended or needs a person.
absl::StatusOr<int> Follow(Session* session, const std::string& id) {
  auto channel = session->Channel();
  if (!channel.ok()) return channel.status();
  v1::Mx::Stub stub(*channel);
  grpc::ClientContext client;
  session->Prepare(&client);
  v1::GetSwitchRequest request;
  request.set_switch_id(id);
  const auto reader = stub.WatchSwitch(&client, request);
  v1::MxSwitch now;
  std::string told;
  bool any = false;
  while (reader->Read(&now)) {
    any = true;
    if (session->flags.output == "jsonl") {
      MQ_RETURN_IF_ERROR(Print("jsonl", now, {}, *session->env.out));
    } else if (now.sentence() != told) {
      told = now.sentence();
      session->Tell(absl::StrCat(WordOf(now.state()), ": ", told));
    }
    if (now.state() == v1::SWITCH_STATE_STUCK || now.state() == v1::SWITCH_STATE_PLANNED) {
      client.TryCancel();
      break;
    }
  }
  const grpc::Status status = reader->Finish();
  const bool ours = any && (now.has_end_time() || now.state() == v1::SWITCH_STATE_STUCK ||
                            now.state() == v1::SWITCH_STATE_PLANNED);
  if (!status.ok() && !ours) return session->FromGrpc(status);
  if (session->flags.output != "jsonl") MQ_RETURN_IF_ERROR(PrintSwitch(session, now));
  return CodeOf(now);
}

absl::StatusOr<int> DoMxSwitch(Session* session, const MxSwitchArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch planned, GetSwitch(session, args.id));
  const std::string what = absl::StrCat(
      "Change ", planned.records_size(), " DNS records of ", planned.request().domains_size(),
      " domains, from ",
      planned.request().from_address().empty() ? "any address" : planned.request().from_address(),
      " to ", planned.request().to_address());
  if (args.flags.dry_run) {
    MQ_RETURN_IF_ERROR(PrintSwitch(session, planned));
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  if (session->flags.output == "table") *session->env.err << Render(RecordsTable(planned));
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::StartSwitchRequest request;
  request.set_switch_id(planned.switch_id());
  request.set_plan_hash(planned.plan_hash());
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch started,
                      session->Call(&MxSwitchStub::StartSwitch, request));
  if (!args.detach) return Follow(session, started.switch_id());
  MQ_RETURN_IF_ERROR(PrintSwitch(session, started));
  return kExitOk;
}

absl::StatusOr<int> DoMxWatch(Session* session, const MxSwitchArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch now, GetSwitch(session, args.id));
  if (!args.once && !now.has_end_time()) return Follow(session, now.switch_id());
  MQ_RETURN_IF_ERROR(PrintSwitch(session, now));
  return CodeOf(now);
}

absl::StatusOr<int> DoMxRevert(Session* session, const MxSwitchArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch now, GetSwitch(session, args.id));
  const std::string what = absl::StrCat("Put back the former records of the switch ",
                                        now.switch_id(), " (", now.records_size(), ")");
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::RevertSwitchRequest request;
  request.set_switch_id(now.switch_id());
  request.set_reason(args.reason);
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch reverting,
                      session->Call(&MxSwitchStub::RevertSwitch, request));
  if (!args.detach && !reverting.has_end_time()) return Follow(session, reverting.switch_id());
  MQ_RETURN_IF_ERROR(PrintSwitch(session, reverting));
  return kExitOk;
}

absl::StatusOr<int> DoMxWaive(Session* session, const MxSwitchArgs& args) {
  const bool record = absl::StartsWith(args.check, "record:");
  const std::string what =
      record ? absl::StrCat("Wait no more for ", args.check, ", and leave it as it is")
             : absl::StrCat("Count the check ", args.check, " as passed");
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::WaiveCheckRequest request;
  request.set_switch_id(args.id);
  request.set_check_id(args.check);
  request.set_reason(args.reason);
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch now, session->Call(&MxSwitchStub::WaiveCheck, request));
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, now, ChecksTable(now.checks()), *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoMxNote(Session* session, const MxSwitchArgs& args) {
  v1::NoteRecordRequest request;
  request.set_switch_id(args.id);
  request.set_type(args.type);
  request.set_name(args.name);
  request.set_text(args.text);
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: note beside ", args.type, " of ", args.name));
    return kExitOk;
  }
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch now, session->Call(&MxSwitchStub::NoteRecord, request));
  MQ_RETURN_IF_ERROR(Print(session->flags.output, now, RecordsTable(now), *session->env.out));
  return kExitOk;
}

}  // namespace

void AddMxSwitch(CLI::App* noun, Session* session) {
  auto args = std::make_shared<MxSwitchArgs>();
  const auto add = [&](const std::string& name, const std::string& summary,
                       const std::vector<std::string>& examples,
                       absl::StatusOr<int> (*act)(Session*, const MxSwitchArgs&)) {
    CLI::App* command = AddCommand(noun, name, summary, examples);
    command->add_option("SWITCH", args->id, "Its id, or the beginning of it")
        ->required()
        ->type_name("SWITCH");
    command->callback([=] { session->action = [=] { return act(session, *args); }; });
    return command;
  };
  CLI::App* start =
      add("switch", "Begin what was planned, or go on where it is stuck; then watch it to its end",
          {"mailquench mx switch S", "mailquench mx switch S --yes --detach"}, DoMxSwitch);
  AddConfirmFlags(start, &args->flags);
  start->add_flag("--detach", args->detach, "Do not wait for its end");
  CLI::App* watch =
      add("watch", "How a switch stands, until it has ended. exit: 0 done or reverted, 2 stuck",
          {"mailquench mx watch S", "mailquench mx watch S --once -o wide"}, DoMxWatch);
  watch->add_flag("--once", args->once, "Show it as it is now, and end");
  CLI::App* revert =
      add("revert",
          "Put the exact former records back, where nobody has changed them; once more where some "
          "could not be",
          {"mailquench mx revert S --reason \"the new one is listed, too\""}, DoMxRevert);
  revert->add_option("--reason", args->reason, "Why")->required()->type_name("TEXT");
  AddConfirmFlags(revert, &args->flags);
  revert->add_flag("--detach", args->detach, "Do not wait for its end");
  CLI::App* waive =
      add("waive",
          "Count a check as passed, wait no more for a name server (server:NAME/ADDRESS), or leave "
          "a record as it is on the way back (record:TYPE/NAME)",
          {"mailquench mx waive S port25 --reason \"a relay in front of it answers tomorrow\"",
           "mailquench mx waive S record:TXT/example.org --reason \"theirs is right\""},
          DoMxWaive);
  waive->add_option("CHECK", args->check, "As `mx watch` names it")->required()->type_name("CHECK");
  waive->add_option("--reason", args->reason, "Why")->required()->type_name("TEXT");
  AddConfirmFlags(waive, &args->flags);
  CLI::App* note =
      add("note", "Write beside a record that somebody else changes",
          {"mailquench mx note S PTR 2.2.0.192.in-addr.arpa \"ticket 4711\""}, DoMxNote);
  note->add_option("TYPE", args->type, "MX, A, AAAA, TXT or PTR")->required()->type_name("TYPE");
  note->add_option("NAME", args->name, "Of the record")->required()->type_name("NAME");
  note->add_option("TEXT", args->text, "What")->required()->type_name("TEXT");
  note->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; write nothing");
}

}  // namespace mailquench::cli
