#include "common/command/tree.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/command/words.h"
#include "common/text/suggest.h"

namespace mailquench::command {
namespace {

// Help that begins with what a person in a hurry wants: examples.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app,
                        std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string rest = CLI::Formatter::make_help(app, std::move(name), mode);
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

std::string Indented(const std::vector<std::string>& examples) {
  std::string text;
  for (const std::string& example : examples) absl::StrAppend(&text, "  ", example, "\n");
  return text;
}

}  // namespace

std::unique_ptr<CLI::App> NewRoot(const std::string& program,
                                  const std::string& summary,
                                  const std::vector<std::string>& examples) {
  auto root = std::make_unique<CLI::App>(summary, program);
  auto formatter = std::make_shared<ExamplesFirst>();
  formatter->column_width(34);
  root->formatter(formatter);
  root->footer(Indented(examples));
  return root;
}

CLI::App* AddCommand(CLI::App* parent,
                     const std::string& name,
                     const std::string& summary,
                     const std::vector<std::string>& examples) {
  CLI::App* app = parent->add_subcommand(name, summary);
  app->footer(Indented(examples));
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

std::string UnknownWord(const CLI::App& root, const std::vector<std::string>& args) {
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

std::optional<int> Parse(CLI::App& root, int argc, const char* const* argv) {
  const auto deepest = [&root] {
    const CLI::App* at = &root;
    while (!at->get_subcommands().empty()) at = at->get_subcommands()[0];
    return at;
  };
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const std::string help = deepest()->help(std::string(), CLI::AppFormatMode::Normal);
    std::fputs(help.c_str(), stdout);
    return EndOutput(root.get_name(), 0);
  } catch (const CLI::ParseError& error) {  // CLI11 has no other way to say it.
    const std::string unknown = UnknownWord(root, {argv + 1, argv + argc});
    const std::string why = unknown.empty() ? absl::StrCat(error.what(), ".") : unknown;
    Say(root.get_name(), absl::StrCat(why, " Nothing was done; `", FullName(*deepest()),
                                      " --help` begins with examples."));
    return 1;
  }
  return std::nullopt;
}

}  // namespace mailquench::command
