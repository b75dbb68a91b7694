#include "controller/store/checkpoint.h"

#include <sqlite3.h>

#include <chrono>

#include "common/status/error.h"

namespace mailquench::controller {
namespace {

constexpr int kWorthIt = 1000;                          // Pages.
constexpr int kTooLong = 16000;                         // Pages.
constexpr auto kRest = std::chrono::milliseconds(500);  // Between two passes.

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Start(const std::string& path,
                                                                  sqlite3* writer) {
  std::unique_ptr<Checkpointer> one(new Checkpointer(writer));
  if (sqlite3_open_v2(path.c_str(), &one->own_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    return Error(
        absl::StatusCode::kInternal, "STORE_FAILED",
        std::string("a second connection to the controller's store could not be opened: ") +
            sqlite3_errmsg(one->own_));
  }
  // That commits become durable is the writer's; what this one syncs is the file itself.
  sqlite3_exec(one->own_, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr);
  sqlite3_wal_hook(writer, &Checkpointer::Committed, one.get());
  one->thread_ = std::thread([self = one.get()] { self->Run(); });
  return one;
}

Checkpointer::Checkpointer(sqlite3* writer) : writer_(writer) {}

Checkpointer::~Checkpointer() {
  sqlite3_wal_hook(writer_, nullptr, nullptr);
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  sqlite3_close(own_);
}

int Checkpointer::Committed(void* self, sqlite3* writer, const char* database, int pages) {
  if (pages < kWorthIt) return SQLITE_OK;
  // What it says is no matter of the commit, which is durable already.
  if (pages >= kTooLong)
    sqlite3_wal_checkpoint_v2(writer, database, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  auto* one = static_cast<Checkpointer*>(self);
  const std::lock_guard<std::mutex> lock(one->mu_);
  one->asked_ = true;
  one->changed_.notify_all();
  return SQLITE_OK;
}

void Checkpointer::Run() {
  std::unique_lock<std::mutex> lock(mu_);
  while (true) {
    changed_.wait(lock, [this] { return asked_ || stopping_; });
    if (stopping_) return;
    asked_ = false;
    lock.unlock();
    // A full disk fails the writers, too, and they say so.
    sqlite3_wal_checkpoint_v2(own_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    lock.lock();
    changed_.wait_for(lock, kRest, [this] { return stopping_; });
  }
}

}  // namespace mailquench::controller
