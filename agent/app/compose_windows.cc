#include <windows.h>
// After windows.h.
#include <knownfolders.h>
#include <shlobj.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/antivirus/defender/defender_antivirus.h"
#include "agent/antivirus/defender/security_center.h"
#include "agent/app/platform.h"
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/mail/exchange/powershell/session.h"
#include "agent/mail/none/none_mail_system.h"
#include "agent/mail/smtpsvc/metabase_open.h"
#include "agent/mail/smtpsvc/smtpsvc_mail_system.h"
#include "agent/os/counters.h"
#include "agent/os/service_manager.h"
#include "agent/os/wmi.h"
#include "common/os/system_library.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kSmtpService[] = "SMTPSVC";

// A text of the registry; "" where there is none.
std::string FromRegistry(const wchar_t* key, const wchar_t* name) {
  wchar_t text[256] = L"";
  DWORD bytes = sizeof text;
  const LSTATUS got =
      ::RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_SZ, nullptr, text, &bytes);
  return got == ERROR_SUCCESS ? os::ToUtf8(text) : "";
}

// "Windows Server 2019 Standard, IIS Version 10.0"
std::string SmtpServiceVersion() {
  const std::string windows =
      FromRegistry(L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", L"ProductName");
  const std::string iis = FromRegistry(L"SOFTWARE\\Microsoft\\InetStp", L"VersionString");
  return absl::StrCat(windows, windows.empty() || iis.empty() ? "" : ", ",
                      iis.empty() ? "" : "IIS ", iis);
}

absl::StatusOr<std::unique_ptr<MailSystem>> OpenSmtpService(const std::string& state_dir) {
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<smtpsvc::Metabase> metabase, smtpsvc::OpenMetabase());
  smtpsvc::SmtpsvcOptions options;
  options.version = SmtpServiceVersion();
  options.service.state_directory = state_dir;
  return std::unique_ptr<MailSystem>(smtpsvc::SmtpsvcMailSystem::Own(
      std::move(metabase), MakeServiceManager(), MakeCounters(), options));
}

std::unique_ptr<MailSystem> OpenExchange(const exchange::Installation& installation,
                                         const AgentConfig& config,
                                         const std::string& state_dir) {
  exchange::SessionOptions session = exchange::OptionsFor(installation);
  if (!config.exchange_connection_uri.empty())
    session.connection_uri = config.exchange_connection_uri;
  session.program = config.exchange_powershell;
  exchange::ExchangeOptions options;
  options.state_directory = state_dir;
  return exchange::ExchangeMailSystem::Own(installation, exchange::MakeSession(session),
                                           MakeServiceManager(), options);
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
  return name == "auto" || name == "exchange" || name == "smtpsvc" || name == "none";
}

const char* MailSystemNames() {
  return "auto, exchange, smtpsvc or none";
}

absl::StatusOr<std::unique_ptr<MailSystem>> ChooseMailSystem(const AgentConfig& config,
                                                             const std::string& state_dir) {
  if (config.mail_system == "none") return std::unique_ptr<MailSystem>(new NoneMailSystem());
  if (config.mail_system == "smtpsvc") return OpenSmtpService(state_dir);
  const auto installation = exchange::FindInstallation();
  if (installation.ok()) return OpenExchange(*installation, config, state_dir);
  if (config.mail_system == "exchange" || ReasonOf(installation.status()) != "NO_EXCHANGE")
    return installation.status();
  const auto there = MakeServiceManager()->Query(kSmtpService);
  if (there.ok()) return OpenSmtpService(state_dir);
  if (!absl::IsNotFound(there.status())) return there.status();
  return std::unique_ptr<MailSystem>(new NoneMailSystem());
}

std::vector<std::unique_ptr<Antivirus>> KnownAntivirus(const AntivirusConfig& config) {
  std::vector<std::unique_ptr<Antivirus>> known;
  const std::shared_ptr<Wmi> wmi = MakeWmi();
  if (config.defender)
    known.push_back(std::make_unique<defender::DefenderAntivirus>(wmi, MakeServiceManager()));
  known.push_back(std::make_unique<defender::SecurityCenter>(wmi));
  return known;
}

// "D:\\Quarantine\\x": a drive's, no share's, since the service reaches none by itself.
bool IsPlainPath(const std::string& path) {
  if (path.size() < 4 || !absl::ascii_isalpha(path[0]) || path[1] != ':') return false;
  const std::vector<std::string> parts = absl::StrSplit(path, absl::ByAnyChar("/\\"));
  return parts.size() > 1 && parts[0].size() == 2 &&
         std::all_of(parts.begin() + 1, parts.end(), IsPlainPart);
}

std::string DefaultStateDir() {
  const os::SystemLibrary shell(L"shell32.dll");
  auto* const find =
      shell.Get<HRESULT WINAPI(REFKNOWNFOLDERID, DWORD, HANDLE, PWSTR*)>("SHGetKnownFolderPath");
  wchar_t* folder = nullptr;
  const bool found = find != nullptr && SUCCEEDED(find(FOLDERID_ProgramData, 0, nullptr, &folder));
  const std::string data = found ? os::ToUtf8(folder) : "C:\\ProgramData";
  ::CoTaskMemFree(folder);
  return absl::StrCat(data, "\\mailquench-agent");
}

}  // namespace mailquench::agent
