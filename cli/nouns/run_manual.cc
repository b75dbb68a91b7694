#include "cli/nouns/run_manual.h"

#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/by_hand.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct ManualArgs {
  std::string run, host, step, outcome, seen, verdict;
  std::vector<std::string> before, opened, closed;
  bool dry_run = false;
};

absl::StatusOr<int> DoManual(Session* session, const ManualArgs& args) {
  v1::ListManualStepsRequest request;
  request.set_run_id(args.run);
  request.set_host(args.host);
  auto steps = session->Call(&v1::Runs::Stub::ListManualSteps, request);
  if (!steps.ok()) return steps.status();
  if (session->flags.output != "table") {
    MQ_RETURN_IF_ERROR(Print(session->flags.output, *steps, {}, *session->env.out));
    return kExitOk;
  }
  if (steps->steps_size() == 0) session->Tell("nothing waits for a person");
  const char* between = "";
  for (const v1::ManualStep& step : steps->steps()) {
    *session->env.out << between << HarmlessLines(ManualText(step));
    between = "\n";
  }
  return kExitOk;
}

absl::StatusOr<v1::ManualConfirmation> Said(const ManualArgs& args) {
  v1::ManualConfirmation said;
  MQ_ASSIGN_OR_RETURN(const v1::Outcome outcome, ParseOutcome(args.outcome));
  said.set_outcome(outcome);
  said.set_seen(args.seen);
  said.set_verdict(args.verdict);
  for (const std::string& one : args.before) {
    const auto equals = one.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(
          absl::StrCat("--before wants KEY=VALUE, not '", one, "'. Nothing was recorded."));
    v1::ManualNote* note = said.add_notes();
    note->set_key(one.substr(0, equals));
    note->set_value(one.substr(equals + 1));
  }
  const auto note_of = [&](const char* flag,
                           const std::string& key) -> absl::StatusOr<v1::ManualNote*> {
    for (v1::ManualNote& note : *said.mutable_notes()) {
      if (note.key() == key) return &note;
    }
    return UsageError(absl::StrCat(flag, " ", key, " wants --before ", key,
                                   "=VALUE beside it. Nothing was recorded."));
  };
  for (const std::string& key : args.opened) {
    MQ_ASSIGN_OR_RETURN(v1::ManualNote * note, note_of("--opened-relay", key));
    note->set_opened_relay(true);
  }
  for (const std::string& key : args.closed) {
    MQ_ASSIGN_OR_RETURN(v1::ManualNote * note, note_of("--relay-was-closed", key));
    note->set_relay_was_closed(true);
  }
  return said;
}

absl::StatusOr<int> DoConfirm(Session* session, const ManualArgs& args) {
  v1::ConfirmManualStepRequest request;
  request.set_run_id(args.run);
  request.set_host(args.host);
  request.set_step(args.step);
  MQ_ASSIGN_OR_RETURN(*request.mutable_confirmation(), Said(args));
  if (args.dry_run) {
    session->Tell(absl::StrCat("would do: confirm step ", args.step, " of ", args.host, " as ",
                               args.outcome));
    return kExitOk;
  }
  auto run = session->Call(&v1::Runs::Stub::ConfirmManualStep, request);
  if (!run.ok()) return run.status();
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *run, RunTable(*run), *session->env.out));
  return kExitOk;
}

}  // namespace

void AddRunManual(CLI::App* noun, Session* session) {
  auto args = std::make_shared<ManualArgs>();
  CLI::App* manual = AddCommand(
      noun, "manual", "What waits for a person, on hosts without an agent, and what to do there",
      {"mailquench run manual", "mailquench run manual RUN"});
  manual->add_option("RUN", args->run, "Its id; without it, all runs that go on")->type_name("RUN");
  manual->add_option("--host", args->host, "Of this host alone; name or id")->type_name("HOST");
  manual->callback([=] { session->action = [=] { return DoManual(session, *args); }; });

  auto said = std::make_shared<ManualArgs>();
  CLI::App* confirm = AddCommand(
      noun, "confirm", "Say what was done by hand on a host without an agent, and what was seen",
      {"mailquench run confirm RUN old1 quiet --outcome succeeded --verdict quiet --seen \"12 12 "
       "11 11\"",
       "mailquench run confirm RUN old1 lock --outcome succeeded --seen \"RelayForAuth 0\" "
       "--before relay.list=\"All except\" --opened-relay relay.list "
       "--before relay.authenticated=checked --relay-was-closed relay.authenticated",
       "mailquench run confirm RUN old1 1 --outcome failed --seen \"net stop: access denied\""});
  confirm->add_option("RUN", said->run, "Its id")->required()->type_name("RUN");
  confirm->add_option("HOST", said->host, "Name or id")->required()->type_name("HOST");
  confirm->add_option("STEP", said->step, "Its name, or its number from 1")
      ->required()
      ->type_name("STEP");
  confirm->add_option("--outcome", said->outcome, "How it ended")
      ->required()
      ->check(CLI::IsMember({"succeeded", "unchanged", "failed", "refused"}))
      ->type_name("OUTCOME");
  confirm->add_option("--seen", said->seen, "What was seen that says so")
      ->required()
      ->type_name("TEXT");
  confirm
      ->add_option("--before", said->before,
                   "A value as it was before, or where something is now; restore shows it")
      ->type_name("KEY=VALUE");
  confirm->add_option("--opened-relay", said->opened, "The value before let strangers relay")
      ->type_name("KEY");
  confirm
      ->add_option("--relay-was-closed", said->closed,
                   "It did not; one of the two is said of each value about relaying")
      ->type_name("KEY");
  confirm
      ->add_option("--verdict", said->verdict,
                   "queue.watch: quiet or refilling; relay.probe: closed, open or unknown")
      ->type_name("VERDICT");
  confirm->add_flag("--dry-run", said->dry_run, "Say what would be recorded; record nothing");
  confirm->callback([=] { session->action = [=] { return DoConfirm(session, *said); }; });
}

}  // namespace mailquench::cli
