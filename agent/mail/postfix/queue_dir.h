// The folders of a Postfix queue: names, hashing, walking, and opening without ever following a
// link.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_DIR_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_DIR_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/queue_file.h"
#include "agent/quarantine/filter.h"
#include "agent/quarantine/message_facts.h"

namespace mailquench::agent::postfix {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Letters, digits and underscores, of a sensible length: what Postfix makes and what is safe in a
// path and on a list.
bool IsQueueId(const std::string& name);

// How Postfix spreads its queues over subfolders (hash_queue_names, hash_queue_depth).
struct Layout {
  std::vector<std::string> hashed = {"deferred", "defer"};
  int depth = 1;
  // Bytes below which Postfix refuses new mail: queue_minfree, or 1.5 times message_size_limit
  // (smtpd_check_queue() in Postfix' source).
  std::int64_t min_free = 0;

  // The folder of `id` relative to the queue root: "incoming" or "deferred/3".
  std::string FolderOf(const std::string& queue, const std::string& id) const;
};
// Asks postconf(1); where that cannot answer, Postfix's defaults.
Layout ReadLayout(const Instance& instance);

// The queue's root without links in its path. Errors: those of the file system.
absl::StatusOr<std::string> QueueRoot(const Instance& instance);
absl::StatusOr<Fd> OpenDirectory(const std::string& path);

// Open folders below one root, each component opened without following links. Not thread-safe.
class FolderCache {
 public:
  explicit FolderCache(int root) : root_(root) {}
  // -1 with errno. The descriptor stays valid until the next call.
  int Get(const std::string& relative);
  // The same, and makes what is missing: 0700, of the given owner.
  int GetOrMake(const std::string& relative, uid_t owner, gid_t group);
  // fsync of every folder that is open here.
  absl::Status Sync();

 private:
  int Open(const std::string& relative, bool make, uid_t owner, gid_t group);

  int root_;
  std::map<std::string, Fd> open_;
};

struct FoundFile {
  std::string queue;   // The first component.
  std::string folder;  // Relative to the base: "deferred/3".
  std::string name;    // Raw; may be hostile.
  int fd = -1;         // Of the folder.
};
// Calls `visit` for everything below `base`/`queue` that is no folder. A missing queue has no
// files. Hash folders (one character each) are entered, others are not. Streams: memory does not
// grow with the queue.
absl::Status Walk(int base,
                  const std::string& queue,
                  const std::function<absl::Status(const FoundFile&)>& visit);
// The same for a queue that is open already.
absl::Status WalkOpen(int folder,
                      const std::string& queue,
                      const std::function<absl::Status(const FoundFile&)>& visit);

class FileSource final : public ByteSource {
 public:
  explicit FileSource(int fd) : fd_(fd) {}
  std::int64_t ReadAt(std::int64_t offset, char* buffer, std::size_t size) override;

 private:
  int fd_;
};

// Whether name, owner and mode are those of a message that Postfix has taken whole.
bool IsWhole(const FoundFile& file, const struct stat& info, uid_t mail_owner);

struct LoadedFile {
  bool vanished = false;  // Postfix moved or delivered it meanwhile.
  bool complete = false;  // A whole message; `facts` is set.
  std::int64_t file_bytes = 0;
  MessageFacts facts;
};
LoadedFile Load(const FoundFile& file, uid_t mail_owner);

struct ScanTotals {
  std::int64_t messages = 0;  // Complete ones.
  std::int64_t bytes = 0;
  std::int64_t matching = 0;
  std::int64_t matching_bytes = 0;
  std::int64_t unreadable = 0;
};
// Reads the messages of `queues` below `base`. `on_match` may stop the scan with an error.
// kDeadlineExceeded at the context's deadline; nothing is changed by a scan.
absl::StatusOr<ScanTotals> Scan(
    int base,
    const std::vector<std::string>& queues,
    const Filter& filter,
    uid_t mail_owner,
    const CallContext& context,
    const std::function<absl::Status(const FoundFile&, const MessageFacts&)>& on_match);

// kDeadlineExceeded/DEADLINE once the context's deadline has passed.
absl::Status CheckDeadline(const CallContext& context);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_DIR_H_
