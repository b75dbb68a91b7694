// What a quarantine records about itself, so that it can be completed, listed and understood by
// whoever finds it.
#ifndef MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_
#define MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

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
  std::vector<DirectoryIdentity> originals;  // Of a swap: the directories that are set aside.
};

// The file "manifest.json" of a quarantine's folder. Written whole and durably; 0600.
// Errors: kNotFound (none), kDataLoss/BAD_MANIFEST, those of the file system.
absl::StatusOr<Manifest> ReadManifest(const std::string& folder);
absl::Status WriteManifest(const std::string& folder, const Manifest& manifest);

// The name of the quarantine that `command_id` makes for `instance`: the same each time, safe as a
// file name, without a clash between values that differ only in characters which a file name cannot
// have.
std::string QuarantineId(const std::string& command_id, const std::string& instance);

// Whether `id` can be one that QuarantineId() made. Anything else must never become part of a path.
bool IsQuarantineId(const std::string& id);

v1::QuarantineInfo InfoOf(const Manifest& manifest, const std::string& folder);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_MANIFEST_H_
