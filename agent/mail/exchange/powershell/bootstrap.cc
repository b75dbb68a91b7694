#include "agent/mail/exchange/powershell/bootstrap.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/mail/exchange/powershell/bootstrap_text.h"
#include "common/os/program.h"

namespace mailquench::agent::exchange {
namespace {

// The command line is short: what PowerShell does not need stays here. No text of the script spans
// lines, so that each is itself without its indent.
std::string Stripped() {
  std::string out;
  const std::string text = BootstrapTexts().front();
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (!line.empty() && !absl::StartsWith(line, "#")) absl::StrAppend(&out, line, "\n");
  }
  return out;
}

// A service of the system has it; the name alone finds PowerShell in no folder of the system.
std::string WindowsPowerShell() {
  const std::string windows = os::Environment("windir");
  return absl::StrCat(windows.empty() ? "C:\\Windows" : windows,
                      "\\System32\\WindowsPowerShell\\v1.0\\powershell.exe");
}
}  // namespace

std::string EncodedBootstrap() {
  std::string wide;
  for (const char c : Stripped()) {  // The script is ASCII; a test says so.
    wide += c;
    wide += '\0';
  }
  return absl::Base64Escape(wide);
}

std::vector<std::string> BootstrapCommand(std::vector<std::string> program) {
  if (program.empty()) program.push_back(WindowsPowerShell());
  for (const char* argument : {"-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy",
                               "RemoteSigned", "-EncodedCommand"})
    program.emplace_back(argument);
  program.push_back(EncodedBootstrap());
  return program;
}

}  // namespace mailquench::agent::exchange
