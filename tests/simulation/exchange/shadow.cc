// Shadow redundancy: every accepted message has a copy on another server until it is delivered, and
// that server takes over when this one's database is another one.
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {

// True: somebody has a copy, or nobody needs one.
bool Transport::SendShadow(const Item& item) {
  const auto settings = SettingsNow();
  const std::vector<std::string> peers = settings->Peers();
  if (!settings->ShadowRedundancy() || peers.empty()) return true;
  const Json request = {{"do", "shadow"},
                        {"primary", server_},
                        {"database", store_->database_id()},
                        {"item", ToJson(item)}};
  for (const std::string& peer : peers) {
    const std::optional<Json> answer = AskTransport(world_, peer, request, ended_);
    if (answer.has_value() && BoolIn(*answer, "ok", false)) return true;
  }
  return false;
}

Json Transport::TakeShadow(const Json& request) {
  std::optional<Item> item = FromJson(request.at("item"));
  if (!item.has_value()) return {{"ok", false}, {"error", "no message"}};
  item->place = {Kind::kShadow, TextIn(request, "primary")};
  item->queue_number = 0;
  item->primary_database = TextIn(request, "database");
  item->primary_number = item->number;
  item->number = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    heard_[item->place.hop] = absl::Now();
  }
  const absl::Status added = store_->Add(*std::move(item));
  if (!added.ok()) return {{"ok", false}, {"error", std::string(added.message())}};
  return {{"ok", true}};
}

// Asked by a holder of copies: which of the messages it has copies of are done with.
Json Transport::TellDelivered(const Json& request) {
  return {{"ok", true},
          {"database", store_->database_id()},
          {"delivered", store_->Gone(request.at("messages").get<std::vector<std::int64_t>>())}};
}

void Transport::Resubmit(const std::string& primary, const std::vector<std::int64_t>& keys) {
  if (keys.empty()) return;
  const int moved = store_->Resubmit(keys);
  resubmitted_ += moved;
  WriteStatus();
  Note(absl::StrCat("took over ", moved, " messages of ", primary));
}

void Transport::Hear(const std::string& primary, const std::vector<Store::Shadow>& copies) {
  std::vector<std::int64_t> numbers, done, orphans, all;
  for (const Store::Shadow& one : copies) {
    numbers.push_back(one.number);
    all.push_back(one.key);
  }
  const std::optional<Json> answer = AskTransport(
      world_, primary, {{"do", "discard"}, {"holder", server_}, {"messages", numbers}}, ended_);
  if (ended_) return;
  if (!answer.has_value() || !BoolIn(*answer, "ok", false)) {
    absl::Time since;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      since = heard_.emplace(primary, absl::Now()).first->second;
    }
    const absl::Duration patience =
        SettingsNow()->TransportTimeSpan("ShadowResubmitTimeSpan", absl::Hours(3));
    if (absl::Now() - since > patience) Resubmit(primary, all);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mu_);
    heard_[primary] = absl::Now();
  }
  const std::string database = TextIn(*answer, "database");
  std::set<std::int64_t> delivered;
  for (const Json& one : ListIn(*answer, "delivered")) delivered.insert(one.get<std::int64_t>());
  for (const Store::Shadow& one : copies) {
    if (one.database != database)
      orphans.push_back(one.key);
    else if (delivered.count(one.number) != 0)
      done.push_back(one.key);
  }
  store_->Discard(done);
  Resubmit(primary, orphans);
}

void Transport::Heartbeat() {
  for (const auto& entry : store_->Shadows()) {
    if (ended_) return;
    Hear(entry.first, entry.second);
  }
  const absl::Time begun = absl::Now();
  while (!ended_ && absl::Now() < begun + SettingsNow()->TransportTimeSpan(
                                              "ShadowHeartbeatFrequency", absl::Minutes(2)))
    absl::SleepFor(absl::Milliseconds(20));
}

}  // namespace mailquench::simulation::exchange
