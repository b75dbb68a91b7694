// The pages of SQLite's WAL are brought into the file beside the work, not by it.
#ifndef MAILQUENCH_CONTROLLER_STORE_CHECKPOINT_H_
#define MAILQUENCH_CONTROLLER_STORE_CHECKPOINT_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

struct sqlite3;

namespace mailquench::controller {

// By itself SQLite does it at the end of a commit, once the WAL has 1,000 pages: two syncs of the
// disk and many pages more, for whoever waits for that commit. Here a thread does it, with a
// connection of its own, which holds up no writer (sqlite.org/wal.html#ckpt). Where writers leave
// it no time, and the WAL has 16,000 pages (65 MB), a commit does it after all.
class Checkpointer {
 public:
  // For the file at `path`, and the one connection that writes to it, which outlives this.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> Start(const std::string& path,
                                                             sqlite3* writer);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  explicit Checkpointer(sqlite3* writer);
  static int Committed(void* self, sqlite3* writer, const char* database, int pages);
  void Run();

  sqlite3* const writer_;
  sqlite3* own_ = nullptr;
  std::mutex mu_;
  std::condition_variable changed_;
  bool asked_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_CHECKPOINT_H_
