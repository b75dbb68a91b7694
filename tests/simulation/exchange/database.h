// The queue database of the simulated transport: mail.que, trn.chk and the logs.
//
// The formats are ours (Exchange has ESE). mail.que: a head with the identity, a generation and
// CLEAN or DIRTY, then all items at the last commit; trn.log: the changes since. While the
// transport runs, mail.que is DIRTY and cannot be used without its log; a clean stop commits all,
// and then mail.que alone is enough.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_DATABASE_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_DATABASE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/os/folder.h"
#include "tests/simulation/exchange/held_file.h"
#include "tests/simulation/exchange/item.h"

namespace mailquench::simulation::exchange {

struct DatabasePaths {
  std::string database;  // Folder of mail.que and trn.chk.
  std::string log;       // Folder of trn.log and its like.
};

// Out of EdgeTransport.exe.config below the server's folder; a key that is absent or empty is the
// default, %ExchangeInstallPath% in a value is the server's folder. An unreadable file: defaults.
DatabasePaths ReadDatabasePaths(const std::string& server_folder);

class QueueDatabase {
 public:
  struct Loaded {
    std::unique_ptr<QueueDatabase> database;
    std::map<std::int64_t, Item> items;          // By key.
    std::int64_t last_key = 0, last_number = 0;  // That were ever given here.
    std::string event;  // What an administrator would read of it; "" nothing.
  };
  // What is missing is made, as a database with an identity of its own; what cannot be used is
  // moved into Messaging.old-yyyyMMddHHmmss beside it first. kUnavailable: it is in use.
  static absl::StatusOr<Loaded> Open(const DatabasePaths& paths);

  const std::string& id() const { return id_; }

  // Durable when they return, but for Remove().
  absl::Status Add(const Item& item);
  // `from` becomes `into`, which have its content.
  absl::Status Split(std::int64_t from, const std::vector<Item>& into);
  absl::Status Change(const Item& item);  // All but its content.
  absl::Status Remove(std::int64_t key);

  // False: somebody has moved mail.que away while it was open, which Windows lets nobody do.
  bool InPlace() const;

  // Commits everything; nothing may be called afterwards.
  absl::Status Close(const std::map<std::int64_t, Item>& items,
                     std::int64_t last_key,
                     std::int64_t last_number);

 private:
  QueueDatabase(DatabasePaths paths, std::string id, std::uint64_t generation)
      : paths_(std::move(paths)), id_(std::move(id)), generation_(generation) {}
  absl::Status Log(const nlohmann::json& record, bool durable);

  const DatabasePaths paths_;
  const std::string id_;
  std::uint64_t generation_;
  agent::FileIdentity identity_;  // Of mail.que.
  std::unique_ptr<HeldFile> mail_, log_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_DATABASE_H_
