// A growing log file, read from its end: the newest part first, in blocks that fit into little
// memory. log_lines.cc knows lines; the file itself is opened and read under posix/ and windows/.
#ifndef MAILQUENCH_AGENT_OS_LOG_FILE_H_
#define MAILQUENCH_AGENT_OS_LOG_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mailquench::agent {

class LogFile {
 public:
  // Regular files alone. Errors: kNotFound, kPermissionDenied, kInvalidArgument/NO_FILE, kInternal.
  static absl::StatusOr<std::unique_ptr<LogFile>> Open(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  const std::string& path() const { return path_; }
  absl::Time modified() const { return modified_; }
  const std::string& identity() const { return identity_; }  // Of the file behind the name.
  std::int64_t bytes_read() const { return bytes_read_; }

  // Shows whole lines, about a MiB at a time, the last block first; lines of more than a MiB are
  // left out. Ends where `visit` returns false. What is appended meanwhile is not read. Errors: of
  // read(2), and those of visit.
  absl::Status ReadBackwards(const std::function<absl::StatusOr<bool>(absl::string_view)>& visit);

 private:
  LogFile(std::intptr_t handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  // Fewer bytes than asked for only where the file has become shorter.
  absl::Status ReadAt(std::int64_t at, std::int64_t count, std::string& out) const;

  const std::intptr_t handle_;  // What the system gave for the open file.
  const std::string path_;
  std::string identity_;
  absl::Time modified_;
  std::int64_t size_ = 0;
  std::int64_t bytes_read_ = 0;
};

// Files beside `path` to which it was rotated: its name, then '.' or '-' and more. Newest first;
// those last written to before `since` are left out. Compressed ones, which cannot be read from
// their end, go to `compressed`.
std::vector<std::string> RotatedFiles(const std::string& path,
                                      absl::Time since,
                                      std::vector<std::string>* compressed);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_LOG_FILE_H_
