#include "agent/antivirus/defender/threats.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/defender/wmi_values.h"
#include "agent/antivirus/scan_paths.h"
#include "common/status/error.h"

namespace mailquench::agent::defender {
namespace {
constexpr absl::Duration kAskThreats = absl::Seconds(60);
// The times are of the same clock, and may be cut to whole seconds.
constexpr absl::Duration kGrace = absl::Seconds(1);

// ThreatStatusID. From 100 on Microsoft's pages differ in the numbers, and agree that each is a
// failure of Defender's action.
enum ThreatStatus : std::uint32_t {
  kDetected = 1,
  kCleaned = 2,
  kQuarantined = 3,
  kRemoved = 4,
  kAllowed = 5,
  kBlocked = 6,
  kFirstFailure = 100
};
constexpr std::uint32_t kNoAction = 9;  // CleaningActionID.

bool IsTakenAway(std::uint32_t status) {
  return status == kCleaned || status == kQuarantined || status == kRemoved;
}

// AdditionalActionsBitMask
std::string MoreToDo(std::uint32_t mask) {
  std::vector<std::string> parts;
  if ((mask & 4) != 0) parts.emplace_back("a full scan");
  if ((mask & 8) != 0) parts.emplace_back("a restart of the host");
  if ((mask & 16) != 0) parts.emplace_back("steps by hand");
  if ((mask & 32768) != 0) parts.emplace_back("an offline scan");
  if (parts.empty()) parts.push_back(absl::StrFormat("more (0x%X)", mask));
  return absl::StrJoin(parts, " and ");
}

std::string ActionOf(const WmiRow& detection, std::uint32_t status) {
  if (IsTakenAway(status)) {
    if (!FlagOf(detection, "ActionSuccess").value_or(false))
      return absl::StrFormat("not removed: Defender's action did not succeed (0x%08X)",
                             NumberOf(detection, "ThreatStatusErrorCode").value_or(0));
    const std::uint32_t mask = NumberOf(detection, "AdditionalActionsBitMask").value_or(0);
    if (mask != 0) return absl::StrCat("not removed: Defender needs ", MoreToDo(mask));
    return status == kQuarantined ? "quarantined" : "removed";
  }
  if (status == kAllowed) return "not removed: Defender's settings allow it";
  if (status == kBlocked) return "not removed: Defender keeps it from being used";
  if (status >= kFirstFailure)
    return absl::StrFormat("not removed: Defender's action failed (status %d, 0x%08X)", status,
                           NumberOf(detection, "ThreatStatusErrorCode").value_or(0));
  return status == kDetected ? "found" : absl::StrCat("found (Defender's status ", status, ")");
}

// A resource is "KIND:_WHAT": file, containerfile, process, regkey, webfile ...
std::vector<std::string> OfKind(const std::vector<std::string>& resources, absl::string_view kind) {
  std::vector<std::string> out;
  for (const std::string& one : resources) {
    const std::size_t mark = one.find(":_");
    if (mark != std::string::npos && one.compare(0, mark, kind.data(), kind.size()) == 0)
      out.push_back(one.substr(mark + 2));
  }
  return out;
}

// Files; an archive only where no member of it is told; else whatever there is.
std::vector<std::string> PlacesOf(const std::vector<std::string>& resources) {
  for (const char* kind : {"file", "containerfile"}) {
    std::vector<std::string> files = OfKind(resources, kind);
    if (!files.empty()) return files;
  }
  return {resources.empty() ? "(not told)" : resources.front()};
}

struct KnownThreat {
  std::string name;
  bool active = false;
  bool seen = false;  // In a detection.
  std::vector<std::string> places;
};

class Collector {
 public:
  explicit Collector(const ThreatScope& scope) : scope_(scope) {}

  void AddDetection(const WmiRow& row, const std::string& id, KnownThreat* known) {
    const absl::Time first = TimeOf(row, "InitialDetectionTime").value_or(absl::InfinitePast());
    const absl::Time last =
        std::max(first, TimeOf(row, "LastThreatStatusChangeTime").value_or(absl::InfinitePast()));
    const bool new_one = last >= scope_.begin - kGrace;
    const std::uint32_t status = NumberOf(row, "ThreatStatusID").value_or(0);
    const bool stands = known != nullptr && known->active && !IsTakenAway(status);
    if (known != nullptr) known->seen = true;
    if (!new_one && !stands) return;
    const bool acts = NumberOf(row, "CleaningActionID").value_or(0) != kNoAction;
    unsettled_ = unsettled_ || (new_one && status == kDetected && acts);
    const std::string name =
        known == nullptr || known->name.empty() ? absl::StrCat("threat ", id) : known->name;
    const std::string action = ActionOf(row, status);
    for (const std::string& place : PlacesOf(TextsOf(row, "Resources"))) {
      if (new_one || InScope(place)) Add(place, name, action, last);
    }
  }
  // Active, and without a detection.
  void AddThreat(const std::string& id, const KnownThreat& known) {
    for (const std::string& place : known.places) {
      if (InScope(place))
        Add(place, known.name.empty() ? absl::StrCat("threat ", id) : known.name, "found",
            absl::InfinitePast());
    }
  }
  Threats Take() {
    Threats out;
    out.unsettled = unsettled_;
    out.count = static_cast<std::int64_t>(found_.size());
    for (auto& [key, one] : found_) {
      if (out.findings.size() == kMaxFindings) break;
      out.findings.push_back(std::move(one.finding));
    }
    return out;
  }

 private:
  struct Found {
    absl::Time time;
    v1::AntivirusFinding finding;
  };

  bool InScope(const std::string& place) const {
    return scope_.paths.empty() ||
           std::any_of(scope_.paths.begin(), scope_.paths.end(),
                       [&](const std::string& path) { return IsWithinWindows(place, path); });
  }
  // Of several of one path and name the newest says what became of it.
  void Add(const std::string& place,
           const std::string& name,
           const std::string& action,
           absl::Time time) {
    const auto [at, added] = found_.try_emplace({absl::AsciiStrToLower(place), name});
    if (!added && at->second.time > time) return;
    at->second.time = time;
    at->second.finding.set_path(Shown(place, kMaxPath));
    at->second.finding.set_signature(Shown(name));
    at->second.finding.set_action(action);
  }

  const ThreatScope& scope_;
  bool unsettled_ = false;
  std::map<std::pair<std::string, std::string>, Found> found_;
};
}  // namespace

absl::StatusOr<Threats> ReadThreats(Wmi& wmi, const ThreatScope& scope) {
  MQ_ASSIGN_OR_RETURN(
      const std::vector<WmiRow> detections,
      wmi.Query(kDefenderNamespace, "SELECT * FROM MSFT_MpThreatDetection", kAskThreats));
  MQ_ASSIGN_OR_RETURN(const std::vector<WmiRow> threats,
                      wmi.Query(kDefenderNamespace, "SELECT * FROM MSFT_MpThreat", kAskThreats));
  std::map<std::string, KnownThreat> known;
  for (const WmiRow& row : threats)
    known[TextOf(row, "ThreatID")] = {TextOf(row, "ThreatName"),
                                      FlagOf(row, "IsActive").value_or(false), false,
                                      PlacesOf(TextsOf(row, "Resources"))};
  Collector collector(scope);
  for (const WmiRow& row : detections) {
    const std::string id = TextOf(row, "ThreatID");
    const auto found = known.find(id);
    collector.AddDetection(row, id, found == known.end() ? nullptr : &found->second);
  }
  for (const auto& [id, one] : known) {
    if (one.active && !one.seen) collector.AddThreat(id, one);
  }
  return collector.Take();
}

}  // namespace mailquench::agent::defender
