#include "agent/mail/folders/message_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/header_text.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kHead = std::size_t{64} * 1024;
constexpr std::size_t kStream = std::size_t{64} * 1024;
constexpr std::size_t kMostHeader = 4096;
constexpr std::size_t kShownRecipients = 5;
constexpr std::size_t kMostAddresses = 2000;

struct Header {
  std::string name;  // Lower case.
  std::string value;
};

// Unfolded, up to the empty line. Stops at the first line that is no header.
std::vector<Header> Headers(const std::string& head) {
  std::vector<Header> out;
  for (std::size_t at = 0; at < head.size();) {
    std::size_t end = head.find('\n', at);
    if (end == std::string::npos) end = head.size();
    std::string line = head.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (out.empty()) break;
      if (out.back().value.size() < kMostHeader) out.back().value += line;
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || line.find(' ') < colon) break;
    out.push_back({absl::AsciiStrToLower(line.substr(0, colon)), line.substr(colon + 1)});
  }
  for (Header& header : out) {
    header.value.resize(std::min(header.value.size(), kMostHeader));
    header.value = std::string(absl::StripAsciiWhitespace(header.value));
  }
  return out;
}

bool IsAddressByte(unsigned char c) {
  return absl::ascii_isalnum(c) || (c != '\0' && absl::StrContains(".!#$%&'*+-/=?^_`{|}~", c));
}

bool IsDomainByte(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '-';
}

void Collect(const std::string& text, std::vector<std::string>& out) {
  for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at, end = at + 1;
    while (begin > 0 && IsAddressByte(static_cast<unsigned char>(text[begin - 1]))) --begin;
    while (end < text.size() && IsDomainByte(static_cast<unsigned char>(text[end]))) ++end;
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
    if (begin == at || end - at < 4 || end - begin > 320) continue;
    if (text.find('.', at) >= end) continue;
    const std::string address = text.substr(begin, end - begin);
    if (out.size() < kMostAddresses && std::find(out.begin(), out.end(), address) == out.end())
      out.push_back(address);
  }
}

const std::string* Find(const std::vector<Header>& headers, const char* name) {
  for (const Header& header : headers) {
    if (header.name == name) return &header.value;
  }
  return nullptr;
}

std::string FirstAddress(const std::string& value) {
  std::vector<std::string> found;
  Collect(value, found);
  return found.empty() ? "" : found.front();
}

// "Received: from HELO ([192.0.2.1]) by mx with Microsoft SMTPSVC(8.5.9600.16384); ..."
void TakeClient(const std::vector<Header>& headers, MessageFacts& facts) {
  const std::string* received = Find(headers, "received");
  if (received == nullptr || !absl::StrContains(*received, "Microsoft SMTPSVC")) return;
  // HELO is the client's, and may hold a "by" and whatever else: only what comes after the last one
  // before this server's own words is its own.
  const std::size_t own = received->find(" with Microsoft SMTPSVC");
  const std::size_t by = received->rfind(" by ", own);
  if (own == std::string::npos || by == std::string::npos) return;
  const std::string from = received->substr(0, by);
  const std::size_t open = from.rfind('[');
  const std::size_t close = open == std::string::npos ? open : from.find(']', open);
  if (close != std::string::npos) {
    std::string address = from.substr(open + 1, close - open - 1);
    if (absl::StartsWithIgnoreCase(address, "ipv6:")) address = address.substr(5);
    const bool shaped =
        !address.empty() && address.size() < 46 &&
        std::all_of(address.begin(), address.end(), [](char c) {
          return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == '.' || c == ':';
        });
    if (shaped) facts.client = address;
  }
  const std::string rest = received->substr(own);
  const std::string lower = absl::AsciiStrToLower(rest);
  for (const std::string word :
       {"authenticated sender:", "authenticated user", "authenticated as"}) {
    const std::size_t found = lower.find(word);
    if (found == std::string::npos) continue;
    std::size_t begin = rest.find_first_not_of(" :=", found + word.size());
    if (begin == std::string::npos) return;
    const std::size_t end = rest.find_first_of(" );,", begin);
    facts.account = rest.substr(begin, end == std::string::npos ? end : end - begin);
    return;
  }
}

bool IsDeliveryReport(const std::vector<Header>& headers) {
  const std::string* type = Find(headers, "content-type");
  if (type == nullptr) return false;
  const std::string lower = absl::AsciiStrToLower(*type);
  return absl::StartsWith(lower, "multipart/report") && absl::StrContains(lower, "delivery-status");
}

void SetRecipients(const std::vector<std::string>& recipients, MessageFacts& facts) {
  for (const std::string& recipient : recipients) {
    if (facts.recipients.size() < kShownRecipients) facts.recipients.push_back(recipient);
    const std::size_t at = recipient.rfind('@');
    if (at == std::string::npos) continue;
    std::string domain = absl::AsciiStrToLower(recipient.substr(at + 1));
    std::vector<std::string>& domains = facts.recipient_domains;
    if (std::find(domains.begin(), domains.end(), domain) == domains.end())
      domains.push_back(std::move(domain));
  }
}
}  // namespace

std::vector<std::string> AddressesIn(const std::string& bytes) {
  std::vector<std::string> out;
  Collect(bytes, out);
  // UTF-16: the same without every other byte, where those are zero, at both alignments.
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {
    std::string narrow;
    for (std::size_t i = first; i + 1 < bytes.size(); i += 2)
      narrow.push_back(bytes[i + 1] == '\0' ? bytes[i] : '\0');
    Collect(narrow, out);
  }
  return out;
}

absl::StatusOr<ReadMessage> ParseMessage(const std::string& head,
                                         const std::vector<NamedStream>& streams) {
  const std::vector<Header> headers = Headers(head);
  if (headers.empty())
    return Error(absl::StatusCode::kDataLoss, "BAD_QUEUE_FILE",
                 "the file is no message; it was left as it was");
  ReadMessage out;
  MessageFacts& facts = out.facts;
  // What the message says of itself.
  std::string claimed;
  bool null_sender = false;
  const std::string* x_sender = Find(headers, "x-sender");
  const std::string* path = Find(headers, "return-path");
  const std::string* from = Find(headers, "from");
  if (x_sender != nullptr) {
    claimed = FirstAddress(*x_sender);
    null_sender = claimed.empty();
  } else if (path != nullptr) {
    claimed = FirstAddress(*path);
    null_sender = claimed.empty();
  } else if (IsDeliveryReport(headers)) {
    null_sender = true;
  } else if (from != nullptr) {
    claimed = FirstAddress(*from);
  }
  std::vector<std::string> recipients;
  for (const NamedStream& stream : streams) {
    for (const std::string& address : AddressesIn(stream.content)) {
      if (std::find(recipients.begin(), recipients.end(), address) == recipients.end())
        recipients.push_back(address);
    }
  }
  if (!recipients.empty()) {
    out.source = EnvelopeSource::kStreams;
    if (!null_sender) {
      auto sender = std::find_if(recipients.begin(), recipients.end(), [&](const std::string& one) {
        return absl::EqualsIgnoreCase(one, claimed);
      });
      if (sender == recipients.end()) sender = recipients.begin();
      facts.sender = *sender;
      recipients.erase(sender);
    }
  } else {
    out.source = x_sender != nullptr ? EnvelopeSource::kLines : EnvelopeSource::kHeaders;
    if (!null_sender) facts.sender = claimed;
    for (const Header& header : headers) {
      const bool names = x_sender != nullptr
                             ? header.name == "x-receiver"
                             : header.name == "to" || header.name == "cc" || header.name == "bcc";
      if (names) Collect(header.value, recipients);
    }
  }
  facts.sender_unknown = !null_sender && facts.sender.empty();
  SetRecipients(recipients, facts);
  if (const std::string* subject = Find(headers, "subject")) facts.subject = DecodeHeader(*subject);
  TakeClient(headers, facts);
  return out;
}

absl::StatusOr<ReadMessage> ReadMessageFile(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string head, ReadHead(path, kHead));
  // What has no streams, or does not let them be read, is judged by its text.
  const auto streams = ReadStreams(path, kStream);
  return ParseMessage(head, streams.ok() ? *streams : std::vector<NamedStream>());
}

}  // namespace mailquench::agent
