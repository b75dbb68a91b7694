#include "agent/antivirus/scan_place.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "agent/antivirus/antivirus.h"
#include "agent/os/folder.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// "/", "/a", "/a/b"; "D:\\", "D:\\a".
std::vector<std::string> FromTheRoot(const std::string& path) {
  const bool drive =
      path.size() > 2 && path[1] == ':' && std::isalpha(static_cast<unsigned char>(path[0])) != 0;
  const char* const separators = drive ? "/\\" : "/";
  const std::size_t root = drive ? 3 : 1;
  std::vector<std::string> out = {path.substr(0, root)};
  for (std::size_t at = root; at < path.size();) {
    const std::size_t end = std::min(path.find_first_of(separators, at), path.size());
    if (end > at) out.push_back(path.substr(0, end));
    at = end + 1;
  }
  return out;
}

// Of a folder itself, no link.
absl::Status IsFolder(const std::string& path) {
  return ForEachEntry(path, [](const FolderEntry&) -> absl::StatusOr<bool> { return false; });
}

absl::StatusOr<std::vector<FileIdentity>> IdentitiesOf(const std::vector<std::string>& paths) {
  std::vector<FileIdentity> out;
  for (const std::string& path : paths) {
    MQ_ASSIGN_OR_RETURN(out.emplace_back(), IdentityOf(path));
  }
  return out;
}

bool Has(const std::vector<FileIdentity>& all, const FileIdentity& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// What it is called without links; as it is where that cannot be told.
std::string WithoutLinks(const std::string& path) {
  std::error_code failed;
  const std::u8string real =
      std::filesystem::canonical(std::u8string(path.begin(), path.end()), failed).u8string();
  return failed ? path : std::string(real.begin(), real.end());
}
}  // namespace

absl::Status CheckScanPlace(const std::string& path, const std::vector<std::string>& left_out) {
  const std::vector<std::string> steps = FromTheRoot(path);
  for (const std::string& step : steps) {
    const absl::Status folder = IsFolder(step);
    if (folder.ok()) continue;
    if (!absl::IsFailedPrecondition(folder)) return folder;
    if (step == steps.back() && ReadHead(step, 1).ok()) continue;  // A file.
    return Error(absl::StatusCode::kFailedPrecondition, "IS_LINK",
                 absl::StrCat(Shown(path, kMaxPath), " is, or leads through, a link at '",
                              Shown(step, kMaxPath),
                              "'; nothing of it was read; give the path that it leads to"));
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<FileIdentity> own, IdentitiesOf(steps));
  for (const std::string& folder : left_out) {
    const std::string real = WithoutLinks(folder);
    const absl::StatusOr<FileIdentity> there = IdentityOf(real);
    if (absl::IsNotFound(there.status())) continue;
    MQ_RETURN_IF_ERROR(there.status());
    MQ_ASSIGN_OR_RETURN(const std::vector<FileIdentity> above, IdentitiesOf(FromTheRoot(real)));
    if (!Has(own, *there) && !Has(above, own.back())) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "SCAN_PLACE_LEFT_OUT",
                 absl::StrCat("this scan takes away what it finds, and ", Shown(path, kMaxPath),
                              " is in, or above, ", Shown(folder, kMaxPath),
                              ", where mail is; nothing was scanned; name another path, and scan "
                              "what was set aside by quarantine.scan"));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent
