#include "agent/mail/exchange/powershell/pipeline_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/mail/exchange/powershell/quote.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

bool AllLetters(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isalpha);
}

bool IsCmdlet(absl::string_view name) {
  const std::size_t hyphen = name.find('-');
  return hyphen != absl::string_view::npos && AllLetters(name.substr(0, hyphen)) &&
         AllLetters(name.substr(hyphen + 1));
}

// Of a parameter or a property.
bool IsName(absl::string_view name) {
  return !name.empty() && absl::ascii_isalpha(name.front()) &&
         std::all_of(name.begin(), name.end(), absl::ascii_isalnum);
}

absl::Status Bad(absl::string_view what, absl::string_view name) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND",
               absl::StrCat("'", absl::CHexEscape(name), "' is no name of a ", what,
                            " of PowerShell; nothing was sent"));
}
}  // namespace

absl::StatusOr<std::string> PipelineText(const Pipeline& pipeline) {
  if (pipeline.cmdlets.empty())
    return Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND",
                 "a pipeline without a cmdlet; nothing was sent");
  for (const std::string& field : pipeline.fields) {
    if (!IsName(field)) return Bad("property", field);
  }
  std::string text;
  for (const Cmdlet& cmdlet : pipeline.cmdlets) {
    if (!IsCmdlet(cmdlet.name)) return Bad("cmdlet", cmdlet.name);
    absl::StrAppend(&text, text.empty() ? "" : " | ", cmdlet.name);
    for (const auto& [name, value] : cmdlet.parameters) {
      if (!IsName(name)) return Bad("parameter", name);
      absl::StatusOr<std::string> argument = QuoteArgument(value);
      if (!argument.ok()) return Prepend(argument.status(), absl::StrCat(cmdlet.name, " -", name));
      absl::StrAppend(&text, " -", name, *argument);
    }
  }
  return text;
}

}  // namespace mailquench::agent::exchange
