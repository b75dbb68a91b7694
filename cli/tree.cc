#include "cli/tree.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/completion.h"
#include "cli/core/exit_code.h"
#include "cli/nouns/check.h"
#include "cli/output/failure.h"
#include "cli/output/guard.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

// An option takes one value each time that it is given: "--account a Q" must not swallow Q.
void OneValueAnOption(CLI::App* app) {
  for (CLI::Option* option : app->get_options()) {
    if (!option->get_positional() && option->get_expected_max() > 1) {
      option->allow_extra_args(false);
    }
  }
  for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) OneValueAnOption(sub);
}

}  // namespace

std::unique_ptr<CLI::App> BuildTree(Session* session) {
  auto root = command::NewRoot(
      "mailquench",
      "Contains mail-server abuse over a fleet: set queued mail aside, close the relay, find the "
      "cause, put everything back.",
      {"mailquench run contain -l role=edge --reason \"outbound spam\"   # the one in a fire",
       "mailquench incident list                                      # what is open",
       "mailquench quarantine release Q --except-account mallory      # give back what is good",
       "mailquench run restore --incident I                           # undo the lock",
       "mailquench run --help                                         # more of each"});
  root->fallthrough();
  root->add_option("-o,--output", session->flags.output,
                   "table, wide, json, yaml or jsonl. JSON names are lowerCamelCase")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml", "jsonl"}))
      ->type_name("FORMAT");
  root->add_option("--context", session->flags.context,
                   "Which controller; else $MAILQUENCH_CONTEXT, else the current one")
      ->type_name("CONTEXT");
  root->add_option("--config", session->flags.config,
                   "The file of contexts; else $MAILQUENCH_CONFIG")
      ->type_name("FILE");
  root->add_option("--timeout", session->flags.timeout,
                   "Give up waiting after this long (exit 124); what was started goes on")
      ->type_name("DURATION");
  AddRun(root.get(), session);
  AddIncident(root.get(), session);
  AddEscalation(root.get(), session);
  AddNotification(root.get(), session);
  AddQuarantine(root.get(), session);
  AddSender(root.get(), session);
  AddRelay(root.get(), session);
  AddShadow(root.get(), session);
  AddEgress(root.get(), session);
  AddBlacklist(root.get(), session);
  AddAntivirus(root.get(), session);
  AddDelist(root.get(), session);
  AddMx(root.get(), session);
  AddHost(root.get(), session);
  AddToken(root.get(), session);
  AddPlaybook(root.get(), session);
  AddAudit(root.get(), session);
  AddCheck(root.get(), session);
  AddContext(root.get(), session);
  AddWhoAmI(root.get(), session);
  AddCompletion(root.get(), session);
  AddMan(root.get(), session);
  OneValueAnOption(root.get());
  return root;
}

namespace {

constexpr char kCheck[] = "check";

int ParseAndDo(const std::vector<std::string>& args, const Environment& environment) {
  std::ostream& out = *environment.out;
  Session session(environment);
  if (!args.empty() && args[0] == "__complete") {
    return Complete(std::vector<std::string>(args.begin() + 1, args.end()), &session);
  }
  const std::unique_ptr<CLI::App> root = BuildTree(&session);
  root->require_subcommand(1);
  // Of a plugin even a mistake is a verdict, and what else would be an error on stderr its text.
  const auto fail = [&](const absl::Status& status, int code) {
    if ((!args.empty() && args[0] == kCheck) || root->got_subcommand(kCheck))
      return PluginFailure(session, "MAILQUENCH", status);
    PrintError(session, status);
    return code;
  };
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    root->parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* at = root.get();
    while (!at->get_subcommands().empty()) at = at->get_subcommands()[0];
    out << at->help(std::string(), CLI::AppFormatMode::Normal);
    return kExitOk;
  } catch (const CLI::ParseError& error) {  // CLI11 has no other way to say it.
    const std::string suggestion = command::UnknownWord(*root, args);
    const CLI::App* at = root.get();
    while (!at->get_subcommands().empty()) at = at->get_subcommands()[0];
    return fail(
        UsageError(absl::StrCat(suggestion.empty() ? absl::StrCat(error.what(), ".") : suggestion,
                                " `", FullName(*at), " --help` begins with examples.")),
        kExitUsage);
  }
  if (session.flags.output == "wide") {
    session.flags.output = "table";
    session.flags.wide = true;
  }
  absl::Status status = session.StartClock();
  if (status.ok() && session.action) {
    auto code = session.action();
    if (code.ok()) return *code;
    status = code.status();
  }
  if (status.ok()) return kExitOk;
  return fail(status, ExitCodeOf(status));
}

}  // namespace

int Main(const std::vector<std::string>& args, const Environment& environment) {
  Guard guarded_out(environment.out->rdbuf());
  Guard guarded_err(environment.err->rdbuf());
  std::ostream out(&guarded_out);
  std::ostream err(&guarded_err);
  Environment guarded = environment;
  guarded.out = &out;
  guarded.err = &err;
  const int code = ParseAndDo(args, guarded);
  // What could not be written is known to the guard's stream alone.
  if (!out.flush()) environment.out->setstate(std::ios::badbit);
  return code;
}

}  // namespace mailquench::cli
