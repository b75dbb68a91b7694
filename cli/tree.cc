#include "cli/tree.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/completion.h"
#include "cli/core/exit_code.h"
#include "cli/core/suggest.h"
#include "cli/output/failure.h"
#include "cli/output/guard.h"

namespace mailquench::cli {
namespace {

// Help that begins with what a person in a hurry wants: examples.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app,
                        std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string rest = CLI::Formatter::make_help(app, name, mode);
    if (mode != CLI::AppFormatMode::Normal || app->get_footer().empty()) return rest;
    return absl::StrCat("Examples:\n", app->get_footer(), "\n", rest);
  }
  std::string make_footer(const CLI::App*) const override { return ""; }
  std::string make_usage(const CLI::App* app, std::string) const override {
    std::string out = absl::StrCat("Usage: ", FullName(*app));
    if (!app->get_options([](const CLI::Option* o) { return o->nonpositional(); }).empty()) {
      out += " [OPTIONS]";
    }
    for (const CLI::Option* option :
         app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
      const std::string name = option->get_name();
      absl::StrAppend(&out, " ", option->get_required() ? name : absl::StrCat("[", name, "]"),
                      option->get_expected_max() > 1 ? "..." : "");
    }
    if (!Visible(*app).empty()) out += " COMMAND";
    return absl::StrCat(out, "\n");
  }
};

// The first word that the tree does not know, with the nearest that it does.
std::string Suggestion(const CLI::App& root, const std::vector<std::string>& args) {
  const CLI::App* at = &root;
  bool skip_value = false;
  for (const std::string& word : args) {
    if (skip_value) {
      skip_value = false;
      continue;
    }
    if (word == "--") return "";
    if (word.size() > 1 && word[0] == '-') {
      const std::string name = word.substr(0, word.find('='));
      std::vector<std::string> known;
      const CLI::Option* found = nullptr;
      for (const CLI::App* app = at; app != nullptr; app = app->get_parent()) {
        for (const CLI::Option* option : app->get_options()) {
          for (const auto& l : option->get_lnames()) known.push_back(absl::StrCat("--", l));
          if (option->check_name(name)) found = option;
          for (const auto& s : option->get_snames()) {
            if (word.rfind(absl::StrCat("-", s), 0) == 0 && word[1] != '-') found = option;
          }
        }
      }
      if (found == nullptr) {
        return absl::StrCat("'", name, "' is no option of `", FullName(*at), "`.",
                            DidYouMean(name, known));
      }
      skip_value = found->get_expected_max() > 0 && word.find('=') == std::string::npos &&
                   (word[1] == '-' || word.size() == 2);
      continue;
    }
    const CLI::App* next = nullptr;
    std::vector<std::string> known;
    for (const CLI::App* sub : Visible(*at)) {
      known.push_back(sub->get_name());
      if (sub->get_name() == word) next = sub;
    }
    if (next != nullptr) {
      at = next;
    } else if (!known.empty()) {
      return absl::StrCat("'", word, "' is no command of `", FullName(*at), "`.",
                          DidYouMean(word, known));
    }
  }
  return "";
}

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

CLI::App* AddCommand(CLI::App* parent,
                     const std::string& name,
                     const std::string& summary,
                     const std::vector<std::string>& examples) {
  CLI::App* app = parent->add_subcommand(name, summary);
  std::string text;
  for (const std::string& example : examples) absl::StrAppend(&text, "  ", example, "\n");
  app->footer(text);
  return app;
}

std::vector<const CLI::App*> Visible(const CLI::App& app) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty() && !sub->get_name().empty()) out.push_back(sub);
  }
  return out;
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr
             ? app.get_name()
             : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

std::unique_ptr<CLI::App> BuildTree(Session* session) {
  auto root = std::make_unique<CLI::App>(
      "Contains mail-server abuse over a fleet: set queued mail aside, close the relay, find the "
      "cause, put everything back.",
      "mailquench");
  auto formatter = std::make_shared<ExamplesFirst>();
  formatter->column_width(34);
  root->formatter(formatter);
  root->fallthrough();
  root->footer(
      "  mailquench run contain -l role=edge --reason \"outbound spam\"   # the one in a fire\n"
      "  mailquench incident list                                      # what is open\n"
      "  mailquench quarantine release Q --except-account mallory      # give back what is good\n"
      "  mailquench run restore --incident I                           # undo the lock\n"
      "  mailquench run --help                                         # more of each\n");
  root->add_option("-o,--output", session->flags.output,
                   "table, json, yaml or jsonl. JSON names are lowerCamelCase")
      ->check(CLI::IsMember({"table", "json", "yaml", "jsonl"}))
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
  AddQuarantine(root.get(), session);
  AddSender(root.get(), session);
  AddRelay(root.get(), session);
  AddHost(root.get(), session);
  AddToken(root.get(), session);
  AddPlaybook(root.get(), session);
  AddAudit(root.get(), session);
  AddContext(root.get(), session);
  AddWhoAmI(root.get(), session);
  AddCompletion(root.get(), session);
  AddMan(root.get(), session);
  OneValueAnOption(root.get());
  return root;
}

int Main(const std::vector<std::string>& args, const Environment& environment) {
  Guard guarded_out(environment.out->rdbuf());
  Guard guarded_err(environment.err->rdbuf());
  std::ostream out(&guarded_out);
  std::ostream err(&guarded_err);
  Environment guarded = environment;
  guarded.out = &out;
  guarded.err = &err;
  Session session(guarded);
  if (!args.empty() && args[0] == "__complete") {
    return Complete(std::vector<std::string>(args.begin() + 1, args.end()), &session);
  }
  const std::unique_ptr<CLI::App> root = BuildTree(&session);
  root->require_subcommand(1);
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    root->parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* at = root.get();
    while (!at->get_subcommands().empty()) at = at->get_subcommands()[0];
    out << at->help(std::string(), CLI::AppFormatMode::Normal);
    return kExitOk;
  } catch (const CLI::ParseError& error) {  // CLI11 has no other way to say it.
    const std::string suggestion = Suggestion(*root, args);
    const CLI::App* at = root.get();
    while (!at->get_subcommands().empty()) at = at->get_subcommands()[0];
    PrintError(session, UsageError(absl::StrCat(
                            suggestion.empty() ? absl::StrCat(error.what(), ".") : suggestion, " `",
                            FullName(*at), " --help` begins with examples.")));
    return kExitUsage;
  }
  absl::Status status = session.StartClock();
  if (status.ok() && session.action) {
    auto code = session.action();
    if (code.ok()) return *code;
    status = code.status();
  }
  if (status.ok()) return kExitOk;
  PrintError(session, status);
  return ExitCodeOf(status);
}

}  // namespace mailquench::cli
