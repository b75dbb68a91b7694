#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/os/log_file.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::int64_t kBlock = std::int64_t{1024} * 1024;
}  // namespace

absl::Status LogFile::ReadBackwards(
    const std::function<absl::StatusOr<bool>(absl::string_view)>& visit) {
  std::int64_t end = size_;
  std::string carry;      // The head of the block behind: the end of a line that begins before it.
  bool too_long = false;  // That line is left out.
  std::string block;
  while (end > 0) {
    const std::int64_t count = std::min(kBlock, end);
    MQ_RETURN_IF_ERROR(ReadAt(end - count, count, block));
    if (static_cast<std::int64_t>(block.size()) < count)
      return Error(absl::StatusCode::kAborted, "LOG_SHORTENED",
                   absl::StrCat(path_, " became shorter while it was read"));
    bytes_read_ += count;
    end -= count;
    const std::size_t last = block.rfind('\n');
    if (too_long) {
      if (last == std::string::npos) continue;
      block.resize(last + 1);
      too_long = false;
    } else {
      block += carry;
    }
    carry.clear();
    std::size_t begin = 0;
    if (end > 0) {
      const std::size_t first = block.find('\n');
      begin = first == std::string::npos ? block.size() : first + 1;
      carry.assign(block, 0, begin);
      too_long = static_cast<std::int64_t>(carry.size()) > kBlock;
      if (too_long) carry.clear();
    }
    if (begin == block.size()) continue;
    MQ_ASSIGN_OR_RETURN(const bool more, visit(absl::string_view(block).substr(begin)));
    if (!more) break;
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent
