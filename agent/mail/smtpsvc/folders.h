// The folders of mail that virtual servers have: which there are, which of them are the same one,
// and the files in them.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_FOLDERS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_FOLDERS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/folders/disk.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/os/folder.h"

namespace mailquench::agent::smtpsvc {

struct MailFolder {
  std::string label;  // Of its place in a quarantine: "Queue", "Badmail"; "Queue-2" of server 2.
  std::string path;
  FileIdentity identity;
  bool badmail = false;
};

// Virtual servers that are swept together, since they share a folder.
struct Group {
  std::vector<VirtualServer> servers;
  std::vector<MailFolder> folders;  // Each once; queues before Badmail. The first is a queue.
  std::string notice;               // One sentence where more than one server is in it.
};

// Groups of all virtual servers that share a folder with one of `chosen`, those alone that share
// none included. A Badmail folder that is missing is left out. Errors:
// kFailedPrecondition/BAD_DIRECTORY (also where a queue folder is missing, or where a
// folder of mail is below one of these), /NOT_A_DIRECTORY (a
// link, a junction: never followed), those of the disk.
absl::StatusOr<std::vector<Group>> FindGroups(const std::vector<VirtualServer>& all,
                                              const std::vector<VirtualServer>& chosen,
                                              const Disk& disk);

// Where homes of quarantines can be: beside each server's queue folder.
std::vector<std::string> RootsOf(const std::vector<VirtualServer>& all);
// Whether it took, or was to take, the queue or the Badmail folder of the server, by its path.
bool HasFolderOf(const OpenQuarantine& open, const VirtualServer& server);
bool IsBadmail(const Item& item);

// What a file in a queue or in Badmail is. Of Badmail's three, .BAD is the message; .BDP and .BDR
// tell about it. Transcripts (.LTR, .RTR) of old versions belong to none.
enum class FileRole { kMessage, kCompanion, kOther };
FileRole RoleOf(const std::string& name, bool badmail);
// "X.BDP" and "X.BDR" of "X.BAD"; none of others.
std::vector<std::string> CompanionsOf(const std::string& name);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_FOLDERS_H_
