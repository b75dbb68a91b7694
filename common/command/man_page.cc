#include "common/command/man_page.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/command/tree.h"

namespace mailquench::command {
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

void Overview(const CLI::App& root, std::string* out) {
  for (const CLI::App* noun : Visible(root)) {
    absl::StrAppend(out, ".TP\n.B ", Roff(noun->get_name()), "\n", Roff(noun->get_description()),
                    "\n");
    for (const CLI::App* verb : Visible(*noun)) {
      absl::StrAppend(out, ".br\n", Roff(FullName(*verb)), ": ", Roff(verb->get_description()),
                      "\n");
    }
  }
}

}  // namespace

std::string ManPage(const CLI::App& app, const ManText& text) {
  const std::string name = absl::StrReplaceAll(FullName(app), {{" ", "-"}});
  std::string out = absl::StrCat(".TH ", Roff(name), " ", text.section, "\n.SH NAME\n", Roff(name),
                                 " \\- ", Roff(app.get_description()), "\n.SH SYNOPSIS\n.B ",
                                 Roff(FullName(app)), "\nCOMMAND [OPTIONS]\n.SH EXAMPLES\n");
  Examples(app, &out);
  const bool root = app.get_parent() == nullptr;
  if (!Visible(app).empty()) out += ".SH COMMANDS\n";
  if (root && text.overview) {
    Overview(app, &out);
    out += ".SH OPTIONS\n";
    Options(app, &out);
  } else {
    Options(app, &out);
    Commands(app, &out);
  }
  if (!root) return out;
  for (const ManText::Part& part : text.parts) {
    absl::StrAppend(&out, ".SH ", part.title, "\n");
    if (!part.text.empty()) absl::StrAppend(&out, Roff(part.text), "\n");
    for (const auto& [term, what] : part.terms)
      absl::StrAppend(&out, ".TP\n.B ", Roff(term), "\n", Roff(what), "\n");
  }
  return out;
}

void AddManCommand(CLI::App* root,
                   const std::function<std::unique_ptr<CLI::App>()>& fresh,
                   const ManText& text,
                   std::function<int()>* action) {
  const std::string program = root->get_name();
  CLI::App* app = AddCommand(root, "man", "The manual page as roff",
                             {absl::StrCat(program, " man | man -l -")});
  app->callback([=] {
    *action = [=] {
      const std::string page = ManPage(*fresh(), text);
      std::fputs(page.c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace mailquench::command
