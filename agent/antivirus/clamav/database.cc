#include "agent/antivirus/clamav/database.h"

#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/antivirus/antivirus.h"
#include "agent/os/folder.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr std::size_t kHeader = 512;
constexpr int kMostFiles = 10000;

bool IsSigned(const std::string& name) {
  return absl::EndsWith(name, ".cvd") || absl::EndsWith(name, ".cld") ||
         absl::EndsWith(name, ".cud");
}

// The kinds of libclamav's own list (CLI_DBEXT in readdb.h) that hold signatures.
bool IsDatabase(const std::string& name) {
  static constexpr std::array<const char*, 20> kEnds = {
      ".hdb", ".hdu", ".hsb", ".hsu", ".mdb", ".mdu", ".msb", ".msu",  ".ndb", ".ndu",
      ".ldb", ".ldu", ".db",  ".fp",  ".cbc", ".cdb", ".yar", ".yara", ".pdb", ".wdb"};
  if (IsSigned(name)) return true;
  for (const char* end : kEnds) {
    if (absl::EndsWith(name, end)) return true;
  }
  return false;
}
}  // namespace

std::optional<DatabaseHeader> ParseDatabaseHeader(absl::string_view head) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(head.substr(0, head.find('\0')), ':');
  if (fields.size() < 9 || fields[0] != "ClamAV-VDB") return std::nullopt;
  std::int64_t seconds = 0, version = 0;
  if (!absl::SimpleAtoi(fields[8], &seconds) || seconds <= 0 || seconds > (std::int64_t{1} << 36) ||
      !absl::SimpleAtoi(fields[2], &version))
    return std::nullopt;
  return DatabaseHeader{absl::StrCat(version), absl::FromUnixSeconds(seconds)};
}

absl::StatusOr<DatabaseFacts> ReadDatabase(const std::string& folder) {
  DatabaseFacts facts;
  std::optional<absl::Time> newest_file;
  const absl::Status walked =
      ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        if (entry.kind != FolderEntry::Kind::kFile || !IsDatabase(entry.name)) return true;
        if (++facts.files > kMostFiles) return false;
        if (!newest_file.has_value() || *newest_file < entry.modified) newest_file = entry.modified;
        if (!IsSigned(entry.name)) return true;
        const auto head = ReadHead(absl::StrCat(folder, "/", entry.name), kHeader);
        const auto header = head.ok() ? ParseDatabaseHeader(*head) : std::nullopt;
        if (header.has_value() && (!facts.time.has_value() || *facts.time < header->time)) {
          facts.time = header->time;
          facts.version = header->version;
        }
        return true;
      });
  MQ_RETURN_IF_ERROR(walked);
  if (!facts.time.has_value()) {
    facts.time = newest_file;
    facts.time_of_file = newest_file.has_value();
  }
  return facts;
}

}  // namespace mailquench::agent::clamav
