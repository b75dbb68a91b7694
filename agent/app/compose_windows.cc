#include <windows.h>
// After windows.h.
#include <knownfolders.h>
#include <shlobj.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/app/platform.h"
#include "agent/mail/none/none_mail_system.h"
#include "agent/os/service_manager.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kSmtpService[] = "SMTPSVC";

// The SMTP service of IIS. The one place where agent/mail/smtpsvc is to be plugged in.
absl::StatusOr<std::unique_ptr<MailSystem>> OpenSmtpService(const AgentConfig&) {
  return Error(
      absl::StatusCode::kUnimplemented, "NO_SMTPSVC",
      "this build of the agent cannot manage the SMTP service of IIS; nothing was touched, "
      "and 'mail_system: none' in agent.yaml lets it run without");
}

bool IsPlainPart(const std::string& part) {
  if (part.empty() || part == "." || part == ".." || part.back() == ' ' || part.back() == '.')
    return false;
  if (part.find_first_of("<>:\"|?*/") != std::string::npos) return false;
  if (std::any_of(part.begin(), part.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return false;
  // Devices, whatever folder they are said to be in.
  const std::string stem = absl::AsciiStrToUpper(part.substr(0, part.find('.')));
  const bool numbered = stem.size() == 4 && absl::ascii_isdigit(stem[3]) &&
                        (stem.compare(0, 3, "COM") == 0 || stem.compare(0, 3, "LPT") == 0);
  return !numbered && stem != "CON" && stem != "PRN" && stem != "AUX" && stem != "NUL";
}
}  // namespace

bool KnowsMailSystem(const std::string& name) {
  return name == "auto" || name == "smtpsvc" || name == "none";
}

const char* MailSystemNames() {
  return "auto, smtpsvc or none";
}

absl::StatusOr<std::unique_ptr<MailSystem>> ChooseMailSystem(const AgentConfig& config) {
  if (config.mail_system == "none") return std::unique_ptr<MailSystem>(new NoneMailSystem());
  if (config.mail_system == "smtpsvc") return OpenSmtpService(config);
  const auto there = MakeServiceManager()->Query(kSmtpService);
  if (there.ok()) return OpenSmtpService(config);
  if (!absl::IsNotFound(there.status())) return there.status();
  return std::unique_ptr<MailSystem>(new NoneMailSystem());
}

// "D:\\Quarantine\\x": a drive's, no share's, since the service reaches none by itself.
bool IsPlainPath(const std::string& path) {
  if (path.size() < 4 || !absl::ascii_isalpha(path[0]) || path[1] != ':') return false;
  const std::vector<std::string> parts = absl::StrSplit(path, absl::ByAnyChar("/\\"));
  return parts.size() > 1 && parts[0].size() == 2 &&
         std::all_of(parts.begin() + 1, parts.end(), IsPlainPart);
}

std::string DefaultStateDir() {
  wchar_t* folder = nullptr;
  const HRESULT found = ::SHGetKnownFolderPath(FOLDERID_ProgramData, 0, nullptr, &folder);
  const std::string data = SUCCEEDED(found) ? os::ToUtf8(folder) : "C:\\ProgramData";
  ::CoTaskMemFree(folder);
  return absl::StrCat(data, "\\mailquench-agent");
}

}  // namespace mailquench::agent
