// Where a quarantine of the SMTP service is: beside the folder that it took, on the same volume,
//   <parent of the queue folder>/mailquench-quarantine/<id>/    manifest.json, lists
//   <parent of each folder>/mailquench-quarantine/<id>/<label>/ its files
// The manifest says where each label came from, as "LABEL:PATH" in the name of an original.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_QUARANTINE_HOME_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_QUARANTINE_HOME_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/folders.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/quarantine/manifest.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::smtpsvc {

inline constexpr char kQuarantines[] = "mailquench-quarantine";

// One folder that was taken, or whose messages were.
struct Item {
  std::string label;
  std::string path;   // Where it was.
  std::string place;  // Where its files are now.
  bool badmail = false;
};

struct OpenQuarantine {
  std::string home;
  Manifest manifest;
  std::vector<Item> items;
};

std::string HomeOf(const std::string& folder, const std::string& quarantine_id);
Item ItemOf(const MailFolder& folder, const std::string& quarantine_id);
DirectoryIdentity RecordOf(const MailFolder& folder);
// Of a quarantine that begins now, without its folders.
Manifest NewManifest(const Group& group,
                     const v1::QueueQuarantine& request,
                     const std::string& quarantine_id,
                     const std::string& command_id);
// Error: kDataLoss/BAD_MANIFEST.
absl::StatusOr<std::vector<Item>> ItemsOf(const Manifest& manifest);

// Makes the folders above `folder`, for administrators alone, sees that none is a link, and
// remembers the place first.
absl::Status MakePlace(const std::string& folder, const Disk& disk);

// Errors: kNotFound/UNKNOWN_QUARANTINE, kDataLoss/BAD_MANIFEST.
absl::StatusOr<OpenQuarantine> OpenById(const std::vector<VirtualServer>& all,
                                        const std::string& quarantine_id,
                                        const Disk& disk);

// Whether it took, or was to take, the queue or the Badmail folder of the server, by its path.
bool HasFolderOf(const OpenQuarantine& open, const VirtualServer& server);

// Oldest first. One whose manifest cannot be read is listed by its name alone.
absl::StatusOr<std::vector<v1::QuarantineInfo>> ListHomes(const std::vector<VirtualServer>& all,
                                                          const Disk& disk);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_QUARANTINE_HOME_H_
