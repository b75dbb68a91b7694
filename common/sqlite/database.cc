#include "common/sqlite/database.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench {
namespace {
absl::Status SqliteError(sqlite3* db, absl::string_view what) {
  const int code = sqlite3_errcode(db) & 0xff;
  absl::StatusCode out = absl::StatusCode::kInternal;
  if (code == SQLITE_FULL) out = absl::StatusCode::kResourceExhausted;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) out = absl::StatusCode::kDataLoss;
  if (code == SQLITE_CONSTRAINT) out = absl::StatusCode::kAlreadyExists;
  if (code == SQLITE_BUSY) out = absl::StatusCode::kUnavailable;
  return Error(out, "STORE_FAILED", absl::StrCat(what, ": ", sqlite3_errmsg(db)));
}
int Bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value))
    return sqlite3_bind_int64(statement, index, *number);
  if (const auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()),
                             SQLITE_TRANSIENT);
  if (const auto* blob = std::get_if<Blob>(&value))
    return sqlite3_bind_blob(statement, index, blob->bytes.data(),
                             static_cast<int>(blob->bytes.size()), SQLITE_TRANSIENT);
  return sqlite3_bind_null(statement, index);
}
SqlValue Column(sqlite3_stmt* statement, int i) {
  const auto bytes = [&](const void* data) {
    return std::string(static_cast<const char*>(data),
                       static_cast<std::size_t>(sqlite3_column_bytes(statement, i)));
  };
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, i));
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, i));
    case SQLITE_BLOB: {
      const void* data = sqlite3_column_blob(statement, i);
      return Blob{data == nullptr ? std::string() : bytes(data)};
    }
    default:
      return std::monostate();
  }
}
}  // namespace

std::int64_t SqlRow::Int(std::size_t i) const {
  const auto* number = std::get_if<std::int64_t>(&columns.at(i));
  return number == nullptr ? 0 : *number;
}
std::string SqlRow::Text(std::size_t i) const {
  if (const auto* text = std::get_if<std::string>(&columns.at(i))) return *text;
  if (const auto* blob = std::get_if<Blob>(&columns.at(i))) return blob->bytes;
  return "";
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
                      nullptr) != SQLITE_OK) {
    const absl::Status error = SqliteError(db, absl::StrCat("cannot open ", path));
    sqlite3_close(db);
    return error;
  }
  std::unique_ptr<Database> out(new Database(db));
  sqlite3_busy_timeout(db, 5000);
  MQ_RETURN_IF_ERROR(
      Prepend(out->Script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"), path));
  return out;
}

Database::~Database() {
  sqlite3_close(db_);
}

absl::Status Database::Script(const std::string& sql) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return SqliteError(db_, "script");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SqlRow>> Database::Query(const std::string& sql,
                                                    const std::vector<SqlValue>& values) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_, sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr) !=
      SQLITE_OK)
    return SqliteError(db_, sql);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (Bind(raw, static_cast<int>(i) + 1, values[i]) != SQLITE_OK) return SqliteError(db_, sql);
  }
  std::vector<SqlRow> rows;
  for (;;) {
    const int rc = sqlite3_step(raw);
    if (rc == SQLITE_DONE) return rows;
    if (rc != SQLITE_ROW) return SqliteError(db_, sql);
    SqlRow row;
    for (int i = 0; i < sqlite3_column_count(raw); ++i) row.columns.push_back(Column(raw, i));
    rows.push_back(std::move(row));
  }
}

absl::Status Database::Execute(const std::string& sql, const std::vector<SqlValue>& values) {
  return Query(sql, values).status();
}

absl::Status Database::Transaction(const std::function<absl::Status()>& work) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(Script("BEGIN IMMEDIATE"));
  absl::Status status = work();
  if (status.ok()) status = Script("COMMIT");
  if (!status.ok()) Script("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace mailquench
