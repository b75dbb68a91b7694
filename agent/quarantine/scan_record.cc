#include "agent/quarantine/scan_record.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kHead[] = "mailquench-scan 1";
constexpr char kEnd[] = ".";
constexpr std::size_t kLargest = std::size_t{1} << 30;
constexpr std::size_t kMostTexts = 10'000;  // That differ.
constexpr std::size_t kMostText = 200;

char LetterOf(Scanned state) {
  switch (state) {
    case Scanned::kClean:
      return 'C';
    case Scanned::kInfected:
      return 'I';
    default:
      return 'N';
  }
}

std::string OneLine(const std::string& text) {
  std::string out = text.substr(0, kMostText);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

bool IsKey(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == '%';
  });
}
}  // namespace

std::string ScanKey(const std::string& queue, const std::string& name) {
  std::string out = absl::StrCat(queue, "/");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '_' || c == '.' || c == '-')
      out.push_back(c);
    else
      absl::StrAppend(&out, "%", absl::Hex(byte, absl::kZeroPad2));
  }
  return out;
}

std::string NameOfKey(const std::string& key) {
  return key.substr(key.rfind('/') + 1);
}

absl::StatusOr<ScanRecord> ScanRecord::Read(const std::string& home) {
  ScanRecord record;
  const std::string path = absl::StrCat(home, "/", kScanRecord);
  const absl::StatusOr<std::string> text = ReadFile(path, kLargest);
  if (absl::IsNotFound(text.status())) return record;
  MQ_RETURN_IF_ERROR(text.status());
  const absl::Status bad =
      Error(absl::StatusCode::kDataLoss, "BAD_SCAN_RECORD",
            absl::StrCat(path,
                         " cannot be read; nothing was released or scanned; remove it, then "
                         "scan the quarantine again"));
  absl::string_view rest = *text;
  bool head = false;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == absl::string_view::npos) return bad;
    const absl::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!head) {
      if (line != kHead) return bad;
      head = true;
      continue;
    }
    if (line == kEnd && rest.empty()) return record;
    if (line.size() < 2 || line[1] != ' ') return bad;
    const absl::string_view value = line.substr(2);
    if (line[0] == 'T') {
      std::int64_t micros = 0;
      if (!absl::SimpleAtoi(value, &micros)) return bad;
      record.scan_time_ = absl::FromUnixMicros(micros);
    } else if (line[0] == 'P') {
      record.product_ = std::string(value);
    } else if (line[0] == 'C' || line[0] == 'I' || line[0] == 'N') {
      const std::size_t space = std::min(value.find(' '), value.size());
      if (!IsKey(value.substr(0, space))) return bad;
      record.Set(std::string(value.substr(0, space)),
                 line[0] == 'C'   ? Scanned::kClean
                 : line[0] == 'I' ? Scanned::kInfected
                                  : Scanned::kUnread,
                 space < value.size() ? std::string(value.substr(space + 1)) : std::string());
    } else {
      return bad;
    }
  }
  return bad;  // Its end is missing.
}

absl::Status ScanRecord::Write(const std::string& home) const {
  std::string text = absl::StrCat(kHead, "\n");
  text.reserve(entries_.size() * 32 + 256);
  if (scan_time_.has_value()) absl::StrAppend(&text, "T ", absl::ToUnixMicros(*scan_time_), "\n");
  if (!product_.empty()) absl::StrAppend(&text, "P ", OneLine(product_), "\n");
  for (const auto& [key, kept] : entries_) {
    text.push_back(LetterOf(kept.state));
    absl::StrAppend(&text, " ", key);
    if (kept.text != 0) absl::StrAppend(&text, " ", texts_[kept.text]);
    text.push_back('\n');
  }
  absl::StrAppend(&text, kEnd, "\n");
  return WriteFileAtomically(absl::StrCat(home, "/", kScanRecord), text, 0600);
}

std::uint32_t ScanRecord::Intern(const std::string& text) {
  const std::string line = OneLine(text);
  const auto known = text_numbers_.find(line);
  if (known != text_numbers_.end()) return known->second;
  if (texts_.size() >= kMostTexts) return Intern("(too many different ones)");
  texts_.push_back(line);
  return text_numbers_[line] = static_cast<std::uint32_t>(texts_.size() - 1);
}

void ScanRecord::Set(const std::string& key, Scanned state, const std::string& text) {
  const auto [at, is_new] = entries_.try_emplace(key, Kept{state, 0});
  if (!is_new) --counts_[static_cast<std::size_t>(at->second.state)];
  at->second = {state, Intern(text)};
  ++counts_[static_cast<std::size_t>(state)];
}

ScanRecord::Entry ScanRecord::Of(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  return {found->second.state, texts_[found->second.text]};
}

void ScanRecord::Forget(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  --counts_[static_cast<std::size_t>(found->second.state)];
  entries_.erase(found);
}

void ScanRecord::Keep(const std::function<bool(const std::string& key)>& there) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (there(at->first)) {
      ++at;
      continue;
    }
    --counts_[static_cast<std::size_t>(at->second.state)];
    at = entries_.erase(at);
  }
}

bool ScanRecord::KeepsOut(const std::string& key) const {
  const auto found = entries_.find(key);
  const Scanned state = found == entries_.end() ? Scanned::kNever : found->second.state;
  if (state == Scanned::kInfected) return true;
  return scan_time_.has_value() && state != Scanned::kClean;
}

bool ScanRecord::KeepsOut(const std::string& key,
                          const std::set<std::string>& false_positives) const {
  return KeepsOut(key) && false_positives.count(NameOfKey(key)) == 0;
}

void ScanRecord::ForEach(
    const std::function<void(const std::string& key, const Entry&)>& visit) const {
  for (const auto& [key, kept] : entries_) visit(key, {kept.state, texts_[kept.text]});
}

std::string KeptOutNotice(std::int64_t kept_out, const ScanRecord& record) {
  return absl::StrCat(
      kept_out, kept_out == 1 ? " message is" : " messages are", " kept out of a release: ",
      record.scan_time().has_value() ? "the antivirus has findings in them or could not read them"
                                     : "the antivirus has findings in them",
      "; `quarantine scan` lists them, and --false-positive lets one through that a person has "
      "judged.");
}

}  // namespace mailquench::agent
