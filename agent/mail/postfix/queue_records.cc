#include "agent/mail/postfix/queue_records.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kNextRead = 65536;
}  // namespace

bool NumberOf(const std::string& text, std::int64_t& out) {
  return absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &out) && out >= 0;
}

bool RecordReader::Seek(std::int64_t offset) {
  if (offset < 0 || offset > (1LL << 42)) return false;
  at_ = offset;
  return true;
}

bool RecordReader::Next(Record& record) {
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
  std::int64_t wanted = std::min(record.size, kept_);
  while (wanted > 0) {
    if (!Fill()) return false;
    const std::int64_t here =
        std::min<std::int64_t>(wanted, begin_ + static_cast<std::int64_t>(window_.size()) - at_);
    record.data.append(window_, static_cast<std::size_t>(at_ - begin_),
                       static_cast<std::size_t>(here));
    at_ += here;
    wanted -= here;
  }
  at_ += record.size - std::min(record.size, kept_);  // What is not kept is not read either.
  return true;
}

int RecordReader::Byte() {
  if (!Fill()) return -1;
  return static_cast<unsigned char>(window_[static_cast<std::size_t>(at_++ - begin_)]);
}

bool RecordReader::Fill() {
  if (at_ >= begin_ && at_ < begin_ + static_cast<std::int64_t>(window_.size())) return true;
  if (budget_ <= 0) return false;
  window_.resize(first_ ? kFirstRead : kNextRead);
  first_ = false;
  const std::int64_t n = source_.ReadAt(at_, window_.data(), window_.size());
  window_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  begin_ = at_;
  budget_ -= std::max<std::int64_t>(n, 1);
  return n > 0;
}

}  // namespace mailquench::agent::postfix
