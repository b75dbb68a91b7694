#include "controller/dns/message.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller::dns {
namespace {

std::string Taken(char* text) {
  std::string out = text == nullptr ? "" : text;
  std::free(text);
  return out;
}

absl::Status Bad(absl::string_view reason, absl::string_view text, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, reason,
               absl::StrCat("'", Harmless(std::string(text)), "' ", what, "; nothing was sent"));
}

// ldns takes what stands after an unquoted ';' for a comment and closes an open quote by itself.
bool IsOneValue(absl::string_view value) {
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') return false;
    if (c == '\\') {
      if (++i == value.size()) return false;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && absl::StrContains(";()", c)) {
      return false;
    }
  }
  return !quoted && !absl::StripAsciiWhitespace(value).empty();
}

// ldns cuts a number to the field's bits: a preference of 65546 would be 10.
bool NumbersAreKept(const ldns_rr* record, absl::string_view value) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(value, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words[0] == "\\#") return true;
  for (std::size_t i = 0; i < words.size() && i < ldns_rr_rd_count(record); ++i) {
    const ldns_rdf* field = ldns_rr_rdf(record, i);
    std::uint32_t held = 0, written = 0;
    if (ldns_rdf_get_type(field) == LDNS_RDF_TYPE_INT8)
      held = ldns_rdf2native_int8(field);
    else if (ldns_rdf_get_type(field) == LDNS_RDF_TYPE_INT16)
      held = ldns_rdf2native_int16(field);
    else
      continue;
    if (!absl::SimpleAtoi(words[i], &written) || written != held) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<NamePtr> ParseName(const std::string& text) {
  const bool one_word = text.find_first_of(" \t\r\n;()\"") == std::string::npos &&
                        text.find('\0') == std::string::npos;
  NamePtr name(one_word && !text.empty() ? ldns_dname_new_frm_str(text.c_str()) : nullptr);
  if (name == nullptr) return Bad("BAD_NAME", text, "is no domain name");
  ldns_dname2canonical(name.get());
  return name;
}

std::string WireName(const ldns_rdf* name) {
  return std::string(reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name));
}

std::string NameText(const ldns_rdf* name) {
  std::string text = Taken(ldns_rdf2str(name));
  if (text.size() > 1 && text.back() == '.') text.pop_back();
  return text;
}

NamePtr ReadName(const std::string& message, std::size_t* at) {
  ldns_rdf* name = nullptr;
  const auto* data = reinterpret_cast<const std::uint8_t*>(message.data());
  if (*at >= message.size() || ldns_wire2dname(&name, data, message.size(), at) != LDNS_STATUS_OK) {
    return nullptr;
  }
  ldns_dname2canonical(name);
  return NamePtr(name);
}

absl::StatusOr<ldns_rr_type> ParseType(const std::string& text) {
  const ldns_rr_type type = ldns_get_rr_type_by_name(absl::AsciiStrToUpper(text).c_str());
  // 128 to 255 are of questions and of one message's own records (RFC 6895 section 3.1).
  if (type == 0 || type == LDNS_RR_TYPE_OPT || (type >= 128 && type <= 255))
    return Bad("BAD_TYPE", text, "is no type of record that a zone can hold");
  return type;
}

std::string TypeText(ldns_rr_type type) {
  return Taken(ldns_rr_type2str(type));
}

std::string RcodeText(int rcode) {
  const ldns_lookup_table* known = ldns_lookup_by_id(ldns_rcodes, rcode);
  return known != nullptr ? known->name : absl::StrCat("error ", rcode);
}

absl::StatusOr<RecordPtr> ParseRecord(const std::string& name,
                                      ldns_rr_type type,
                                      std::uint32_t ttl,
                                      const std::string& value) {
  MQ_ASSIGN_OR_RETURN(const NamePtr owner, ParseName(name));
  const std::string line =
      absl::StrCat(Taken(ldns_rdf2str(owner.get())), " ", ttl, " IN ", TypeText(type), " ", value);
  ldns_rr* record = nullptr;
  const bool is_one = IsOneValue(value);
  const ldns_status parsed = is_one
                                 ? ldns_rr_new_frm_str(&record, line.c_str(), ttl, nullptr, nullptr)
                                 : LDNS_STATUS_SYNTAX_ERR;
  RecordPtr owned(parsed == LDNS_STATUS_OK ? record : nullptr);
  if (owned == nullptr || ldns_rr_rd_count(record) == 0 || !NumbersAreKept(record, value)) {
    return Bad("BAD_VALUE", value,
               absl::StrCat("is no value of a record of type ", TypeText(type)));
  }
  ldns_rr2canonical(record);
  return owned;
}

RecordPtr EmptyRecord(const ldns_rdf* name, ldns_rr_type type, ldns_rr_class its_class) {
  RecordPtr record(ldns_rr_new());
  ldns_rr_set_owner(record.get(), ldns_rdf_clone(name));
  ldns_rr_set_type(record.get(), type);
  ldns_rr_set_class(record.get(), its_class);
  ldns_rr_set_ttl(record.get(), 0);
  return record;
}

std::string ValueText(const ldns_rr* record) {
  const RecordPtr canonical(ldns_rr_clone(record));
  ldns_rr2canonical(canonical.get());
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(canonical.get()); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", Taken(ldns_rdf2str(ldns_rr_rdf(canonical.get(), i))));
  }
  return text;
}

PacketPtr NewPacket(ldns_pkt_opcode opcode, const ldns_rdf* name, ldns_rr_type type) {
  PacketPtr packet(ldns_pkt_new());
  std::uint16_t id = 0;
  // Whoever guesses the id answers in the server's place.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id) != 1) std::abort();
  ldns_pkt_set_id(packet.get(), id);
  ldns_pkt_set_opcode(packet.get(), opcode);
  RecordPtr record = EmptyRecord(name, type, LDNS_RR_CLASS_IN);
  ldns_rr_set_question(record.get(), true);
  Push(packet.get(), LDNS_SECTION_QUESTION, std::move(record));
  return packet;
}

void Push(ldns_pkt* packet, ldns_pkt_section section, RecordPtr record) {
  if (ldns_pkt_push_rr(packet, section, record.get())) (void)record.release();
}

absl::StatusOr<std::string> ToWire(const ldns_pkt* packet) {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
  const ldns_status status = ldns_pkt2wire(&data, packet, &size);
  std::string wire;
  if (status == LDNS_STATUS_OK) wire.assign(reinterpret_cast<const char*>(data), size);
  std::free(data);
  if (status == LDNS_STATUS_OK && size <= kLongestMessage) return wire;
  return Error(absl::StatusCode::kInvalidArgument, "UPDATE_TOO_LARGE",
               "one DNS message cannot hold these values (65535 bytes is the most); nothing was "
               "sent; change fewer records at once");
}

PacketPtr FromWire(const std::string& wire) {
  ldns_pkt* packet = nullptr;
  const auto* data = reinterpret_cast<const std::uint8_t*>(wire.data());
  if (ldns_wire2pkt(&packet, data, wire.size()) != LDNS_STATUS_OK) return nullptr;
  return PacketPtr(packet);
}

std::optional<Header> ReadHeader(const std::string& wire) {
  if (wire.size() < kHeader) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(wire[i]); };
  Header header;
  header.id = static_cast<std::uint16_t>(at(0) << 8 | at(1));
  header.reply = (at(2) & 0x80) != 0;
  header.opcode = at(2) >> 3 & 15;
  header.authoritative = (at(2) & 0x04) != 0;
  header.truncated = (at(2) & 0x02) != 0;
  header.rcode = at(3) & 15;
  return header;
}

bool AnswersTo(const std::string& reply, const std::string& request) {
  const auto its = ReadHeader(reply), ours = ReadHeader(request);
  return its.has_value() && ours.has_value() && its->reply && its->id == ours->id &&
         its->opcode == ours->opcode;
}

}  // namespace mailquench::controller::dns
