#include "controller/store/store.h"

#include <sys/stat.h>

#include "controller/store/migrations.h"
#include "controller/store/session.h"

namespace mailquench::controller {

Store::Store() = default;
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  std::unique_ptr<Store> store(new Store());
  const mode_t before = ::umask(0077);  // It names hosts, accounts and certificates.
  absl::Status status = store->Guard("open its file", [&]() -> absl::Status {
    store->sql_ = std::make_unique<soci::session>(soci::sqlite3, "dbname=" + path + " timeout=5");
    *store->sql_ << "PRAGMA journal_mode=WAL";
    *store->sql_ << "PRAGMA synchronous=FULL";
    return absl::OkStatus();
  });
  ::umask(before);
  if (status.ok()) status = store->Migrate(path);
  if (!status.ok()) return Prepend(status, path);
  return store;
}

absl::Status Store::Migrate(const std::string& path) {
  return Guard("migrate its tables", [&]() -> absl::Status {
    int version = 0;
    *sql_ << "PRAGMA user_version", soci::into(version);
    const std::vector<std::string> migrations = Migrations();
    if (version > static_cast<int>(migrations.size())) {
      return Error(absl::StatusCode::kFailedPrecondition, "STORE_IS_NEWER",
                   path + " has schema " + std::to_string(version) + ", this program knows " +
                       std::to_string(migrations.size()) +
                       "; nothing was changed; install the newer controller");
    }
    for (std::size_t i = static_cast<std::size_t>(version); i < migrations.size(); ++i) {
      absl::Status applied = Transaction([&]() -> absl::Status {
        const std::string& script = migrations[i];
        for (std::size_t from = 0, to; (to = script.find(';', from)) != std::string::npos;
             from = to + 1) {
          *sql_ << script.substr(from, to - from);
        }
        *sql_ << "PRAGMA user_version=" + std::to_string(i + 1);
        return absl::OkStatus();
      });
      if (!applied.ok()) return applied;
    }
    return absl::OkStatus();
  });
}

absl::Status Store::Transaction(const std::function<absl::Status()>& work) {
  return Guard("commit a change", [&]() -> absl::Status {
    if (depth_ > 0) return work();
    soci::transaction transaction(*sql_);
    ++depth_;
    absl::Status status;
    try {
      status = work();
    } catch (...) {
      --depth_;
      throw;
    }
    --depth_;
    if (status.ok()) transaction.commit();
    return status;  // Not committed: the transaction's end rolls back.
  });
}

// Statements name texts :t0.., numbers :n0.. and the body :b.
absl::Status Store::Write(const char* what,
                          const std::string& sql,
                          const std::vector<std::string>& texts,
                          const std::vector<std::int64_t>& numbers,
                          const std::string& body) {
  return Guard(what, [&]() -> absl::Status {
    soci::blob blob(*sql_);
    blob.write(0, body.data(), body.size());
    std::vector<long long> values(numbers.begin(), numbers.end());
    soci::statement statement(*sql_);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      statement.exchange(soci::use(texts[i], "t" + std::to_string(i)));
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      statement.exchange(soci::use(values[i], "n" + std::to_string(i)));
    }
    if (sql.find(":b") != std::string::npos) statement.exchange(soci::use(blob, "b"));
    statement.alloc();
    statement.prepare(sql);
    statement.define_and_bind();
    statement.execute(true);
    return absl::OkStatus();
  });
}

// ---- Hosts

absl::Status Store::PutHost(const HostRow& row) {
  v1::Host host = row.host;
  host.clear_online();
  return Write("keep a host", "INSERT OR REPLACE INTO hosts VALUES (:t0, :t1, :n0, :t2, :b)",
               {host.host_id(), host.name(), row.serial}, {host.state()}, host.SerializeAsString());
}

absl::StatusOr<std::vector<Store::HostRow>> Store::AllHosts() {
  std::vector<HostRow> hosts;
  MQ_RETURN_IF_ERROR(EachBlob("read its hosts", "SELECT body FROM hosts ORDER BY name", "",
                              [&](const std::string& bytes) {
                                hosts.emplace_back();
                                return Parse(bytes, "host", &hosts.back().host);
                              }));
  MQ_RETURN_IF_ERROR(Guard("read its hosts", [&]() -> absl::Status {
    for (HostRow& row : hosts) {
      const std::string id = row.host.host_id();
      *sql_ << "SELECT serial FROM hosts WHERE host_id = :i", soci::use(id), soci::into(row.serial);
    }
    return absl::OkStatus();
  }));
  return hosts;
}

// ---- Quarantines

absl::Status Store::PutQuarantine(const v1::FleetQuarantine& q) {
  return Write("keep a quarantine", "INSERT OR REPLACE INTO quarantines VALUES (:t0, :t1, :t2, :b)",
               {q.host_id(), q.quarantine().quarantine_id(), q.quarantine().incident_id()}, {},
               q.SerializeAsString());
}

absl::Status Store::DeleteQuarantinesOf(const std::string& host_id) {
  return Write("forget quarantines", "DELETE FROM quarantines WHERE host_id = :t0", {host_id}, {},
               "");
}

absl::StatusOr<std::vector<v1::FleetQuarantine>> Store::Quarantines(const std::string& incident) {
  std::vector<v1::FleetQuarantine> all;
  MQ_RETURN_IF_ERROR(EachBlob(
      "read its quarantines",
      incident.empty() ? "SELECT body FROM quarantines ORDER BY rowid"
                       : "SELECT body FROM quarantines WHERE incident_id = :k ORDER BY rowid",
      incident, [&](const std::string& bytes) {
        all.emplace_back();
        return Parse(bytes, "quarantine", &all.back());
      }));
  return all;
}

}  // namespace mailquench::controller
