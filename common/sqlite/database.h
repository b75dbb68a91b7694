// A thin handle on one SQLite file: WAL, synchronous=FULL, one connection under one lock.
#ifndef MAILQUENCH_COMMON_SQLITE_DATABASE_H_
#define MAILQUENCH_COMMON_SQLITE_DATABASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;

namespace mailquench {

// Binds: int64, text or blob (both std::string; wrap a blob in Blob), or null.
struct Blob {
  std::string bytes;
};
using SqlValue = std::variant<std::monostate, std::int64_t, std::string, Blob>;
struct SqlRow {
  std::vector<SqlValue> columns;
  std::int64_t Int(std::size_t i) const;  // 0 where it is no integer.
  std::string Text(std::size_t i) const;  // Text or blob bytes; "" where it is neither.
};

// Thread-safe. Errors: kResourceExhausted (disk full), kDataLoss (corrupt), kInternal.
class Database {
 public:
  // Creates the file (mode 0600) where it is missing. A second process may open it too; waits 5 s
  // for its locks.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Several statements without values, for schemas.
  absl::Status Script(const std::string& sql);
  absl::StatusOr<std::vector<SqlRow>> Query(const std::string& sql,
                                            const std::vector<SqlValue>& values = {});
  absl::Status Execute(const std::string& sql, const std::vector<SqlValue>& values = {});
  // Runs `work` between BEGIN IMMEDIATE and COMMIT; rolls back where it fails. `work` uses this
  // object.
  absl::Status Transaction(const std::function<absl::Status()>& work);

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  std::recursive_mutex mu_;
  sqlite3* db_;
};

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_SQLITE_DATABASE_H_
