// Private to the store's .cc files: SOCI's exceptions end here.
#ifndef MAILQUENCH_CONTROLLER_STORE_SESSION_H_
#define MAILQUENCH_CONTROLLER_STORE_SESSION_H_

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "common/status/error.h"
#include "controller/store/store.h"

namespace mailquench::controller {

inline std::string BytesOf(soci::blob& blob) {
  std::string bytes(blob.get_len(), '\0');
  if (!bytes.empty()) blob.read(0, bytes.data(), bytes.size());
  return bytes;
}

template <typename F>
absl::Status Store::Guard(const char* what, F work) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  try {
    return work();
  } catch (const std::exception& e) {
    return Error(absl::StatusCode::kInternal, "STORE_FAILED",
                 std::string("the controller's store could not ") + what + ": " + e.what() +
                     "; what it held before is unchanged; check the disk and its free space");
  }
}

// `query` selects one blob and may use :k. Rows are collected first: `each` may query again.
template <typename F>
absl::Status Store::EachBlob(const char* what,
                             const std::string& query,
                             const std::string& key,
                             F each) {
  return Guard(what, [&]() -> absl::Status {
    std::vector<std::string> rows;
    {
      soci::blob blob(*sql_);
      soci::statement statement(*sql_);
      statement.exchange(soci::into(blob));
      if (query.find(":k") != std::string::npos) statement.exchange(soci::use(key, "k"));
      statement.alloc();
      statement.prepare(query);
      statement.define_and_bind();
      statement.execute(false);
      while (statement.fetch()) rows.push_back(BytesOf(blob));
    }
    for (const std::string& row : rows) MQ_RETURN_IF_ERROR(each(row));
    return absl::OkStatus();
  });
}

// The same for a text and a blob.
template <typename F>
absl::Status Store::EachKeyedBlob(const char* what,
                                  const std::string& query,
                                  const std::string& key,
                                  F each) {
  return Guard(what, [&]() -> absl::Status {
    std::vector<std::pair<std::string, std::string>> rows;
    {
      std::string text;
      soci::blob blob(*sql_);
      soci::statement statement(*sql_);
      statement.exchange(soci::into(text));
      statement.exchange(soci::into(blob));
      if (query.find(":k") != std::string::npos) statement.exchange(soci::use(key, "k"));
      statement.alloc();
      statement.prepare(query);
      statement.define_and_bind();
      statement.execute(false);
      while (statement.fetch()) rows.emplace_back(text, BytesOf(blob));
    }
    for (const auto& [text, bytes] : rows) MQ_RETURN_IF_ERROR(each(text, bytes));
    return absl::OkStatus();
  });
}

template <typename M>
absl::Status Parse(const std::string& bytes, const char* what, M* message) {
  if (message->ParseFromString(bytes)) return absl::OkStatus();
  return Error(
      absl::StatusCode::kDataLoss, "STORE_ROW_UNREADABLE",
      std::string("the controller's store holds a ") + what +
          " that cannot be decoded; it was left as it is; restore the store from a backup");
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_SESSION_H_
