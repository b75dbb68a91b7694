// What administrators do with queues and messages, with the limits of the cmdlets.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/simulation/exchange/store.h"

namespace mailquench::simulation::exchange {
namespace {

bool IsDelivery(Kind kind) {
  return kind == Kind::kMailbox || kind == Kind::kSmartHost || kind == Kind::kDns;
}

absl::Status Refuse(const std::string& sentence) {
  return absl::FailedPreconditionError(sentence);
}

}  // namespace

std::string Store::WithoutServer(const std::string& text) const {
  const std::string prefix = server_ + "\\";
  if (absl::StartsWithIgnoreCase(text, prefix)) return text.substr(prefix.size());
  return absl::StartsWith(text, "\\") ? text.substr(1) : text;
}

absl::StatusOr<Place> Store::FindQueue(const std::string& text) const {
  const std::string wanted = WithoutServer(text);
  for (const auto& entry : queues_) {
    if (!wanted.empty() &&
        (absl::EqualsIgnoreCase(WithoutServer(NameOf(entry.first, entry.second)), wanted) ||
         (IsDelivery(entry.first.kind) && absl::EqualsIgnoreCase(entry.first.hop, wanted))))
      return entry.first;
  }
  return absl::NotFoundError(absl::StrCat("The queue \"", text, "\" was not found."));
}

absl::StatusOr<std::vector<std::int64_t>> Store::FindMessages(const std::string& text) const {
  const std::string wanted = WithoutServer(text);
  const std::size_t end = wanted.rfind('\\');
  std::int64_t number = 0;
  std::vector<std::int64_t> keys;
  const bool anywhere = end == std::string::npos || wanted.substr(0, end) == "*";
  if (absl::SimpleAtoi(end == std::string::npos ? wanted : wanted.substr(end + 1), &number)) {
    absl::StatusOr<Place> place = Place();
    if (!anywhere) place = FindQueue(wanted.substr(0, end));
    for (const auto& entry : items_) {
      if (entry.second.number == number &&
          (anywhere || (place.ok() && entry.second.place == *place)))
        keys.push_back(entry.first);
    }
  }
  if (keys.empty())
    return absl::NotFoundError(absl::StrCat("The message \"", text, "\" was not found."));
  return keys;
}

absl::Status Store::SuspendQueue(const std::string& queue, bool suspend) {
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const Place place, FindQueue(queue));
  if (place.kind == Kind::kPoison || place.kind == Kind::kShadow)
    return Refuse("The operation can't be performed on this type of queue.");
  queues_[place].suspended = suspend;
  if (!suspend) queues_[place].next_retry = absl::InfinitePast();
  return absl::OkStatus();
}

absl::Status Store::RetryQueue(const std::string& queue, bool resubmit) {
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const Place place, FindQueue(queue));
  const bool unreachable = place.kind == Kind::kUnreachable;
  if (!IsDelivery(place.kind) && !(unreachable && resubmit))
    return Refuse("The operation can't be performed on this type of queue.");
  Queue& row = queues_[place];
  row.next_retry = absl::InfinitePast();
  for (const std::int64_t key : std::vector<std::int64_t>(row.keys.begin(), row.keys.end())) {
    next_tries_.erase(key);
    Item& item = items_[key];
    if (!resubmit || (item.status != ItemStatus::kReady && item.status != ItemStatus::kRetry))
      continue;
    MQ_RETURN_IF_ERROR(MoveTo(item, {Kind::kSubmission, ""}));
  }
  return absl::OkStatus();
}

absl::Status Store::SuspendMessage(const std::string& message, bool suspend) {
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const std::vector<std::int64_t> keys, FindMessages(message));
  for (const std::int64_t key : keys) {
    Item& item = items_[key];
    if (item.place.kind == Kind::kPoison && !suspend) {
      MQ_RETURN_IF_ERROR(MoveTo(item, {Kind::kSubmission, ""}));
      continue;
    }
    if (!IsDelivery(item.place.kind) && item.place.kind != Kind::kUnreachable)
      return Refuse("The operation can't be performed on a message in this queue.");
    if (suspend && item.status == ItemStatus::kActive) {
      item.status = ItemStatus::kPendingSuspend;  // What is on its way goes on.
    } else if (suspend && item.status != ItemStatus::kPendingRemove) {
      item.status = ItemStatus::kSuspended;
    } else if (!suspend && item.status == ItemStatus::kPendingSuspend) {
      item.status = ItemStatus::kActive;
    } else if (!suspend && item.status == ItemStatus::kSuspended) {
      item.status = ItemStatus::kReady;
    }
    MQ_RETURN_IF_ERROR(database_->Change(item));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Item>> Store::RemoveMessage(const std::string& message) {
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const std::vector<std::int64_t> keys, FindMessages(message));
  std::vector<Item> removed;
  for (const std::int64_t key : keys) {
    Item& item = items_[key];
    if (item.place.kind == Kind::kSubmission)
      return Refuse("A message in the Submission queue can't be removed.");
    if (item.status == ItemStatus::kActive || item.status == ItemStatus::kPendingSuspend) {
      item.status = ItemStatus::kPendingRemove;
      continue;
    }
    if (item.status == ItemStatus::kPendingRemove) continue;
    MQ_RETURN_IF_ERROR(database_->Remove(key));
    removed.push_back(item);
    Drop(key, false);
  }
  return removed;
}

absl::StatusOr<std::string> Store::ExportMessage(const std::string& message) {
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const std::vector<std::int64_t> keys, FindMessages(message));
  const Item& item = items_[keys.front()];
  if (item.status != ItemStatus::kSuspended && item.place.kind != Kind::kPoison)
    return Refuse("The message must be suspended before it can be exported.");
  return *item.content;
}

}  // namespace mailquench::simulation::exchange
