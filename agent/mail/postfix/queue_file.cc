#include "agent/mail/postfix/queue_file.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "agent/mail/header_text.h"
#include "agent/mail/postfix/queue_records.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {

constexpr std::size_t kShownRecipients = 5;
constexpr std::size_t kMostDomains = 10000;  // Of one message.
constexpr std::size_t kMostSubject = 4096;
constexpr std::size_t kMostText = 2048;  // Of one address or attribute.
constexpr int kMostPointers = 1000;

class Parser {
 public:
  explicit Parser(ByteSource& source) : reader_(source, kMostBytes) {}

  absl::StatusOr<MessageFacts> Parse() {
    if (!Envelope()) {
      return Error(absl::StatusCode::kDataLoss, "BAD_QUEUE_FILE",
                   "the file is no complete queue file; it was left as it was");
    }
    const std::int64_t content = reader_.at();
    Headers();
    // `sendmail -t` leaves its recipients behind the message.
    if (seen_recipients_ < expected_recipients_ || seen_recipients_ == 0) Extracted(content);
    if (facts_.client.empty()) facts_.client = log_client_;
    return std::move(facts_);
  }

 private:
  // Follows a pointer; 0 means that it points nowhere yet.
  bool Follow(const Record& record) {
    std::int64_t target = 0;
    if (!NumberOf(record.data, target) || ++pointers_ > kMostPointers) return false;
    return target == 0 || reader_.Seek(target);
  }

  // True where the message's content was reached.
  bool Envelope() {
    Record record;
    bool began = false;  // A size or a time comes before all else.
    while (reader_.Next(record)) {
      if (record.type == 'M') return began && has_sender_;
      if (!began && record.type != 'C' && record.type != 'T') return false;
      began = true;
      if (!Common(record)) return false;
    }
    return false;
  }

  bool Common(const Record& record) {
    const std::string& data = record.data;
    switch (record.type) {
      case 'C': {
        // Fields of 15 digits, one space between.
        std::int64_t value = 0;
        if (NumberOf(data.substr(0, 15), value)) facts_.bytes = size_ = value;
        if (data.size() >= 47 && NumberOf(data.substr(32, 15), value)) expected_recipients_ = value;
        return true;
      }
      case 'T': {
        std::int64_t seconds = 0;
        if (NumberOf(data.substr(0, data.find(' ')), seconds))
          facts_.arrival = absl::FromUnixSeconds(std::min<std::int64_t>(seconds, 1LL << 40));
        return true;
      }
      case 'S':
        has_sender_ = true;
        facts_.sender = data.substr(0, kMostText);
        return true;
      case 'R':
      case 'D':
        Recipient(data.substr(0, kMostText));
        return true;
      case 'A':
        Attribute(data);
        return true;
      case 'p':
        return Follow(record);
      case 'E':
        return false;
      default:
        return true;
    }
  }

  void Attribute(const std::string& data) {
    const std::size_t equals = data.find('=');
    if (equals == std::string::npos) return;
    const std::string name = data.substr(0, equals);
    const std::string value = data.substr(equals + 1, kMostText);
    if (name == "sasl_username") facts_.account = value;
    if (name == "client_address" && value != "unknown") facts_.client = value;
    if (name == "log_client_address" && value != "unknown") log_client_ = value;
  }

  void Recipient(const std::string& address) {
    ++seen_recipients_;
    if (facts_.recipients.size() < kShownRecipients) facts_.recipients.push_back(address);
    const std::size_t at = address.rfind('@');
    if (at == std::string::npos || domains_.size() >= kMostDomains) return;
    std::string domain = absl::AsciiStrToLower(address.substr(at + 1));
    if (domains_.insert(domain).second) facts_.recipient_domains.push_back(std::move(domain));
  }

  // Reads header lines until the subject is whole. A line longer than a record comes in `L` pieces.
  void Headers() {
    std::string line;
    std::string subject;
    bool in_subject = false;
    bool continues = false;  // The last record was an unfinished line.
    Record record;
    while (reader_.Next(record)) {
      if (record.type == 'p') {
        if (!Follow(record)) return;
        continue;
      }
      if (record.type != 'N' && record.type != 'L') break;
      const bool first = !continues;
      continues = record.type == 'L';
      if (!first) {
        if (in_subject && subject.size() < kMostSubject) subject += record.data;
        continue;
      }
      if (record.data.empty()) break;
      const bool folded = record.data[0] == ' ' || record.data[0] == '\t';
      if (in_subject && !folded) break;
      if (folded) {
        if (in_subject && subject.size() < kMostSubject) subject += record.data;
        continue;
      }
      in_subject = absl::StartsWithIgnoreCase(record.data, "subject:");
      if (in_subject) subject = record.data.substr(8);
    }
    subject.resize(std::min(subject.size(), kMostSubject));
    const std::string value(absl::StripAsciiWhitespace(subject));
    facts_.subject = DecodeHeader(value);
  }

  void Extracted(std::int64_t content) {
    Record record;
    if (size_ > 0) {
      if (!reader_.Seek(content + std::min<std::int64_t>(size_, 1LL << 40))) return;
      if (!reader_.Next(record) || record.type != 'X') return;
    } else {
      reader_.Seek(content);  // A maildrop file does not say how long its message is.
      std::int64_t bytes = 0;
      do {
        if (!reader_.Next(record) || record.type == 'E') return;
        bytes += record.size;
      } while (record.type != 'X');
      facts_.bytes = bytes;
    }
    while (reader_.Next(record) && Common(record)) {
    }
  }

  RecordReader reader_;
  MessageFacts facts_;
  std::string log_client_;
  std::unordered_set<std::string> domains_;
  bool has_sender_ = false;
  std::int64_t size_ = 0;
  std::int64_t expected_recipients_ = 0;
  std::int64_t seen_recipients_ = 0;
  int pointers_ = 0;
};

}  // namespace

absl::StatusOr<MessageFacts> ParseQueueFile(ByteSource& source) {
  return Parser(source).Parse();
}

}  // namespace mailquench::agent::postfix
