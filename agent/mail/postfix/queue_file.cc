#include "agent/mail/postfix/queue_file.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "agent/mail/header_text.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {

constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kNextRead = 65536;
constexpr std::size_t kShownRecipients = 5;
constexpr std::size_t kMostDomains = 10000;  // Of one message.
constexpr std::size_t kMostSubject = 4096;
constexpr std::size_t kMostText = 2048;  // Of one address or attribute.
constexpr int kMostPointers = 1000;

struct Record {
  char type = 0;
  std::int64_t size = 0;  // Of the data.
  std::string data;       // At most `kKept` bytes of it.
};
constexpr std::int64_t kKept = 8192;

// A window over the source: one read for the usual file.
class Reader {
 public:
  explicit Reader(ByteSource& source) : source_(source) {}

  std::int64_t at() const { return at_; }
  // False where it is outside what may be read.
  bool Seek(std::int64_t offset) {
    if (offset < 0 || offset > (1LL << 42)) return false;
    at_ = offset;
    return true;
  }

  bool Next(Record& record) {
    int byte = Byte();
    if (byte < 0) return false;
    record.type = static_cast<char>(byte);
    record.size = 0;
    for (int shift = 0;; shift += 7) {
      if (shift > 28 || (byte = Byte()) < 0) return false;
      record.size |= static_cast<std::int64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    record.data.clear();
    std::int64_t wanted = std::min(record.size, kKept);
    while (wanted > 0) {
      if (!Fill()) return false;
      const std::int64_t here =
          std::min<std::int64_t>(wanted, begin_ + static_cast<std::int64_t>(window_.size()) - at_);
      record.data.append(window_, static_cast<std::size_t>(at_ - begin_),
                         static_cast<std::size_t>(here));
      at_ += here;
      wanted -= here;
    }
    at_ += record.size - std::min(record.size, kKept);  // What is not kept is not read either.
    return true;
  }

 private:
  int Byte() {
    if (!Fill()) return -1;
    return static_cast<unsigned char>(window_[static_cast<std::size_t>(at_++ - begin_)]);
  }

  // Makes the byte at `at_` be in the window. False at the end or the limit.
  bool Fill() {
    if (at_ >= begin_ && at_ < begin_ + static_cast<std::int64_t>(window_.size())) return true;
    if (budget_ <= 0) return false;
    window_.resize(budget_ == kMostBytes ? kFirstRead : kNextRead);
    const std::int64_t n = source_.ReadAt(at_, window_.data(), window_.size());
    window_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    begin_ = at_;
    budget_ -= std::max<std::int64_t>(n, 1);
    return n > 0;
  }

  ByteSource& source_;
  std::string window_;
  std::int64_t begin_ = 0;
  std::int64_t at_ = 0;
  std::int64_t budget_ = kMostBytes;
};

bool Number(const std::string& text, std::int64_t& out) {
  return absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &out) && out >= 0;
}

class Parser {
 public:
  explicit Parser(ByteSource& source) : reader_(source) {}

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
    if (!Number(record.data, target) || ++pointers_ > kMostPointers) return false;
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
        if (Number(data.substr(0, 15), value)) facts_.bytes = size_ = value;
        if (data.size() >= 47 && Number(data.substr(32, 15), value)) expected_recipients_ = value;
        return true;
      }
      case 'T': {
        std::int64_t seconds = 0;
        if (Number(data.substr(0, data.find(' ')), seconds))
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

  Reader reader_;
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
