#include "controller/escalation/label_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/text/harmless.h"
#include "controller/fleet/selectors.h"
#include "re2/re2.h"

namespace mailquench::controller {
namespace {

// The terms of a selector: what stands between commas that are in no parentheses.
std::vector<std::string> TermsOf(const std::string& selector) {
  std::vector<std::string> terms(1);
  bool inside = false;
  for (const char c : selector) {
    if (c == '(') inside = true;
    if (c == ')') inside = false;
    if (c == ',' && !inside) {
      terms.emplace_back();
    } else {
      terms.back().push_back(c);
    }
  }
  return terms;
}

}  // namespace

std::string LabelOf(const v1::Alert& alert, const std::string& name) {
  const auto found = alert.labels().find(name);
  return found == alert.labels().end() ? "" : found->second;
}

std::string ExpandLabels(const std::string& text,
                         const std::function<std::string(const std::string&)>& value) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t from = text.find("${", at);
    const std::size_t to = from == std::string::npos ? from : text.find('}', from);
    if (to == std::string::npos) return out + text.substr(at);
    absl::StrAppend(&out, text.substr(at, from - at), value(text.substr(from + 2, to - from - 2)));
    at = to + 1;
  }
}

std::set<std::string> LabelsIn(const std::string& text) {
  std::set<std::string> names;
  ExpandLabels(text, [&](const std::string& name) {
    names.insert(name);
    return "";
  });
  return names;
}

std::string WrongLabelText(const std::string& text) {
  static const RE2* const kRest = new RE2("(?s).*\\$\\{[^}]*");
  static const RE2* const kName = new RE2("[a-zA-Z_][a-zA-Z0-9_]*");
  for (const std::string& name : LabelsIn(text)) {
    if (!RE2::FullMatch(name, *kName))
      return absl::StrCat("'${", name, "}' names no label of an alert");
  }
  // What ExpandLabels leaves as it was has no }.
  if (RE2::FullMatch(ExpandLabels(text, [](const std::string&) { return ""; }), *kRest))
    return "a '${' has no '}'";
  return "";
}

std::string WrongSelector(const std::string& text) {
  std::string wrong = WrongLabelText(text);
  if (!wrong.empty()) return wrong;
  static const RE2* const kDemand = new RE2("\\s*[A-Za-z0-9._/-]+\\s*(=|in\\s*\\().*");
  for (const std::string& term : TermsOf(text)) {
    if (!LabelsIn(term).empty() && !RE2::FullMatch(term, *kDemand))
      return absl::StrCat(
          "in '", term,
          "' a ${label} is no value that hosts must have: write KEY=${label} or KEY "
          "in (${label})");
  }
  const absl::StatusOr<Selector> selector =
      Selector::Parse(ExpandLabels(text, [](const std::string&) { return "x"; }));
  if (!selector.ok()) return std::string(selector.status().message());
  return selector->Keys().empty() ? "the selector is empty, which would be every host" : "";
}

bool IsPlainValue(const std::string& value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == '/';
  });
}

std::string Shown(const std::string& text) {
  constexpr std::size_t kMost = 100;
  if (text.size() <= kMost) return Harmless(text);
  std::string cut = text.substr(0, kMost);
  cut.resize(cut.size() - CutAtEnd(cut));
  return Harmless(cut) + "...";
}

}  // namespace mailquench::controller
