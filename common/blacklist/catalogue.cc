#include "common/blacklist/catalogue.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/blacklist/builtin.h"
#include "common/blacklist/entry.h"
#include "common/status/error.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::blacklist {
namespace {

// Far above any catalogue; YAML's aliases cannot grow past it.
constexpr std::size_t kMostBytes = std::size_t{1024} * 1024;

absl::StatusOr<YAML::Node> Load(const Source& source) {
  if (source.text.size() > kMostBytes)
    return BadEntry(source.name, YAML::Mark(), "the file is larger than 1 MB");
  try {
    YAML::Node node = YAML::Load(source.text);
    return node;
  } catch (const YAML::Exception& error) {
    return BadEntry(source.name, error.mark, error.msg);
  }
}

List* FindIn(std::vector<List>& lists, const std::string& zone) {
  const auto at = std::lower_bound(lists.begin(), lists.end(), zone,
                                   [](const List& a, const std::string& b) { return a.zone < b; });
  return at != lists.end() && at->zone == zone ? &*at : nullptr;
}

void Insert(List list, std::vector<List>& lists) {
  const auto at = std::lower_bound(lists.begin(), lists.end(), list.zone,
                                   [](const List& a, const std::string& b) { return a.zone < b; });
  lists.insert(at, std::move(list));
}

absl::Status Switch(const YAML::Node& zones, const Source& own, bool on, std::vector<List>& lists) {
  if (!zones) return absl::OkStatus();
  if (!zones.IsSequence())
    return BadEntry(own.name, zones.Mark(), "a list of zones is wanted here");
  for (const YAML::Node& zone : zones) {
    if (!zone.IsScalar()) return BadEntry(own.name, zone.Mark(), "a zone is wanted here");
    List* list = FindIn(lists, absl::AsciiStrToLower(zone.Scalar()));
    if (list == nullptr)
      return BadEntry(own.name, zone.Mark(),
                      absl::StrCat("the catalogue has no list '", zone.Scalar(),
                                   "': give it an entry of its own under 'lists'"));
    if (on && list->state != State::kLive)
      return BadEntry(
          own.name, zone.Mark(),
          absl::StrCat(list->zone, " is dead", list->since.empty() ? "" : " since " + list->since,
                       list->why.empty() ? "" : ": " + list->why, "; its answers mean nothing"));
    list->enabled = on;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Catalogue> Catalogue::BuiltIn() {
  std::vector<Source> sources;
  for (std::string& text : BuiltInTexts())
    sources.push_back({absl::StrCat("built-in catalogue ", sources.size() + 1), std::move(text)});
  return Parse(sources);
}

absl::StatusOr<Catalogue> Catalogue::Parse(const std::vector<Source>& sources) {
  Catalogue catalogue;
  for (const Source& source : sources) {
    MQ_ASSIGN_OR_RETURN(const YAML::Node node, Load(source));
    MQ_RETURN_IF_ERROR(CheckKeys(node, source.name, {"lists"}));
    MQ_ASSIGN_OR_RETURN(std::vector<List> entries, ReadEntries(node["lists"], source.name));
    for (List& entry : entries) {
      if (catalogue.Find(entry.zone) != nullptr)
        return BadEntry(source.name, node.Mark(), absl::StrCat("'", entry.zone, "' twice"));
      Insert(std::move(entry), catalogue.lists_);
    }
  }
  return catalogue;
}

absl::Status Catalogue::Apply(const Source& own) {
  MQ_ASSIGN_OR_RETURN(const YAML::Node node, Load(own));
  if (!node || node.IsNull()) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(CheckKeys(node, own.name, {"lists", "enable", "disable"}));
  std::vector<List> lists = lists_;
  std::set<std::string> seen;
  if (node["lists"]) {
    MQ_ASSIGN_OR_RETURN(std::vector<List> entries, ReadEntries(node["lists"], own.name));
    for (List& entry : entries) {
      if (!seen.insert(entry.zone).second)
        return BadEntry(own.name, node["lists"].Mark(), absl::StrCat("'", entry.zone, "' twice"));
      if (List* before = FindIn(lists, entry.zone))
        *before = std::move(entry);
      else
        Insert(std::move(entry), lists);
    }
  }
  MQ_RETURN_IF_ERROR(Switch(node["enable"], own, true, lists));
  MQ_RETURN_IF_ERROR(Switch(node["disable"], own, false, lists));
  lists_ = std::move(lists);
  return absl::OkStatus();
}

const List* Catalogue::Find(const std::string& zone) const {
  const std::string wanted = absl::AsciiStrToLower(zone);
  const auto at = std::lower_bound(lists_.begin(), lists_.end(), wanted,
                                   [](const List& a, const std::string& b) { return a.zone < b; });
  return at != lists_.end() && at->zone == wanted ? &*at : nullptr;
}

}  // namespace mailquench::blacklist
