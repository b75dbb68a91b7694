// Where quarantines of whole folders are: in PARENT/mailquench-quarantine/ID beside each folder
// that was taken, so that it is taken by renaming. The manifest is beside what was taken first.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_QUARANTINE_HOME_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_QUARANTINE_HOME_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/folders/disk.h"
#include "agent/quarantine/manifest.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

inline constexpr char kQuarantines[] = "mailquench-quarantine";
// Ends the label of a folder that cannot be renamed, since a volume is mounted there: its files are
// taken one by one into a quarantine within it.
inline constexpr char kInside[] = "-inside";

// One folder that was taken, or whose messages were.
struct Item {
  std::string label;  // Of its place in a quarantine: "Queue", "Pickup"; a plain name.
  std::string path;   // Where it was.
  std::string place;  // Where its files are now.
};

struct OpenQuarantine {
  std::string home;
  Manifest manifest;
  std::vector<Item> items;
};

bool IsInside(const std::string& label);
// Folders that hold quarantines of `folder`, of one label or the other.
std::string RootOf(const std::string& folder, const std::string& label);
std::string HomeOf(const std::string& folder, const std::string& quarantine_id);
Item ItemOf(const std::string& label, const std::string& path, const std::string& quarantine_id);
DirectoryIdentity RecordOf(const Item& item, const FileIdentity& identity);
// Of a quarantine that begins now, without its folders.
Manifest NewManifest(const std::string& instance,
                     const v1::QueueQuarantine& request,
                     const std::string& quarantine_id,
                     const std::string& command_id);
// Error: kDataLoss/BAD_MANIFEST.
absl::StatusOr<std::vector<Item>> ItemsOf(const Manifest& manifest);

// Makes the folders above `folder`, for administrators alone, sees that none is a link, and
// remembers the place first.
absl::Status MakePlace(const std::string& folder, const Disk& disk);

// `roots`, where quarantines may be, and where they ever were by `disk.remembered`. Errors:
// kNotFound/UNKNOWN_QUARANTINE, kDataLoss/BAD_MANIFEST.
absl::StatusOr<OpenQuarantine> OpenById(const std::vector<std::string>& roots,
                                        const std::string& quarantine_id,
                                        const Disk& disk);

// Oldest first. One whose manifest cannot be read is listed by its name alone.
absl::StatusOr<std::vector<v1::QuarantineInfo>> ListHomes(const std::vector<std::string>& roots,
                                                          const Disk& disk);

// Those that are not complete and took whole folders; damaged ones are left out.
std::vector<OpenQuarantine> IncompleteSwaps(const std::vector<std::string>& roots,
                                            const Disk& disk);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_QUARANTINE_HOME_H_
