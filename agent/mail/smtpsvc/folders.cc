#include "agent/mail/smtpsvc/folders.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/folders/paths.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
absl::StatusOr<bool> LookAndLeave(const FolderEntry& /*entry*/) {
  return false;
}

// nullopt: it is not there.
absl::StatusOr<std::optional<FileIdentity>> Look(const std::string& path, const Disk& disk) {
  const absl::Status there = disk.for_each(path, LookAndLeave);
  if (absl::IsNotFound(there)) return std::nullopt;
  if (ReasonOf(there) == "NOT_A_DIRECTORY")
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DIRECTORY",
                 absl::StrCat(path,
                              " is a junction or another link, or no folder; it was not followed "
                              "and nothing was moved; name the folder itself in IIS' console"));
  MQ_RETURN_IF_ERROR(there);
  MQ_ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(path));
  return identity;
}

struct Owned {
  const VirtualServer* server;
  MailFolder folder;
};

absl::Status Gather(const VirtualServer& server, const Disk& disk, std::vector<Owned>& out) {
  MQ_ASSIGN_OR_RETURN(const std::string queue, DirectoryOf(server, server.queue, "QueueDirectory"));
  MQ_ASSIGN_OR_RETURN(const auto at, Look(queue, disk));
  if (!at.has_value())
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                 absl::StrCat("virtual server ", server.name, ": its queue folder ", queue,
                              " is missing; nothing was moved; make it, or set QueueDirectory"));
  out.push_back({&server, {"Queue", queue, *at, false}});
  if (server.badmail.empty()) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const std::string badmail,
                      DirectoryOf(server, server.badmail, "BadMailDirectory"));
  MQ_ASSIGN_OR_RETURN(const auto bad, Look(badmail, disk));
  if (bad.has_value()) out.push_back({&server, {"Badmail", badmail, *bad, true}});
  return absl::OkStatus();
}

// A folder below one that is set aside would go with it.
absl::Status NoneBelow(const std::vector<Group>& groups, const std::vector<VirtualServer>& all) {
  const auto refuse = [&](const std::string& path) -> absl::Status {
    for (std::string above = ParentOf(Trimmed(path)); !above.empty(); above = ParentOf(above)) {
      const absl::StatusOr<FileIdentity> identity = IdentityOf(above);
      if (!identity.ok()) continue;  // Not there, so nothing that is set aside.
      for (const Group& group : groups) {
        for (const MailFolder& folder : group.folders) {
          if (folder.identity == *identity)
            return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                         absl::StrCat(path, " is below ", folder.path,
                                      ", and would be set aside with it; nothing was moved; give "
                                      "each its own folder in IIS' console"));
        }
      }
    }
    return absl::OkStatus();
  };
  for (const VirtualServer& server : all) {
    for (const std::string* path : {&server.queue, &server.badmail, &server.pickup, &server.drop}) {
      if (IsAbsolutePath(*path)) MQ_RETURN_IF_ERROR(refuse(*path));
    }
  }
  return absl::OkStatus();
}

bool Has(const std::vector<VirtualServer>& servers, const VirtualServer& server) {
  return std::any_of(servers.begin(), servers.end(),
                     [&](const VirtualServer& one) { return one.name == server.name; });
}
}  // namespace

absl::StatusOr<std::vector<Group>> FindGroups(const std::vector<VirtualServer>& all,
                                              const std::vector<VirtualServer>& chosen,
                                              const Disk& disk) {
  std::vector<Owned> owned;
  for (const VirtualServer& server : all) {
    const absl::Status gathered = Gather(server, disk, owned);
    // One that nobody asked for, and that has no folder to share, keeps no other from its sweep.
    if (!gathered.ok() && Has(chosen, server)) return gathered;
  }
  std::vector<Group> groups;
  std::vector<std::string> placed;
  for (const VirtualServer& first : chosen) {
    if (std::find(placed.begin(), placed.end(), first.name) != placed.end()) continue;
    Group group;
    group.servers.push_back(first);
    // Grows until nobody outside shares a folder with it.
    for (std::size_t i = 0; i < group.servers.size(); ++i) {
      for (const Owned& mine : owned) {
        if (mine.server->name != group.servers[i].name) continue;
        for (const Owned& other : owned) {
          if (other.folder.identity == mine.folder.identity && !Has(group.servers, *other.server))
            group.servers.push_back(*other.server);
        }
      }
    }
    std::vector<std::string> shared, names;
    for (const VirtualServer& server : group.servers) {
      placed.push_back(server.name);
      names.push_back(server.name);
    }
    for (const bool badmail : {false, true}) {
      for (const Owned& one : owned) {
        if (one.folder.badmail != badmail || !Has(group.servers, *one.server)) continue;
        const auto same = std::find_if(
            group.folders.begin(), group.folders.end(),
            [&](const MailFolder& had) { return had.identity == one.folder.identity; });
        if (same != group.folders.end()) {
          if (std::find(shared.begin(), shared.end(), same->path) == shared.end())
            shared.push_back(same->path);
          continue;
        }
        MailFolder folder = one.folder;
        if (one.server->name != first.name) absl::StrAppend(&folder.label, "-", one.server->name);
        group.folders.push_back(std::move(folder));
      }
    }
    if (group.servers.size() > 1)
      group.notice = absl::StrCat("Virtual servers ", absl::StrJoin(names, ", "), " share ",
                                  absl::StrJoin(shared, ", "),
                                  ": they are one, and their mail was taken together.");
    groups.push_back(std::move(group));
  }
  MQ_RETURN_IF_ERROR(NoneBelow(groups, all));
  return groups;
}

std::vector<std::string> RootsOf(const std::vector<VirtualServer>& all) {
  std::vector<std::string> roots;
  for (const VirtualServer& server : all) {
    if (IsAbsolutePath(server.queue) && !ParentOf(server.queue).empty())
      roots.push_back(RootOf(server.queue, ""));
  }
  return roots;
}

bool HasFolderOf(const OpenQuarantine& open, const VirtualServer& server) {
  return std::any_of(open.items.begin(), open.items.end(), [&](const Item& item) {
    return item.path == Trimmed(server.queue) || item.path == Trimmed(server.badmail);
  });
}

bool IsBadmail(const Item& item) {
  return absl::StartsWith(item.label, "Badmail");
}

FileRole RoleOf(const std::string& name, bool badmail) {
  const auto ends = [&](const char* end) { return absl::EndsWithIgnoreCase(name, end); };
  if (ends(".ltr") || ends(".rtr")) return FileRole::kOther;
  if (!badmail) return FileRole::kMessage;
  if (ends(".bad")) return FileRole::kMessage;
  return ends(".bdp") || ends(".bdr") ? FileRole::kCompanion : FileRole::kOther;
}

std::vector<std::string> CompanionsOf(const std::string& name) {
  if (!absl::EndsWithIgnoreCase(name, ".bad")) return {};
  const std::string stem = name.substr(0, name.size() - 4);
  return {stem + ".BDP", stem + ".BDR"};
}

}  // namespace mailquench::agent::smtpsvc
