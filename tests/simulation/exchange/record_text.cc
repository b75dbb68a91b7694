#include "tests/simulation/exchange/record_text.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr std::size_t kPrefix = 26;  // "LLLLLLLL CCCCCCCCCCCCCCCC\n"

std::uint64_t Checksum(absl::string_view bytes) {  // FNV-1a
  std::uint64_t sum = 14695981039346656037ULL;
  for (const char one : bytes) {
    sum ^= static_cast<unsigned char>(one);
    sum *= 1099511628211ULL;
  }
  return sum;
}

}  // namespace

std::string HeadText(absl::string_view file, const FileHead& head) {
  return absl::StrFormat("MQSIM1 %s %s %010d %s\n", file, head.id, head.generation,
                         head.clean ? "CLEAN" : "DIRTY");
}

std::optional<FileHead> ParseHead(absl::string_view file, const std::string& text) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(text).substr(0, text.find('\n')), ' ');
  FileHead head;
  if (text.find('\n') == std::string::npos || words.size() != 5 || words[0] != "MQSIM1" ||
      words[1] != file || !absl::SimpleAtoi(words[3], &head.generation))
    return std::nullopt;
  head.id = words[2];
  head.clean = words[4] == "CLEAN";
  return head;
}

std::string RecordText(const nlohmann::json& record) {
  const std::string body = record.dump() + "\n";
  return absl::StrFormat("%08x %016x\n", body.size(), Checksum(body)) + body;
}

Records ParseRecords(const std::string& text) {
  Records records;
  const absl::string_view all(text);
  std::size_t at = all.find('\n') + 1;
  while (at < all.size()) {
    std::uint64_t size = 0, sum = 0;
    records.whole = false;
    if (all.size() - at < kPrefix || !absl::SimpleHexAtoi(all.substr(at, 8), &size) ||
        !absl::SimpleHexAtoi(all.substr(at + 9, 16), &sum) || all.size() - at - kPrefix < size)
      return records;
    const absl::string_view body = all.substr(at + kPrefix, size);
    if (Checksum(body) != sum) return records;
    nlohmann::json record = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (record.is_discarded()) return records;
    records.good.push_back(std::move(record));
    records.whole = true;
    at += kPrefix + size;
  }
  return records;
}

}  // namespace mailquench::simulation::exchange
