#include "controller/store/store.h"

#include <sys/stat.h>

#include <algorithm>

#include "controller/store/checkpoint.h"
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
    // Keys that are hashes touch an index everywhere: a flood of alerts reads it all over again
    // with SQLite's own 2 MB.
    *store->sql_ << "PRAGMA cache_size=-16384";  // KiB
    return absl::OkStatus();
  });
  ::umask(before);
  if (status.ok()) status = store->Migrate(path);
  if (status.ok()) status = store->BeginCheckpoints(path);
  if (!status.ok()) return Prepend(status, path);
  return store;
}

absl::Status Store::BeginCheckpoints(const std::string& path) {
  // SOCI has SQLite's declarations in a namespace of its own.
  auto* const writer = reinterpret_cast<sqlite3*>(
      static_cast<soci::sqlite3_session_backend*>(sql_->get_backend())->conn_);
  MQ_ASSIGN_OR_RETURN(checkpointer_, Checkpointer::Start(path, writer));
  return absl::OkStatus();
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
    if (status.ok()) {
      const absl::Time begin = absl::Now();
      transaction.commit();
      if (committed_) committed_(absl::Now() - begin);
    }
    return status;  // Not committed: the transaction's end rolls back.
  });
}

// A statement that is used again, and what is bound to it.
struct Store::Prepared {
  Prepared(soci::session& sql,
           const std::string& text,
           std::size_t texts_in,
           std::size_t numbers_in)
      : texts(texts_in), numbers(numbers_in), body(sql), statement(sql) {
    for (std::size_t i = 0; i < texts.size(); ++i)
      statement.exchange(soci::use(texts[i], std::to_string(i).insert(0, 1, 't')));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      statement.exchange(soci::use(numbers[i], std::to_string(i).insert(0, 1, 'n')));
    if (text.find(":b") != std::string::npos) statement.exchange(soci::use(body, "b"));
    statement.alloc();
    statement.prepare(text);
    statement.define_and_bind();
  }
  std::vector<std::string> texts;
  std::vector<long long> numbers;
  soci::blob body;
  soci::statement statement;
};

// Statements name texts :t0.., numbers :n0.. and the body :b. They are few, and each is prepared
// once: that takes as long as its work.
absl::Status Store::Write(const char* what,
                          const std::string& sql,
                          const std::vector<std::string>& texts,
                          const std::vector<std::int64_t>& numbers,
                          const std::string& body) {
  return Guard(what, [&]() -> absl::Status {
    std::unique_ptr<Prepared>& one = prepared_[sql];
    try {
      if (one == nullptr)
        one = std::make_unique<Prepared>(*sql_, sql, texts.size(), numbers.size());
      std::copy(texts.begin(), texts.end(), one->texts.begin());
      std::copy(numbers.begin(), numbers.end(), one->numbers.begin());
      if (one->body.get_len() > body.size()) one->body.trim(body.size());
      one->body.write(0, body.data(), body.size());
      const absl::Time begin = absl::Now();
      one->statement.execute(true);
      if (depth_ == 0 && committed_) committed_(absl::Now() - begin);
      written_ = one->statement.get_affected_rows();
    } catch (...) {
      prepared_.erase(sql);
      throw;
    }
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
  MQ_RETURN_IF_ERROR(EachKeyedBlob("read its hosts", "SELECT serial, body FROM hosts ORDER BY name",
                                   "", [&](const std::string& serial, const std::string& bytes) {
                                     hosts.emplace_back();
                                     hosts.back().serial = serial;
                                     return Parse(bytes, "host", &hosts.back().host);
                                   }));
  return hosts;
}

absl::StatusOr<std::set<std::string>> Store::HostsNotActive() {
  std::set<std::string> ids;
  MQ_RETURN_IF_ERROR(Guard("read its hosts", [&]() -> absl::Status {
    const int active = v1::HOST_STATE_ACTIVE;
    soci::rowset<std::string> rows =
        (sql_->prepare << "SELECT host_id FROM hosts WHERE state <> :a", soci::use(active));
    ids.insert(rows.begin(), rows.end());
    return absl::OkStatus();
  }));
  return ids;
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
