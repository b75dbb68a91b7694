// All queues of one simulated transport, over its queue database. Thread-safe.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_STORE_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_STORE_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/simulation/exchange/database.h"
#include "tests/simulation/exchange/item.h"
#include "tests/simulation/exchange/rate.h"

namespace mailquench::simulation::exchange {

class Store {
 public:
  // `event`: what an administrator would read in the event log; "" nothing.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& server,
                                                     const DatabasePaths& paths,
                                                     std::string* event);
  // A clean stop.
  absl::Status Close();
  const std::string& database_id() const { return database_->id(); }
  bool InPlace() const { return database_->InPlace(); }

  // A number for a message that is about to be accepted: until it is released, nobody is told that
  // the message is gone.
  std::int64_t Reserve();
  void Release(std::int64_t number);
  // Durable when it returns. Its key is given here; its number, where it is 0.
  absl::Status Add(Item item);

  // Of the categoriser: what is ready in Submission, at most `most`.
  std::vector<Item> ReadySubmission(std::size_t most);
  absl::Status Split(std::int64_t key, std::vector<Item> into);
  std::size_t CountOf(const Place& place);

  // Of the deliverers.
  std::vector<Place> DuePlaces(const std::set<Kind>& kinds, absl::Time now);
  // Its next message, now Active. nullopt: none is ready.
  std::optional<Item> Begin(const Place& place, absl::Time now);
  void Delivered(std::int64_t key);
  // Not now; a removal or a suspension that was pending takes place.
  void Deferred(std::int64_t key, const std::string& error, absl::Time next);
  void PlaceFailed(const Place& place, const std::string& error, absl::Time next);

  // Shadow copies, by primary: key, the primary's database and its number there.
  struct Shadow {
    std::int64_t key = 0;
    std::string database;
    std::int64_t number = 0;
  };
  std::map<std::string, std::vector<Shadow>> Shadows();
  void Discard(const std::vector<std::int64_t>& keys);
  // Into the own Submission queue. How many.
  int Resubmit(const std::vector<std::int64_t>& keys);
  // Those of `numbers` that are neither here nor about to be.
  std::vector<std::int64_t> Gone(const std::vector<std::int64_t>& numbers);

  // Of administrators. Rows have the properties of Get-Queue and Get-Message.
  nlohmann::json QueueRows();
  nlohmann::json MessageRows();
  absl::Status SuspendQueue(const std::string& queue, bool suspend);
  absl::Status RetryQueue(const std::string& queue, bool resubmit);
  absl::Status SuspendMessage(const std::string& message, bool suspend);
  // What is gone at once; one in delivery goes when that does not succeed.
  absl::StatusOr<std::vector<Item>> RemoveMessage(const std::string& message);
  absl::StatusOr<std::string> ExportMessage(const std::string& message);

 private:
  struct Queue {
    int number = 0;
    std::set<std::int64_t> keys;
    bool suspended = false;
    int retries = 0;
    std::string error, connector;
    absl::Time first_retry = absl::InfinitePast(), last_retry = absl::InfinitePast(),
               next_retry = absl::InfinitePast();
    absl::Time idle_since = absl::InfinitePast();
    Rate in, out;
  };

  explicit Store(std::string server) : server_(std::move(server)) {}
  // All below want mu_ held.
  void Put(Item item, bool counts);
  void Drop(std::int64_t key, bool counts);
  absl::Status MoveTo(Item item, Place place);
  bool HasNumber(std::int64_t number) const { return numbers_.count(number) != 0; }
  std::string NameOf(const Place& place, const Queue& queue) const;
  const char* StatusOf(const Place& place, const Queue& queue) const;
  nlohmann::json RowOf(const Place& place, Queue& queue, absl::Time now);
  absl::StatusOr<Place> FindQueue(const std::string& text) const;
  absl::StatusOr<std::vector<std::int64_t>> FindMessages(const std::string& text) const;
  std::string WithoutServer(const std::string& text) const;
  void ForgetIdle(absl::Time now);

  const std::string server_;
  std::mutex mu_;
  std::unique_ptr<QueueDatabase> database_;
  std::map<std::int64_t, Item> items_;
  std::map<std::int64_t, absl::Time> next_tries_;  // Of items in Retry, by key.
  std::map<std::int64_t, int> numbers_;            // Items with it, or accepting.
  std::map<Place, Queue> queues_;
  std::int64_t last_key_ = 0, last_number_ = 0;
  int last_queue_ = 0;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_STORE_H_
