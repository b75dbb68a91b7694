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
constexpr char kLost[] = "L";
constexpr std::size_t kLargest = std::size_t{1} << 30;
constexpr std::size_t kMostTexts = 10'000;  // That differ.
constexpr std::size_t kMostText = 200;
constexpr std::size_t kMostProducts = 1000;

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
  record.found_ = true;
  const absl::Status bad = BadScanRecord(home, "is no record that can be read");
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
    if (line == kLost) {
      record.lost_ = true;
      continue;
    }
    if (line.size() < 2 || line[1] != ' ') return bad;
    const absl::string_view value = line.substr(2);
    if (line[0] == 'T') {
      std::int64_t micros = 0;
      if (!absl::SimpleAtoi(value, &micros)) return bad;
      record.scan_time_ = absl::FromUnixMicros(micros);
    } else if (line[0] == 'P') {
      record.set_product(std::string(value));
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
  if (lost_) absl::StrAppend(&text, kLost, "\n");
  // A product's line stands before what it has said, and that of product() last.
  std::vector<std::string> parts(products_.size());
  for (const auto& [key, kept] : entries_) {
    std::string& part = parts[kept.product];
    part.push_back(LetterOf(kept.state));
    absl::StrAppend(&part, " ", key);
    if (kept.text != 0) absl::StrAppend(&part, " ", texts_[kept.text]);
    part.push_back('\n');
  }
  const std::string& last = product_;
  std::string of_last;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != 0 && products_[i] == last) {
      of_last = std::move(parts[i]);
    } else if (!parts[i].empty()) {
      if (i != 0) absl::StrAppend(&text, "P ", products_[i], "\n");
      absl::StrAppend(&text, parts[i]);
    }
  }
  if (!last.empty()) absl::StrAppend(&text, "P ", last, "\n", of_last);
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

// Those that are too many are not known: what they have said is read again.
std::uint16_t ScanRecord::ProductNumber() {
  const std::string& line = product_;
  for (std::size_t i = products_.size(); i-- > 0;)
    if (products_[i] == line) return static_cast<std::uint16_t>(i);
  if (products_.size() >= kMostProducts) return 0;
  products_.push_back(line);
  return static_cast<std::uint16_t>(products_.size() - 1);
}

ScanRecord ScanRecord::AfterLoss() {
  ScanRecord record;
  record.found_ = record.lost_ = true;
  return record;
}

void ScanRecord::set_product(const std::string& words) {
  product_ = OneLine(words);
}

void ScanRecord::Set(const std::string& key, Scanned state, const std::string& text) {
  const auto [at, is_new] = entries_.try_emplace(key, Kept{state, 0, 0});
  if (!is_new) --counts_[static_cast<std::size_t>(at->second.state)];
  at->second = {state, ProductNumber(), Intern(text)};
  ++counts_[static_cast<std::size_t>(state)];
}

ScanRecord::Entry ScanRecord::Of(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  const Kept& kept = found->second;
  return {kept.state, texts_[kept.text], products_[kept.product]};
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
  return (scan_time_.has_value() || lost_) && state != Scanned::kClean;
}

bool ScanRecord::KeepsOut(const std::string& key,
                          const std::set<std::string>& false_positives) const {
  return KeepsOut(key) && false_positives.count(NameOfKey(key)) == 0;
}

void ScanRecord::ForEach(
    const std::function<void(const std::string& key, const Entry&)>& visit) const {
  for (const auto& [key, kept] : entries_)
    visit(key, {kept.state, texts_[kept.text], products_[kept.product]});
}

absl::Status BadScanRecord(const std::string& home, const char* what) {
  return Error(
      absl::StatusCode::kDataLoss, "BAD_SCAN_RECORD",
      absl::StrCat(home, "/", kScanRecord, " ", what,
                   ", and it says which messages must stay; nothing was released; scan the "
                   "quarantine again: all is read anew then, and what that finds clean may leave"));
}

absl::StatusOr<std::unique_ptr<FileLock>> LockScan(const std::string& home,
                                                   const std::string& untouched) {
  auto lock = FileLock::Acquire(absl::StrCat(home, "/", kScanLock), absl::ZeroDuration());
  if (ReasonOf(lock.status()) != "HOST_BUSY") return lock;
  return Error(absl::StatusCode::kAborted, "SCAN_GOES_ON",
               absl::StrCat("a scan, a release or a deletion of this quarantine goes on; ",
                            untouched, "; wait for its end, or cancel the scan, then ask again"));
}

std::string KeptOutNotice(std::int64_t kept_out, const ScanRecord& record) {
  return absl::StrCat(
      kept_out, kept_out == 1 ? " message is" : " messages are", " kept out of a release: ",
      record.lost() ? "the record of earlier scans was lost, and no scan has found them clean since"
      : record.scan_time().has_value() ? "the antivirus has findings in them or could not read them"
                                       : "the antivirus has findings in them",
      "; `quarantine scan` lists them, and --false-positive lets one through that a person has "
      "judged.");
}

}  // namespace mailquench::agent
