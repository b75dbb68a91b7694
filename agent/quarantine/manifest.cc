#include "agent/quarantine/manifest.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "agent/quarantine/scan_record.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent {
namespace {
using Json = nlohmann::json;

constexpr int kFormat = 1;
// Of a quarantine that was moved: a version that knows nothing of that must not find it empty.
constexpr int kMovedFormat = 2;

std::string Path(const std::string& folder) {
  return absl::StrCat(folder, "/manifest.json");
}

// A hash that stays the same over builds and machines (FNV-1a).
std::uint64_t StableHash(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string Safe(const std::string& text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit))
    out.push_back(absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ? c
                                                                                             : '_');
  return out;
}

// A value of the wanted kind or the fallback; never throws.
template <typename T>
T Get(const Json& json, const char* key, T fallback) {
  const auto found = json.find(key);
  if (found == json.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return fallback;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return fallback;
  } else {
    if (!found->is_number_integer()) return fallback;
  }
  return found->template get<T>();
}

}  // namespace

absl::StatusOr<Manifest> ReadManifest(const std::string& folder) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(Path(folder), std::size_t{1024} * 1024));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::int64_t format = json.is_object() ? Get<std::int64_t>(json, "format", 0) : 0;
  if (format != kFormat && format != kMovedFormat) {
    return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                 absl::StrCat(Path(folder),
                              " is no manifest that this version can read; the mail beside it "
                              "was left as it was, look at the file by hand"));
  }
  Manifest out;
  out.quarantine_id = Get<std::string>(json, "quarantine_id", "");
  out.command_id = Get<std::string>(json, "command_id", "");
  out.instance = Get<std::string>(json, "instance", "");
  out.reason = Get<std::string>(json, "reason", "");
  out.incident_id = Get<std::string>(json, "incident_id", "");
  out.create_time = absl::FromUnixMicros(Get<std::int64_t>(json, "create_time_us", 0));
  out.selective = Get(json, "selective", false);
  out.complete = Get(json, "complete", false);
  out.messages = Get<std::int64_t>(json, "messages", -1);
  out.bytes = Get<std::int64_t>(json, "bytes", 0);
  const auto scanned = Get<std::int64_t>(json, "scan_time_us", 0);
  if (scanned != 0) out.scan_time = absl::FromUnixMicros(scanned);
  out.infected = Get<std::int64_t>(json, "infected", 0);
  out.not_scanned = Get<std::int64_t>(json, "not_scanned", 0);
  out.has_scan_record = Get(json, "has_scan_record", false);
  out.location = Get<std::string>(json, "location", "");
  out.leaving = Get<std::string>(json, "leaving", "");
  const auto originals = json.find("originals");
  if (originals != json.end() && originals->is_array()) {
    for (const Json& original : *originals) {
      if (!original.is_object()) continue;
      out.originals.push_back({Get<std::string>(original, "name", ""),
                               Get<std::uint64_t>(original, "device", 0),
                               Get<std::uint64_t>(original, "inode", 0)});
    }
  }
  return out;
}

absl::Status WriteManifest(const std::string& folder, const Manifest& manifest) {
  const bool moved = !manifest.location.empty() || !manifest.leaving.empty();
  Json json = {{"format", moved ? kMovedFormat : kFormat},
               {"quarantine_id", manifest.quarantine_id},
               {"command_id", manifest.command_id},
               {"instance", manifest.instance},
               {"reason", manifest.reason},
               {"incident_id", manifest.incident_id},
               {"create_time_us", absl::ToUnixMicros(manifest.create_time)},
               {"selective", manifest.selective},
               {"complete", manifest.complete},
               {"messages", manifest.messages},
               {"bytes", manifest.bytes},
               {"originals", Json::array()}};
  for (const DirectoryIdentity& original : manifest.originals) {
    json["originals"].push_back(
        {{"name", original.name}, {"device", original.device}, {"inode", original.inode}});
  }
  if (manifest.scan_time != absl::InfinitePast())
    json["scan_time_us"] = absl::ToUnixMicros(manifest.scan_time);
  if (manifest.infected != 0) json["infected"] = manifest.infected;
  if (manifest.not_scanned != 0) json["not_scanned"] = manifest.not_scanned;
  if (manifest.has_scan_record) json["has_scan_record"] = true;
  if (moved) {
    json["location"] = manifest.location;
    json["leaving"] = manifest.leaving;
  }
  // "replace": a reason with broken UTF-8 must not keep mail from being set aside.
  return WriteFileAtomically(Path(folder),
                             json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n", 0600);
}

const std::set<std::string>& NamesAboutIt() {
  static const auto* const names = new std::set<std::string>{
      "manifest.json", "manifest.json.mailquench-tmp", kReturning, kFolderLockFile,
      kScanRecord,     "scan-record.mailquench-tmp",   kScanLock};
  return *names;
}

absl::StatusOr<Manifest> UpdateManifest(const std::string& folder,
                                        const std::function<void(Manifest&)>& change) {
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock, FolderLock::Acquire(folder));
  MQ_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(folder));
  change(manifest);
  MQ_RETURN_IF_ERROR(WriteManifest(folder, manifest));
  return manifest;
}

absl::Status RecordCount(const std::string& folder, const Manifest& counted) {
  return UpdateManifest(folder,
                        [&](Manifest& manifest) {
                          if (manifest.location != counted.location) return;
                          manifest.messages = counted.messages;
                          manifest.bytes = counted.bytes;
                        })
      .status();
}

absl::Status RecordScan(const std::string& folder, const ScanRecord& record) {
  return UpdateManifest(folder,
                        [&](Manifest& manifest) {
                          manifest.scan_time = record.scan_time().value_or(absl::InfinitePast());
                          manifest.infected = record.Count(Scanned::kInfected);
                          manifest.not_scanned = record.Count(Scanned::kUnread);
                          manifest.has_scan_record = true;
                        })
      .status();
}

absl::StatusOr<ScanRecord> ReadScan(const std::string& folder, const Manifest& manifest) {
  MQ_ASSIGN_OR_RETURN(ScanRecord record, ScanRecord::Read(folder));
  const bool was_there = manifest.has_scan_record || manifest.scan_time != absl::InfinitePast() ||
                         manifest.infected > 0 || manifest.not_scanned > 0;
  if (!record.found() && was_there) return BadScanRecord(folder, "is missing");
  return record;
}

std::string QuarantineId(const std::string& command_id, const std::string& instance) {
  const std::string key = absl::StrCat(command_id.size(), ":", command_id, instance);
  return absl::StrCat("q-", Safe(command_id, 64), "-", Safe(instance, 64), "-",
                      absl::Hex(StableHash(key), absl::kZeroPad16));
}

bool IsQuarantineId(const std::string& id) {
  return id.size() > 2 && id.size() < 200 && id.compare(0, 2, "q-") == 0 && Safe(id, 200) == id;
}

v1::QuarantineInfo InfoOf(const Manifest& manifest, const std::string& folder) {
  v1::QuarantineInfo info;
  info.set_quarantine_id(manifest.quarantine_id);
  info.set_instance(manifest.instance);
  info.set_reason(manifest.reason);
  info.set_incident_id(manifest.incident_id);
  info.mutable_create_time()->set_seconds(absl::ToUnixSeconds(manifest.create_time));
  info.mutable_create_time()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(
      manifest.create_time - absl::FromUnixSeconds(absl::ToUnixSeconds(manifest.create_time)))));
  info.set_messages(manifest.messages);
  info.set_bytes(manifest.bytes);
  if (manifest.scan_time != absl::InfinitePast())
    info.mutable_scan_time()->set_seconds(absl::ToUnixSeconds(manifest.scan_time));
  info.set_infected(manifest.infected);
  info.set_not_scanned(manifest.not_scanned);
  info.set_selective(manifest.selective);
  info.set_directory(manifest.location.empty() ? folder : manifest.location);
  return info;
}

}  // namespace mailquench::agent
