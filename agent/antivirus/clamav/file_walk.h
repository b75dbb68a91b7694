// Every regular file below some folders, opened without ever following a link: whoever may write
// there decides nothing about what is read elsewhere.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FILE_WALK_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FILE_WALK_H_

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace mailquench::agent::clamav {

// A descriptor that closes itself.
class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OpenFile();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct WalkVisitor {
  // An error ends the walk.
  std::function<absl::Status(const std::string& path, OpenFile file, const struct stat& info)> file;
  std::function<void(const std::string& path, const std::string& why)> unread;
};

// File systems other than that of a root are entered where they are local ones: no network, no
// /proc and its like, nothing that a look would mount. Memory grows with the depth alone, which is
// limited.
class FileWalk {
 public:
  // `left_out`: folders that are not entered, unless they are the root of a walk.
  FileWalk(const std::vector<std::string>& left_out, WalkVisitor visitor);

  // A file or a folder, absolute. Each component of it is opened without following a link.
  // kNotFound; kFailedPrecondition/IS_LINK; other errors of the root; those of the visitor.
  absl::Status Walk(const std::string& root);

  // File systems at which it stopped: "/mnt/share (nfs)", at most 10.
  const std::vector<std::string>& strange() const { return strange_; }
  // Every folder at which it stopped, those that were left out among them, as they are shown; at
  // most kMaxNotEntered.
  const std::vector<std::string>& not_entered() const { return not_entered_; }
  // Whether there were more, or one whose name is too long to be shown.
  bool not_entered_cut() const { return not_entered_cut_; }
  static constexpr std::size_t kMaxNotEntered = 100;

 private:
  absl::Status Enter(OpenFile folder, std::string& path, dev_t device, int depth);
  absl::Status Entry(int folder, const char* name, std::string& path, dev_t device, int depth);
  // What is on another file system than the folder that it is in.
  bool MayEnter(int folder, const struct stat& info, const std::string& path);

  void NotEntered(const std::string& path);

  const WalkVisitor visitor_;
  std::set<std::pair<dev_t, ino_t>> left_out_;
  std::vector<std::string> strange_, not_entered_;
  bool not_entered_cut_ = false;
};

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FILE_WALK_H_
