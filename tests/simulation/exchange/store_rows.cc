// Queues and messages as Get-Queue and Get-Message show them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/simulation/exchange/store.h"

namespace mailquench::simulation::exchange {
using Json = nlohmann::json;
namespace {

constexpr absl::Duration kExpires = absl::Hours(48);

Json DateOf(absl::Time time) {
  if (time == absl::InfinitePast()) return nullptr;
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E7SZ", time, absl::UTCTimeZone());
}

const char* DeliveryTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kUnreachable:
      return "Unreachable";
    case Kind::kMailbox:
      return "SmtpDeliveryToMailbox";
    case Kind::kSmartHost:
      return "SmartHostConnectorDelivery";
    case Kind::kDns:
      return "DnsConnectorDelivery";
    case Kind::kShadow:
      return "ShadowRedundancy";
    case Kind::kSubmission:
    case Kind::kPoison:
      break;
  }
  return "Undefined";
}

const char* NameOfStatus(ItemStatus status) {
  switch (status) {
    case ItemStatus::kReady:
      return "Ready";
    case ItemStatus::kActive:
      return "Active";
    case ItemStatus::kRetry:
      return "Retry";
    case ItemStatus::kSuspended:
      return "Suspended";
    case ItemStatus::kPendingRemove:
      return "PendingRemove";
    case ItemStatus::kPendingSuspend:
      return "PendingSuspend";
  }
  return "";
}

bool IsOutside(Kind kind) {
  return kind == Kind::kSmartHost || kind == Kind::kDns;
}

}  // namespace

std::string Store::NameOf(const Place& place, const Queue& queue) const {
  switch (place.kind) {
    case Kind::kSubmission:
      return server_ + "\\Submission";
    case Kind::kUnreachable:
      return server_ + "\\Unreachable";
    case Kind::kPoison:
      return server_ + "\\Poison";
    case Kind::kShadow:
      return absl::StrCat(server_, "\\Shadow\\", queue.number);
    default:
      return absl::StrCat(server_, "\\", queue.number);
  }
}

const char* Store::StatusOf(const Place& place, const Queue& queue) const {
  if (queue.suspended || place.kind == Kind::kPoison) return "Suspended";
  if (!queue.error.empty()) return "Retry";
  for (const std::int64_t key : queue.keys) {
    if (items_.at(key).status == ItemStatus::kActive) return "Active";
  }
  return "Ready";
}

Json Store::RowOf(const Place& place, Queue& queue, absl::Time now) {
  const double in = queue.in.PerSecond(now), out = queue.out.PerSecond(now);
  const auto deferred = std::count_if(queue.keys.begin(), queue.keys.end(), [&](std::int64_t key) {
    return items_.at(key).status == ItemStatus::kRetry;
  });
  const std::size_t count = queue.keys.size();
  const std::string name = NameOf(place, queue);
  return {{"Identity", name},
          {"QueueIdentity", name},
          {"DeliveryType", DeliveryTypeOf(place.kind)},
          {"NextHopDomain", place.kind == Kind::kSubmission    ? "Submission"
                            : place.kind == Kind::kUnreachable ? "Unreachable Domain"
                            : place.kind == Kind::kPoison      ? "Poison Message"
                                                               : place.hop},
          {"NextHopCategory", IsOutside(place.kind) ? "External" : "Internal"},
          {"NextHopConnector", queue.connector},
          {"TlsDomain", ""},
          {"Status", StatusOf(place, queue)},
          {"MessageCount", count},
          {"MessageCountsPerPriority", Json::array({0, count, 0, 0})},
          {"DeferredMessageCount", deferred},
          {"DeferredMessageCountsPerPriority", Json::array({0, deferred, 0, 0})},
          {"LockedMessageCount", 0},
          {"PriorityDescriptions", Json::array({"High", "Normal", "Low", "None"})},
          {"RiskLevel", "Normal"},
          {"OutboundIPPool", 0},
          {"OverrideSource", ""},
          {"LastError", queue.error},
          {"RetryCount", queue.retries},
          {"LastRetryTime", DateOf(queue.last_retry)},
          {"NextRetryTime", DateOf(queue.next_retry)},
          {"FirstRetryTime", DateOf(queue.first_retry)},
          {"IncomingRate", in},
          {"OutgoingRate", out},
          {"Velocity", out - in}};
}

// Unreachable, Poison and empty queues of next hops are shown while they are there.
Json Store::QueueRows() {
  const std::lock_guard<std::mutex> lock(mu_);
  const absl::Time now = absl::Now();
  ForgetIdle(now);
  Json rows = Json::array();
  for (auto& entry : queues_) rows.push_back(RowOf(entry.first, entry.second, now));
  return rows;
}

Json Store::MessageRows() {
  const std::lock_guard<std::mutex> lock(mu_);
  Json rows = Json::array();
  for (const auto& entry : items_) {
    const Item& item = entry.second;
    const std::string queue = NameOf(item.place, queues_.at(item.place));
    const std::string from = item.sender.empty() ? "<>" : item.sender;
    Json recipients = Json::array();
    for (const std::string& one : item.recipients) {
      recipients.push_back({{"Address", one},
                            {"Type", IsOutside(item.place.kind) ? "External" : "Mailbox"},
                            {"FinalDestination", item.place.hop},
                            {"Status", item.status == ItemStatus::kRetry ? "Retry" : "Ready"},
                            {"LastError", item.last_error}});
    }
    rows.push_back(
        {{"Identity", absl::StrCat(queue, "\\", item.number)},
         {"MessageIdentity", item.number},
         {"Queue", queue},
         {"Subject", item.subject},
         {"InternetMessageId", item.message_id},
         {"FromAddress", from},
         {"OriginalFromAddress", from},
         {"Status", NameOfStatus(item.status)},
         {"Size", item.content->size()},
         {"MessageSourceName", item.source},
         {"SourceIP", item.client_ip.empty() ? "255.255.255.255" : item.client_ip},
         {"SCL", -1},
         {"DateReceived", DateOf(item.received)},
         {"ExpirationTime", DateOf(item.received + kExpires)},
         {"LastError", item.last_error},
         {"RetryCount", item.retries},
         {"DeferReason", item.status == ItemStatus::kRetry ? "TransientFailure" : "None"},
         {"LockReason", nullptr},
         {"Priority", "Normal"},
         {"Directionality", "Originating"},
         {"Recipients", recipients},
         {"MessageLatency", absl::ToDoubleSeconds(absl::Now() - item.received)},
         {"ComponentLatency", Json::array()},
         {"AccountForest", ""},
         {"TrafficType", "Email"},
         {"TrafficSubType", ""}});
  }
  return rows;
}

}  // namespace mailquench::simulation::exchange
