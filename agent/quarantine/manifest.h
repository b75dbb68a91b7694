// What a quarantine records about itself, so that it can be completed, listed and understood by
// whoever finds it.
#ifndef MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_
#define MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

class ScanRecord;

// Names one directory whatever it is called at the moment.
struct DirectoryIdentity {
  std::string name;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct Manifest {
  std::string quarantine_id;
  std::string command_id;
  std::string instance;
  std::string reason;
  std::string incident_id;
  absl::Time create_time;
  bool selective = false;
  bool complete = false;       // All that the quarantine was to take is in it.
  std::int64_t messages = -1;  // As counted last; -1: never.
  std::int64_t bytes = 0;
  absl::Time scan_time = absl::InfinitePast();  // Of the last scan that went to its end.
  std::int64_t infected = 0;                    // By scan_record.h, as of its last change.
  std::int64_t not_scanned = 0;
  bool has_scan_record = false;  // A scan has saved something: its record must be there.
  std::vector<DirectoryIdentity> originals;  // Of a swap: the directories that are set aside.
  std::string location;  // Of a quarantine that was moved: where its messages are. Empty: here.
  // The place that it is still to be removed from; kHome for the folder of the manifest. Empty:
  // none.
  std::string leaving;
};
inline constexpr char kHome[] = "home";  // A quarantine's own folder, beside the queue.

// Names in a quarantine's own folder that are about it and no part of what was set aside.
const std::set<std::string>& NamesAboutIt();
// Holds messages that are on their way back from another volume.
inline constexpr char kReturning[] = "returning";

// The file "manifest.json" of a quarantine's folder. Written whole and durably; 0600.
// Errors: kNotFound (none), kDataLoss/BAD_MANIFEST, those of the file system.
absl::StatusOr<Manifest> ReadManifest(const std::string& folder);
absl::Status WriteManifest(const std::string& folder, const Manifest& manifest);

// Reads, changes and writes under a lock that all processes of the host respect: whoever looks at a
// quarantine may write a count while another moves it.
absl::StatusOr<Manifest> UpdateManifest(const std::string& folder,
                                        const std::function<void(Manifest&)>& change);
// Keeps messages and bytes of `counted`, unless the quarantine was moved since that was read.
absl::Status RecordCount(const std::string& folder, const Manifest& counted);
// The same for what a scan found.
absl::Status RecordScan(const std::string& folder, const ScanRecord& record);
// The record of a quarantine, empty where nothing was ever scanned. Errors: those of
// ScanRecord::Read(), kDataLoss/BAD_SCAN_RECORD also where it is missing and was there.
absl::StatusOr<ScanRecord> ReadScan(const std::string& folder, const Manifest& manifest);

// The name of the quarantine that `command_id` makes for `instance`: the same each time, safe as a
// file name, without a clash between values that differ only in characters which a file name cannot
// have.
std::string QuarantineId(const std::string& command_id, const std::string& instance);

// Whether `id` can be one that QuarantineId() made. Anything else must never become part of a path.
bool IsQuarantineId(const std::string& id);

v1::QuarantineInfo InfoOf(const Manifest& manifest, const std::string& folder);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_
