#include "agent/mail/smtpsvc/quarantine_home.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/smtpsvc/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
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

// Where homes of quarantines can be: beside each server's queue folder, and where they ever were.
// Each once, whatever way it is written.
std::vector<std::string> Roots(const std::vector<VirtualServer>& all, const Disk& disk) {
  std::set<std::string> named;
  for (const VirtualServer& server : all) {
    const std::string parent = ParentOf(server.queue);
    if (!parent.empty() && IsAbsolutePath(server.queue))
      named.insert(JoinPath(parent, kQuarantines));
  }
  for (const std::string& root : Remembered(disk)) named.insert(root);
  std::vector<std::string> roots;
  std::vector<FileIdentity> seen;
  for (const std::string& root : named) {
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

std::string HomeOf(const std::string& folder, const std::string& quarantine_id) {
  return JoinPath(JoinPath(ParentOf(folder), kQuarantines), quarantine_id);
}

Item ItemOf(const MailFolder& folder, const std::string& quarantine_id) {
  return {folder.label, folder.path, JoinPath(HomeOf(folder.path, quarantine_id), folder.label),
          folder.badmail};
}

Manifest NewManifest(const Group& group,
                     const v1::QueueQuarantine& request,
                     const std::string& quarantine_id,
                     const std::string& command_id) {
  Manifest manifest;
  manifest.quarantine_id = quarantine_id;
  manifest.command_id = command_id;
  manifest.instance = group.servers.front().name;
  manifest.reason = request.reason();
  manifest.incident_id = request.incident_id();
  manifest.create_time = absl::Now();
  return manifest;
}

DirectoryIdentity RecordOf(const MailFolder& folder) {
  return {absl::StrCat(folder.label, ":", folder.path), folder.identity.volume,
          folder.identity.number};
}

absl::StatusOr<std::vector<Item>> ItemsOf(const Manifest& manifest) {
  std::vector<Item> items;
  for (const DirectoryIdentity& original : manifest.originals) {
    const std::size_t colon = original.name.find(':');
    MailFolder folder;
    folder.label = original.name.substr(0, colon);
    folder.path = colon == std::string::npos ? "" : original.name.substr(colon + 1);
    folder.badmail = absl::StartsWith(folder.label, "Badmail");
    if (!IsPlainName(folder.label) || !IsAbsolutePath(folder.path) || ParentOf(folder.path).empty())
      return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                   absl::StrCat("the manifest of quarantine ", manifest.quarantine_id,
                                " names a folder that cannot be one; the mail beside it was left "
                                "as it was, look at the file by hand"));
    items.push_back(ItemOf(folder, manifest.quarantine_id));
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

absl::StatusOr<OpenQuarantine> OpenById(const std::vector<VirtualServer>& all,
                                        const std::string& quarantine_id,
                                        const Disk& disk) {
  if (!IsQuarantineId(quarantine_id)) return Unknown(quarantine_id);
  for (const std::string& root : Roots(all, disk)) {
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

bool HasFolderOf(const OpenQuarantine& open, const VirtualServer& server) {
  return std::any_of(open.items.begin(), open.items.end(), [&](const Item& item) {
    return item.path == Trimmed(server.queue) || item.path == Trimmed(server.badmail);
  });
}

absl::StatusOr<std::vector<v1::QuarantineInfo>> ListHomes(const std::vector<VirtualServer>& all,
                                                          const Disk& disk) {
  std::vector<v1::QuarantineInfo> out;
  for (const std::string& root : Roots(all, disk)) {
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

}  // namespace mailquench::agent::smtpsvc
