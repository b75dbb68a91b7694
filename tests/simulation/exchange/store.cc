#include "tests/simulation/exchange/store.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::simulation::exchange {
namespace {
constexpr absl::Duration kMaxIdle = absl::Minutes(3);  // QueueMaxIdleTime
}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& server,
                                                   const DatabasePaths& paths,
                                                   std::string* event) {
  MQ_ASSIGN_OR_RETURN(QueueDatabase::Loaded loaded, QueueDatabase::Open(paths));
  *event = loaded.event;
  std::unique_ptr<Store> store(new Store(server));
  const std::lock_guard<std::mutex> lock(store->mu_);
  store->database_ = std::move(loaded.database);
  (void)store->queues_[kSubmission];
  store->last_key_ = loaded.last_key;
  store->last_number_ = loaded.last_number;
  for (auto& entry : loaded.items) {
    store->last_queue_ = std::max(store->last_queue_, entry.second.queue_number);
  }
  for (auto& entry : loaded.items) store->Put(std::move(entry.second), false);
  return store;
}

absl::Status Store::Close() {
  const std::lock_guard<std::mutex> lock(mu_);
  return database_->Close(items_, last_key_, last_number_);
}

std::int64_t Store::Reserve() {
  const std::lock_guard<std::mutex> lock(mu_);
  ++numbers_[++last_number_];
  return last_number_;
}

void Store::Release(std::int64_t number) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (--numbers_[number] <= 0) numbers_.erase(number);
}

// A new item gets its queue's number; what is loaded brings it along.
void Store::Put(Item item, bool counts) {
  Queue& queue = queues_[item.place];
  const bool numbered = item.place.kind != Kind::kSubmission &&
                        item.place.kind != Kind::kUnreachable && item.place.kind != Kind::kPoison;
  if (queue.number == 0 && numbered)
    queue.number = item.queue_number != 0 ? item.queue_number : ++last_queue_;
  item.queue_number = queue.number;
  queue.connector = item.connector;
  queue.keys.insert(item.key);
  if (counts) queue.in.Count(absl::Now());
  ++numbers_[item.number];
  items_[item.key] = std::move(item);
}

void Store::Drop(std::int64_t key, bool counts) {
  const auto it = items_.find(key);
  if (it == items_.end()) return;
  Queue& queue = queues_[it->second.place];
  queue.keys.erase(key);
  if (queue.keys.empty()) {
    queue.idle_since = absl::Now();
    queue.error.clear();
    queue.retries = 0;
    queue.next_retry = absl::InfinitePast();
  }
  if (counts) queue.out.Count(absl::Now());
  if (--numbers_[it->second.number] <= 0) numbers_.erase(it->second.number);
  next_tries_.erase(key);
  items_.erase(it);
}

absl::Status Store::Add(Item item) {
  const std::lock_guard<std::mutex> lock(mu_);
  item.key = ++last_key_;
  if (item.number == 0) item.number = ++last_number_;
  const auto queue = queues_.find(item.place);
  if (queue != queues_.end()) item.queue_number = queue->second.number;
  MQ_RETURN_IF_ERROR(database_->Add(item));
  Put(std::move(item), true);
  return absl::OkStatus();
}

std::size_t Store::CountOf(const Place& place) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto it = queues_.find(place);
  return it == queues_.end() ? 0 : it->second.keys.size();
}

std::vector<Item> Store::ReadySubmission(std::size_t most) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<Item> ready;
  const Queue& queue = queues_[kSubmission];
  if (queue.suspended) return ready;
  for (const std::int64_t key : queue.keys) {
    const Item& item = items_[key];
    if (item.status == ItemStatus::kReady) ready.push_back(item);
    if (ready.size() == most) break;
  }
  return ready;
}

absl::Status Store::Split(std::int64_t key, std::vector<Item> into) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (items_.count(key) == 0) return absl::OkStatus();
  for (Item& one : into) {
    one.key = ++last_key_;
    Queue& queue = queues_[one.place];
    if (queue.number == 0 && one.place.kind != Kind::kUnreachable &&
        one.place.kind != Kind::kPoison)
      queue.number = ++last_queue_;
    one.queue_number = queue.number;
  }
  MQ_RETURN_IF_ERROR(into.empty() ? database_->Remove(key) : database_->Split(key, into));
  for (Item& one : into) Put(std::move(one), true);
  Drop(key, true);
  return absl::OkStatus();
}

absl::Status Store::MoveTo(Item item, Place place) {
  const std::int64_t old = item.key;
  item.key = ++last_key_;
  item.place = std::move(place);
  item.queue_number = 0;
  item.status = ItemStatus::kReady;
  item.retries = 0;
  item.last_error.clear();
  MQ_RETURN_IF_ERROR(database_->Split(old, {item}));
  Put(std::move(item), true);
  Drop(old, true);
  return absl::OkStatus();
}

std::vector<Place> Store::DuePlaces(const std::set<Kind>& kinds, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mu_);
  ForgetIdle(now);
  std::vector<Place> due;
  for (const auto& entry : queues_) {
    const Queue& queue = entry.second;
    if (kinds.count(entry.first.kind) != 0 && !queue.suspended && !queue.keys.empty() &&
        queue.next_retry <= now)
      due.push_back(entry.first);
  }
  return due;
}

std::optional<Item> Store::Begin(const Place& place, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mu_);
  const Queue& queue = queues_[place];
  if (queue.suspended) return std::nullopt;
  for (const std::int64_t key : queue.keys) {
    Item& item = items_[key];
    const auto next = next_tries_.find(key);
    const bool ready =
        item.status == ItemStatus::kReady ||
        (item.status == ItemStatus::kRetry && (next == next_tries_.end() || next->second <= now));
    if (!ready) continue;
    item.status = ItemStatus::kActive;
    return item;
  }
  return std::nullopt;
}

void Store::Delivered(std::int64_t key) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto it = items_.find(key);
  if (it == items_.end()) return;
  Queue& queue = queues_[it->second.place];
  queue.retries = 0;
  queue.error.clear();
  queue.next_retry = absl::InfinitePast();
  (void)database_->Remove(key);
  Drop(key, true);
}

void Store::Deferred(std::int64_t key, const std::string& error, absl::Time next) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto it = items_.find(key);
  if (it == items_.end()) return;
  Item& item = it->second;
  item.last_error = error;
  if (!error.empty()) ++item.retries;
  if (item.status == ItemStatus::kPendingRemove) {
    (void)database_->Remove(key);
    Drop(key, false);
    return;
  }
  if (item.status == ItemStatus::kPendingSuspend) {
    item.status = ItemStatus::kSuspended;
    (void)database_->Change(item);
    return;
  }
  item.status = error.empty() ? ItemStatus::kReady : ItemStatus::kRetry;
  next_tries_[key] = next;
}

void Store::PlaceFailed(const Place& place, const std::string& error, absl::Time next) {
  const std::lock_guard<std::mutex> lock(mu_);
  Queue& queue = queues_[place];
  queue.error = error;
  queue.last_retry = absl::Now();
  if (queue.retries++ == 0) queue.first_retry = queue.last_retry;
  queue.next_retry = next;
}

// Queues of next hops go when they have been empty for a while.
void Store::ForgetIdle(absl::Time now) {
  for (auto it = queues_.begin(); it != queues_.end();) {
    const bool goes = it->second.keys.empty() && it->first != kSubmission &&
                      !it->second.suspended && it->second.idle_since + kMaxIdle < now;
    it = goes ? queues_.erase(it) : std::next(it);
  }
}

std::map<std::string, std::vector<Store::Shadow>> Store::Shadows() {
  const std::lock_guard<std::mutex> lock(mu_);
  std::map<std::string, std::vector<Shadow>> shadows;
  for (const auto& entry : queues_) {
    if (entry.first.kind != Kind::kShadow) continue;
    for (const std::int64_t key : entry.second.keys)
      shadows[entry.first.hop].push_back(
          {key, items_[key].primary_database, items_[key].primary_number});
  }
  return shadows;
}

void Store::Discard(const std::vector<std::int64_t>& keys) {
  const std::lock_guard<std::mutex> lock(mu_);
  for (const std::int64_t key : keys) {
    if (items_.count(key) == 0) continue;
    (void)database_->Remove(key);
    Drop(key, true);
  }
}

int Store::Resubmit(const std::vector<std::int64_t>& keys) {
  const std::lock_guard<std::mutex> lock(mu_);
  int moved = 0;
  for (const std::int64_t key : keys) {
    const auto it = items_.find(key);
    if (it == items_.end()) continue;
    Item item = it->second;
    item.number = ++last_number_;
    item.primary_database.clear();
    if (MoveTo(std::move(item), kSubmission).ok()) ++moved;
  }
  return moved;
}

std::vector<std::int64_t> Store::Gone(const std::vector<std::int64_t>& numbers) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::int64_t> gone;
  for (const std::int64_t one : numbers) {
    if (!HasNumber(one)) gone.push_back(one);
  }
  return gone;
}

}  // namespace mailquench::simulation::exchange
