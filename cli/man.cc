// man: manual pages as roff, from the same tree that parses.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/core/exit_code.h"
#include "cli/core/suggest.h"
#include "cli/tree.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

std::string Roff(const std::string& text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  // A line that begins with a control character would be taken for a request.
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out = absl::StrCat("\\&", out);
  return out;
}

void Options(const CLI::App& app, std::string* out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    std::string head =
        option->get_positional() ? option->get_name() : option->get_name(false, true);
    if (!option->get_positional() && option->get_expected_max() > 0) {
      absl::StrAppend(&head, " ", option->get_type_name());
    }
    absl::StrAppend(out, ".TP\n.B ", Roff(head), "\n", Roff(option->get_description()), "\n");
  }
}

void Examples(const CLI::App& app, std::string* out) {
  if (app.get_footer().empty()) return;
  absl::StrAppend(out, ".nf\n", Roff(app.get_footer()), ".fi\n");
}

void Commands(const CLI::App& app, std::string* out) {
  for (const CLI::App* sub : Visible(app)) {
    absl::StrAppend(out, ".SS ", Roff(FullName(*sub)), "\n", Roff(sub->get_description()), "\n");
    Examples(*sub, out);
    Options(*sub, out);
    Commands(*sub, out);
  }
}

std::string Page(const CLI::App& app) {
  const std::string name = absl::StrReplaceAll(FullName(app), {{" ", "-"}});
  std::string out = absl::StrCat(".TH ", Roff(name), " 1\n.SH NAME\n", Roff(name), " \\- ",
                                 Roff(app.get_description()), "\n.SH SYNOPSIS\n.B ",
                                 Roff(FullName(app)), "\nCOMMAND [OPTIONS]\n.SH EXAMPLES\n");
  Examples(app, &out);
  if (app.get_parent() == nullptr) {
    out += ".SH COMMANDS\n";
    for (const CLI::App* noun : Visible(app)) {
      absl::StrAppend(&out, ".TP\n.B ", Roff(noun->get_name()), "\n", Roff(noun->get_description()),
                      "\n");
      for (const CLI::App* verb : Visible(*noun)) {
        absl::StrAppend(&out, ".br\n", Roff(FullName(*verb)), ": ", Roff(verb->get_description()),
                        "\n");
      }
    }
    out += ".SH OPTIONS\n";
    Options(app, &out);
    out +=
        ".SH EXIT STATUS\n"
        "0 ok; 1 usage or internal; 2 some hosts failed; 3 some hosts are unreachable or "
        "unknown, none failed; 4 authentication or permission; 5 stopped by a gate or "
        "cancelled; 6 approval pending; 7 no host matched; 124 deadline.\n"
        ".SH OUTPUT\n"
        "Data is on stdout, progress, questions and errors are on stderr. JSON and YAML are one "
        "document; of a command that may start several runs (quarantine analyse, release and "
        "discard, run restore) it is an array, also of a single run. jsonl is one line each.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n.B MAILQUENCH_CONFIG\nThe file of contexts.\n"
        ".TP\n.B MAILQUENCH_CONTEXT\nWhich context to use.\n"
        ".TP\n.B NO_COLOR\nNo colour when set.\n"
        ".SH FILES\n~/.config/mailquench/config.yaml\n";
  } else {
    if (!Visible(app).empty()) out += ".SH COMMANDS\n";
    Options(app, &out);
    Commands(app, &out);
  }
  return out;
}

}  // namespace

void AddMan(CLI::App* root, Session* session) {
  auto name = std::make_shared<std::string>();
  CLI::App* app = AddCommand(root, "man", "Manual pages as roff",
                             {"mailquench man | man -l -", "mailquench man run | man -l -"});
  app->add_option("NOUN", *name, "Of one noun; none: of the whole")->type_name("NOUN");
  app->callback([=] {
    session->action = [=]() -> absl::StatusOr<int> {
      // A fresh tree: the one that was parsed remembers what was given to it.
      const std::unique_ptr<CLI::App> tree = BuildTree(session);
      const CLI::App* page = name->empty() ? tree.get() : nullptr;
      std::vector<std::string> names;
      for (const CLI::App* noun : Visible(*tree)) {
        names.push_back(noun->get_name());
        if (noun->get_name() == *name) page = noun;
      }
      if (page == nullptr) {
        return UsageError(
            absl::StrCat("There is no page '", *name, "'.", DidYouMean(*name, names)));
      }
      *session->env.out << Page(*page);
      return kExitOk;
    };
  });
}

}  // namespace mailquench::cli
