#include "tests/simulation/exchange/item.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/random.h"

namespace mailquench::simulation::exchange {
using Json = nlohmann::json;

std::string NewGuid() {
  std::array<unsigned char, 16> bytes{};
  if (!os::FillRandom(bytes.data(), bytes.size())) return "";
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

std::string HeaderOf(const std::string& content, const std::string& name) {
  std::string value;
  bool inside = false;
  for (std::size_t at = 0; at < content.size();) {
    std::size_t end = content.find('\n', at);
    if (end == std::string::npos) end = content.size();
    absl::string_view line = absl::string_view(content).substr(at, end - at);
    at = end + 1;
    while (absl::EndsWith(line, "\r")) line.remove_suffix(1);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (inside) absl::StrAppend(&value, " ", absl::StripAsciiWhitespace(line));
      continue;
    }
    if (inside) break;
    inside = line.size() > name.size() && line[name.size()] == ':' &&
             absl::StartsWithIgnoreCase(line, name);
    if (inside) value = std::string(absl::StripAsciiWhitespace(line.substr(name.size() + 1)));
  }
  return value;
}

std::string AddressIn(const std::string& field) {
  const std::size_t begin = field.rfind('<');
  const std::size_t end = field.find('>', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos)
    return std::string(absl::StripAsciiWhitespace(field));
  return field.substr(begin + 1, end - begin - 1);
}

void ReadHeader(Item& item, const std::string& fqdn) {
  item.subject = HeaderOf(*item.content, "Subject");
  item.header_from = AddressIn(HeaderOf(*item.content, "From"));
  item.message_id = HeaderOf(*item.content, "Message-ID");
  if (item.message_id.empty()) {
    item.message_id = absl::StrCat("<", NewGuid(), "@", fqdn, ">");
    item.content = std::make_shared<std::string>(
        absl::StrCat("Message-ID: ", item.message_id, "\r\n", *item.content));
  }
  if (item.network_id.empty()) item.network_id = NewGuid();
}

std::string Base64(const std::string& bytes) {
  return absl::Base64Escape(bytes);
}

std::string Unbase64(const std::string& text) {
  std::string out;
  return absl::Base64Unescape(text, &out) ? out : "";
}

// Texts that came over the network are no UTF-8, perhaps: base64.
Json ToJson(const Item& item) {
  Json recipients = Json::array();
  for (const std::string& one : item.recipients) recipients.push_back(Base64(one));
  const bool pending = item.status == ItemStatus::kPendingSuspend;
  return {{"key", item.key},
          {"number", item.number},
          {"kind", static_cast<int>(item.place.kind)},
          {"hop", Base64(item.place.hop)},
          {"queue", item.queue_number},
          {"connector", item.connector},
          {"sender", Base64(item.sender)},
          {"recipients", recipients},
          {"subject", Base64(item.subject)},
          {"message_id", Base64(item.message_id)},
          {"header_from", Base64(item.header_from)},
          {"network_id", item.network_id},
          {"source", item.source},
          {"client", item.client_ip},
          {"received", absl::ToUnixMicros(item.received)},
          {"suspended", item.status == ItemStatus::kSuspended || pending},
          {"retries", item.retries},
          {"error", Base64(item.last_error)},
          {"primary_database", item.primary_database},
          {"primary_number", item.primary_number},
          {"content", Base64(*item.content)}};
}

std::optional<Item> FromJson(const Json& json) {
  try {
    Item item;
    const auto text = [&](const char* key) { return Unbase64(json.at(key).get<std::string>()); };
    item.key = json.at("key");
    item.number = json.at("number");
    item.place.kind = static_cast<Kind>(json.at("kind").get<int>());
    item.place.hop = text("hop");
    item.queue_number = json.at("queue");
    item.connector = json.at("connector");
    item.sender = text("sender");
    for (const Json& one : json.at("recipients")) item.recipients.push_back(Unbase64(one));
    item.subject = text("subject");
    item.message_id = text("message_id");
    item.header_from = text("header_from");
    item.network_id = json.at("network_id");
    item.source = json.at("source");
    item.client_ip = json.at("client");
    item.received = absl::FromUnixMicros(json.at("received").get<std::int64_t>());
    item.status = json.at("suspended").get<bool>() ? ItemStatus::kSuspended : ItemStatus::kReady;
    item.retries = json.at("retries");
    item.last_error = text("error");
    item.primary_database = json.at("primary_database");
    item.primary_number = json.at("primary_number");
    item.content = std::make_shared<std::string>(text("content"));
    return item;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace mailquench::simulation::exchange
