// One message in one queue. A message with recipients behind several next hops is one in each of
// their queues, with one number.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ITEM_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ITEM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace mailquench::simulation::exchange {

enum class Kind { kSubmission, kUnreachable, kPoison, kMailbox, kSmartHost, kDns, kShadow };

// A queue, by what it leads to.
struct Place {
  Kind kind = Kind::kSubmission;
  std::string hop;  // NextHopDomain; of a shadow queue: the primary server.
  auto operator<=>(const Place&) const = default;
};

inline const Place kSubmission{Kind::kSubmission, ""};

enum class ItemStatus { kReady, kActive, kRetry, kSuspended, kPendingRemove, kPendingSuspend };

struct Item {
  std::int64_t key = 0;     // Of this record alone.
  std::int64_t number = 0;  // Of the message.
  Place place;
  int queue_number = 0;   // Of a delivery or shadow queue.
  std::string connector;  // NextHopConnector.
  std::string sender;     // Empty: a notification's.
  std::vector<std::string> recipients;
  std::string subject, message_id, header_from, network_id;
  std::string source;  // MessageSourceName.
  std::string client_ip;
  absl::Time received;
  ItemStatus status = ItemStatus::kReady;
  int retries = 0;
  std::string last_error;
  std::string primary_database;     // Of a shadow copy: the database that answers for it,
  std::int64_t primary_number = 0;  // and its number there.
  std::shared_ptr<const std::string> content = std::make_shared<std::string>();
};

// Takes subject, message id and From out of the header of the content. An absent message id becomes
// one at `fqdn`.
void ReadHeader(Item& item, const std::string& fqdn);
// Unfolded; "" where there is none.
std::string HeaderOf(const std::string& content, const std::string& name);
// The address in a header field: of "Anna <anna@example.org>", anna@example.org.
std::string AddressIn(const std::string& field);

// For the database. What was in delivery is ready again when it is read.
nlohmann::json ToJson(const Item& item);
std::optional<Item> FromJson(const nlohmann::json& json);
std::string Base64(const std::string& bytes);
std::string Unbase64(const std::string& text);

// 8-4-4-4-12
std::string NewGuid();

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ITEM_H_
