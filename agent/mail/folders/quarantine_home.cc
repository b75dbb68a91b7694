#include "agent/mail/folders/quarantine_home.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
std::vector<std::string> Remembered(const Disk& disk) {
  const auto text =
      disk.remembered.empty() ? std::string() : ReadFile(disk.remembered).value_or("");
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// Before the folder is made: one that nobody knows of holds mail that nobody finds.
absl::Status Remember(const std::string& root, const Disk& disk) {
  if (disk.remembered.empty()) return absl::OkStatus();
  std::vector<std::string> roots = Remembered(disk);
  if (std::find(roots.begin(), roots.end(), root) != roots.end()) return absl::OkStatus();
  roots.push_back(root);
  return WriteFileAtomically(disk.remembered, absl::StrJoin(roots, "\n") + "\n", 0600);
}

// Each once, whatever way it is written.
std::vector<std::string> AllRoots(const std::vector<std::string>& named, const Disk& disk) {
  std::set<std::string> all(named.begin(), named.end());
  for (const std::string& root : Remembered(disk)) all.insert(root);
  std::vector<std::string> roots;
  std::vector<FileIdentity> seen;
  for (const std::string& root : all) {
    const auto identity = IdentityOf(root);
    if (identity.ok() && std::find(seen.begin(), seen.end(), *identity) != seen.end()) continue;
    if (identity.ok()) seen.push_back(*identity);
    roots.push_back(root);
  }
  return roots;
}

absl::Status Unknown(const std::string& quarantine_id) {
  return Error(absl::StatusCode::kNotFound, "UNKNOWN_QUARANTINE",
               absl::StrCat("no quarantine '", Printable(quarantine_id),
                            "' is on this host; nothing was touched, list the quarantines"));
}

absl::Status NoLink(const std::string& folder, const Disk& disk) {
  return disk.for_each(folder, [](const FolderEntry&) -> absl::StatusOr<bool> { return false; });
}
}  // namespace

bool IsInside(const std::string& label) {
  return absl::EndsWith(label, kInside);
}

std::string RootOf(const std::string& folder, const std::string& label) {
  return JoinPath(IsInside(label) ? folder : ParentOf(folder), kQuarantines);
}

std::string HomeOf(const std::string& folder, const std::string& quarantine_id) {
  return JoinPath(RootOf(folder, ""), quarantine_id);
}

Item ItemOf(const std::string& label, const std::string& path, const std::string& quarantine_id) {
  return {label, path, JoinPath(JoinPath(RootOf(path, label), quarantine_id), label)};
}

Manifest NewManifest(const std::string& instance,
                     const v1::QueueQuarantine& request,
                     const std::string& quarantine_id,
                     const std::string& command_id) {
  Manifest manifest;
  manifest.quarantine_id = quarantine_id;
  manifest.command_id = command_id;
  manifest.instance = instance;
  manifest.reason = request.reason();
  manifest.incident_id = request.incident_id();
  manifest.create_time = absl::Now();
  return manifest;
}

DirectoryIdentity RecordOf(const Item& item, const FileIdentity& identity) {
  return {absl::StrCat(item.label, ":", item.path), identity.volume, identity.number};
}

absl::StatusOr<std::vector<Item>> ItemsOf(const Manifest& manifest) {
  std::vector<Item> items;
  for (const DirectoryIdentity& original : manifest.originals) {
    const std::size_t colon = original.name.find(':');
    const std::string label = original.name.substr(0, colon);
    const std::string path = colon == std::string::npos ? "" : original.name.substr(colon + 1);
    if (!IsPlainName(label) || !IsAbsolutePath(path) || ParentOf(path).empty())
      return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                   absl::StrCat("the manifest of quarantine ", manifest.quarantine_id,
                                " names a folder that cannot be one; the mail beside it was left "
                                "as it was, look at the file by hand"));
    items.push_back(ItemOf(label, path, manifest.quarantine_id));
  }
  return items;
}

absl::Status MakePlace(const std::string& folder, const Disk& disk) {
  const std::string root = ParentOf(folder);
  if (absl::EndsWith(root, kQuarantines)) MQ_RETURN_IF_ERROR(Remember(root, disk));
  MQ_RETURN_IF_ERROR(MakeDirectories(root, 0700));
  MQ_RETURN_IF_ERROR(NoLink(root, disk));
  MQ_RETURN_IF_ERROR(MakeDirectories(folder, 0700));
  return NoLink(folder, disk);
}

absl::StatusOr<OpenQuarantine> OpenById(const std::vector<std::string>& roots,
                                        const std::string& quarantine_id,
                                        const Disk& disk) {
  if (!IsQuarantineId(quarantine_id)) return Unknown(quarantine_id);
  for (const std::string& root : AllRoots(roots, disk)) {
    OpenQuarantine open;
    open.home = JoinPath(root, quarantine_id);
    const absl::Status there = NoLink(open.home, Disk());
    if (absl::IsNotFound(there)) continue;
    MQ_RETURN_IF_ERROR(there);
    absl::StatusOr<Manifest> manifest = ReadManifest(open.home);
    // Files of a folder that had another parent; or nothing yet.
    if (absl::IsNotFound(manifest.status())) continue;
    MQ_RETURN_IF_ERROR(manifest.status());
    open.manifest = *std::move(manifest);
    MQ_ASSIGN_OR_RETURN(open.items, ItemsOf(open.manifest));
    return open;
  }
  return Unknown(quarantine_id);
}

absl::StatusOr<std::vector<v1::QuarantineInfo>> ListHomes(const std::vector<std::string>& roots,
                                                          const Disk& disk) {
  std::vector<v1::QuarantineInfo> out;
  for (const std::string& root : AllRoots(roots, disk)) {
    const absl::Status walked =
        ForEachEntry(root, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
          if (entry.kind != FolderEntry::Kind::kFolder || !IsQuarantineId(entry.name)) return true;
          const std::string home = JoinPath(root, entry.name);
          absl::StatusOr<Manifest> manifest = ReadManifest(home);
          if (absl::IsNotFound(manifest.status())) return true;
          if (!manifest.ok()) {
            manifest = Manifest();
            manifest->quarantine_id = entry.name;
            manifest->create_time = absl::UnixEpoch();
          }
          out.push_back(InfoOf(*manifest, home));
          return true;
        });
    if (!walked.ok() && !absl::IsNotFound(walked)) return walked;
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const auto key = [](const v1::QuarantineInfo& q) {
      return std::make_tuple(q.create_time().seconds(), q.create_time().nanos(), q.quarantine_id());
    };
    return key(a) < key(b);
  });
  return out;
}

std::vector<OpenQuarantine> IncompleteSwaps(const std::vector<std::string>& roots,
                                            const Disk& disk) {
  std::vector<OpenQuarantine> out;
  // Where they cannot be listed none of them can be told; the sweep itself says what is wrong.
  const absl::StatusOr<std::vector<v1::QuarantineInfo>> list = ListHomes(roots, disk);
  if (!list.ok()) return out;
  for (const v1::QuarantineInfo& info : *list) {
    absl::StatusOr<OpenQuarantine> open = OpenById(roots, info.quarantine_id(), disk);
    // A damaged one is listed, and keeps nobody from the others.
    if (!open.ok() || open->manifest.complete || open->manifest.selective) continue;
    out.push_back(*std::move(open));
  }
  return out;
}

}  // namespace mailquench::agent
