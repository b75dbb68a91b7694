#include "agent/mail/exchange/transport_paths.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/config_file.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::exchange {
namespace {
constexpr char kInstallPath[] = "%ExchangeInstallPath%";

// The variable ends with a separator where Exchange sets it, and need not be in this process'
// environment.
std::string Expand(const std::string& value, const Installation& installation) {
  std::string out;
  std::string rest = value;
  const std::string name = kInstallPath;
  for (std::size_t at = 0; at < rest.size();) {
    if (absl::EqualsIgnoreCase(rest.substr(at, name.size()), name)) {
      out += JoinPath(installation.path, "");
      at += name.size();
      if (at < rest.size() && (rest[at] == '\\' || rest[at] == '/')) ++at;
    } else {
      out.push_back(rest[at++]);
    }
  }
  return Trimmed(ExpandVariables(out));
}

absl::StatusOr<std::string> Checked(const std::string& path,
                                    const std::string& setting,
                                    const std::string& from) {
  if (IsAbsolutePath(path) && !ParentOf(path).empty() && path.find('\n') == std::string::npos)
    return path;
  return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
               absl::StrCat(setting, " in ", from, " is '", path,
                            "', which is no folder of its own with an absolute path; nothing was "
                            "touched; correct it, then repeat"));
}

struct Setting {
  const char* property;
  std::vector<std::string> standard;
  std::string TransportPaths::*field;
};
const std::vector<Setting>& Learned() {
  static const std::vector<Setting> all = {
      {"PickupDirectoryPath", {"TransportRoles", "Pickup"}, &TransportPaths::pickup},
      {"ReplayDirectoryPath", {"TransportRoles", "Replay"}, &TransportPaths::replay},
      {"MessageTrackingLogPath",
       {"TransportRoles", "Logs", "MessageTracking"},
       &TransportPaths::tracking}};
  return all;
}
}  // namespace

std::string Join(std::string folder, const std::vector<std::string>& names) {
  for (const std::string& name : names) folder = JoinPath(folder, name);
  return folder;
}

absl::StatusOr<TransportPaths> FindPaths(const Installation& installation,
                                         const std::string& remembered) {
  const std::string file = Join(installation.path, {"Bin", "EdgeTransport.exe.config"});
  const auto bad = [&](const absl::Status& status) {
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_CONFIG",
                 absl::StrCat(file, " does not say where the queue is (", status.message(),
                              "); nothing was touched; repair the file, then repeat"));
  };
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return bad(text.status());
  const auto settings = ParseAppSettings(*text);
  if (!settings.ok()) return bad(settings.status());
  TransportPaths paths;
  const std::string standard = Join(installation.path, {"TransportRoles", "data", "Queue"});
  const auto path_of = [&](const char* name) -> absl::StatusOr<std::string> {
    const auto found = settings->find(absl::AsciiStrToLower(name));
    if (found == settings->end() || found->second.empty()) return standard;
    return Checked(Expand(found->second, installation), name, file);
  };
  MQ_ASSIGN_OR_RETURN(paths.queue, path_of("QueueDatabasePath"));
  MQ_ASSIGN_OR_RETURN(paths.logs, path_of("QueueDatabaseLoggingPath"));
  nlohmann::json learned;
  if (!remembered.empty())
    learned = nlohmann::json::parse(ReadFile(remembered).value_or(""), nullptr, false);
  for (const Setting& one : Learned()) {
    const auto found = learned.is_object() ? learned.find(one.property) : learned.end();
    const bool known = learned.is_object() && found != learned.end() && found->is_string();
    paths.*one.field = known ? found->get<std::string>() : Join(installation.path, one.standard);
    if (!(paths.*one.field).empty())
      MQ_RETURN_IF_ERROR(Checked(paths.*one.field, one.property, "Get-TransportService").status());
  }
  return paths;
}

absl::Status LearnPaths(Shell& shell,
                        const Installation& installation,
                        const std::string& remembered,
                        absl::Time deadline) {
  Pipeline pipeline;
  pipeline.cmdlets.push_back({"Get-TransportService", {{"Identity", installation.server}}});
  for (const Setting& one : Learned()) pipeline.fields.emplace_back(one.property);
  MQ_ASSIGN_OR_RETURN(const Answer answer, shell.Run(pipeline, deadline));
  if (answer.rows.size() != 1 || remembered.empty()) return absl::OkStatus();
  nlohmann::json learned = nlohmann::json::object();
  for (const Setting& one : Learned()) {
    const auto cell = answer.rows[0].find(one.property);
    if (cell != answer.rows[0].end()) learned[one.property] = Trimmed(cell->second.text());
  }
  const std::string text = learned.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (ReadFile(remembered).value_or("") == text) return absl::OkStatus();
  return WriteFileAtomically(remembered, text, 0600);
}

std::vector<std::string> QuarantineRoots(const TransportPaths& paths) {
  std::vector<std::string> roots;
  for (const std::string* path : {&paths.queue, &paths.logs, &paths.pickup, &paths.replay}) {
    if (path->empty()) continue;
    roots.push_back(RootOf(*path, ""));
    roots.push_back(RootOf(*path, kInside));
  }
  return roots;
}

}  // namespace mailquench::agent::exchange
