#include "agent/mail/postfix/message_stream.h"

#include <algorithm>

#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::size_t kReady = 65536;
constexpr int kMostPointersInAll = 1000;
// Of one record. Postfix' own are as long as line_length_limit, 2048.
constexpr std::int64_t kLongestRecord = std::int64_t{1} << 20;

absl::Status Broken() {
  return Error(absl::StatusCode::kDataLoss, "BAD_QUEUE_FILE", "it is no complete queue file");
}
}  // namespace

void MessageStream::Rewind() {
  reader_ = std::make_unique<RecordReader>(source_, 4 * file_bytes_ + (1 << 20), kLongestRecord);
  in_content_ = ended_ = false;
  pointers_ = 0;
  ready_.clear();
  given_ = 0;
}

bool MessageStream::Follow(const Record& record) {
  std::int64_t target = 0;
  if (!NumberOf(record.data, target) || ++pointers_ > kMostPointersInAll) return false;
  return target == 0 || reader_->Seek(target);
}

bool MessageStream::ToContent() {
  bool began = false, has_sender = false;
  while (reader_->Next(record_)) {
    if (record_.type == 'M') return began && has_sender;
    if (!began && record_.type != 'C' && record_.type != 'T') return false;
    began = true;
    if (record_.type == 'E') return false;
    has_sender = has_sender || record_.type == 'S';
    if (record_.type == 'p' && !Follow(record_)) return false;
  }
  return false;
}

absl::Status MessageStream::Fill() {
  if (!in_content_ && !ToContent()) return Broken();
  in_content_ = true;
  ready_.clear();
  given_ = 0;
  while (ready_.size() < kReady) {
    if (!reader_->Next(record_) || record_.size > kLongestRecord) return Broken();
    switch (record_.type) {
      case 'N':
        ready_ += record_.data;
        ready_.push_back('\n');
        break;
      case 'L':
        ready_ += record_.data;
        break;
      case 'p':
        if (!Follow(record_)) return Broken();
        break;
      case 'X':
      case 'E':
        ended_ = true;
        return absl::OkStatus();
      default:
        break;  // What a milter's edit has left over.
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> MessageStream::Read(char* buffer, std::size_t size) {
  if (given_ == ready_.size()) {
    if (ended_) return std::size_t{0};
    MQ_RETURN_IF_ERROR(Fill());
  }
  const std::size_t got = ready_.copy(buffer, size, given_);
  given_ += got;
  return got;
}

}  // namespace mailquench::agent::postfix
