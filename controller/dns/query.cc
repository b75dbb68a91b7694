#include "controller/dns/query.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/tsig.h"

namespace mailquench::controller::dns {
namespace {

// What passes every path unbroken (DNS flag day 2020).
constexpr std::uint16_t kUdpSize = 1232;

void SortOnce(std::vector<std::string>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// An answer that repeats another question is none of ours, whatever its id.
bool AsksTheSame(const ldns_pkt* reply, const ldns_rdf* name, ldns_rr_type type) {
  const ldns_rr_list* questions = ldns_pkt_question(reply);
  if (ldns_rr_list_rr_count(questions) != 1) return false;
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  return ldns_rr_get_type(question) == type &&
         ldns_dname_compare(ldns_rr_owner(question), name) == 0;
}

Answer Read(const ldns_pkt* reply, const ldns_rdf* name, ldns_rr_type type) {
  Answer answer;
  answer.rcode = ldns_pkt_get_rcode(reply);
  answer.authoritative = ldns_pkt_aa(reply);
  const ldns_rr_list* records = ldns_pkt_answer(reply);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(records, i);
    if (ldns_rr_get_class(record) != LDNS_RR_CLASS_IN ||
        ldns_dname_compare(ldns_rr_owner(record), name) != 0) {
      continue;
    }
    if (ldns_rr_get_type(record) == type) {
      const std::uint32_t ttl = ldns_rr_ttl(record);
      answer.ttl = answer.values.empty() ? ttl : std::min(answer.ttl, ttl);
      answer.values.push_back(ValueText(record));
      if (type == LDNS_RR_TYPE_SOA && ldns_rr_rd_count(record) == 7)
        answer.serial = ldns_rdf2native_int32(ldns_rr_rdf(record, 2));
    } else if (ldns_rr_get_type(record) == LDNS_RR_TYPE_CNAME && ldns_rr_rd_count(record) == 1) {
      answer.alias = ValueText(record);
    }
  }
  SortOnce(answer.values);
  return answer;
}

}  // namespace

absl::StatusOr<Answer> Ask(const Endpoint& server,
                           const Question& question,
                           const Patience& patience) {
  MQ_ASSIGN_OR_RETURN(const NamePtr name, ParseName(question.name));
  MQ_ASSIGN_OR_RETURN(const ldns_rr_type type, ParseType(question.type));
  const PacketPtr packet = NewPacket(LDNS_PACKET_QUERY, name.get(), type);
  ldns_pkt_set_rd(packet.get(), question.recursion);
  ldns_pkt_set_edns_udp_size(packet.get(), kUdpSize);
  MQ_ASSIGN_OR_RETURN(std::string request, ToWire(packet.get()));
  std::string mac;
  if (question.key != nullptr) {
    SignedMessage made = Sign(request, *question.key, question.now);
    request = std::move(made.wire);
    mac = std::move(made.mac);
  }
  PacketPtr reply;
  const auto judge = [&](const std::string& bytes) {
    if (!AnswersTo(bytes, request)) return Verdict::kIgnore;
    if (ReadHeader(bytes)->truncated) return Verdict::kOverTcp;
    if (question.key != nullptr &&
        Verify(bytes, *question.key, mac, question.now).proof != Proof::kProven) {
      return Verdict::kWeak;
    }
    reply = FromWire(bytes);
    const bool ours = reply != nullptr && AsksTheSame(reply.get(), name.get(), type);
    return ours ? Verdict::kTake : Verdict::kIgnore;
  };
  MQ_ASSIGN_OR_RETURN(const Exchanged exchanged, Exchange(server, request, patience, judge));
  if (exchanged.weak) {
    return Error(
        absl::StatusCode::kUnauthenticated, "DNS_UNPROVEN_REPLY",
        absl::StrCat("the DNS server ", server.text, " answered the question for ", TypeText(type),
                     " of ", NameText(name.get()), " without a right signature of the key ",
                     question.key->name(), " (", RcodeText(ReadHeader(exchanged.reply)->rcode),
                     "); the answer was not believed"));
  }
  return Read(reply.get(), name.get(), type);
}

absl::StatusOr<std::vector<std::string>> Canonical(const std::string& name,
                                                   const std::string& type,
                                                   const std::vector<std::string>& values) {
  MQ_ASSIGN_OR_RETURN(const ldns_rr_type number, ParseType(type));
  std::vector<std::string> out;
  for (const std::string& value : values) {
    MQ_ASSIGN_OR_RETURN(const RecordPtr record, ParseRecord(name, number, 0, value));
    out.push_back(ValueText(record.get()));
  }
  SortOnce(out);
  return out;
}

}  // namespace mailquench::controller::dns
