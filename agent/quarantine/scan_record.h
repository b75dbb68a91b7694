// What an antivirus said of the messages of one quarantine, kept beside its manifest. Knows neither
// mail systems nor antivirus products.
#ifndef MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_
#define MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

enum class Scanned : std::uint8_t { kNever, kClean, kInfected, kUnread };

// The name of a message in a record: its queue and its file, "deferred/4BxYZ0q1z", with every byte
// that is not a letter, a digit, or one of _.-/ as %XX.
std::string ScanKey(const std::string& queue, const std::string& name);
// The last part of a key, as it stands there.
std::string NameOfKey(const std::string& key);

// One thread at a time. About 60 bytes for each message are held.
class ScanRecord {
 public:
  struct Entry {
    Scanned state = Scanned::kNever;
    std::string text;  // The signature, or why it was not read.
  };

  // Of the quarantine whose manifest is in `home`; empty where nothing was ever scanned. Errors:
  // kDataLoss/BAD_SCAN_RECORD, those of ReadFile().
  static absl::StatusOr<ScanRecord> Read(const std::string& home);
  // Whole and durably: a crash leaves the record from before.
  absl::Status Write(const std::string& home) const;

  void Set(const std::string& key, Scanned state, const std::string& text);
  Entry Of(const std::string& key) const;
  void Forget(const std::string& key);
  // Keeps only messages for which `there` is true.
  void Keep(const std::function<bool(const std::string& key)>& there);

  // When a scan of all went to its end; until then findings alone are known.
  std::optional<absl::Time> scan_time() const { return scan_time_; }
  void set_scan_time(absl::Time time) { scan_time_ = time; }
  // Of the product that scanned last, in words.
  const std::string& product() const { return product_; }
  void set_product(const std::string& words) { product_ = words; }

  // Whether a release leaves it: it has a finding; or all was scanned once, and it was not read.
  bool KeepsOut(const std::string& key) const;
  // The same, but for those whose names a person has judged, without their queues.
  bool KeepsOut(const std::string& key, const std::set<std::string>& false_positives) const;

  std::int64_t Count(Scanned state) const { return counts_[static_cast<std::size_t>(state)]; }
  bool empty() const { return entries_.empty() && !scan_time_.has_value(); }
  void ForEach(const std::function<void(const std::string& key, const Entry&)>& visit) const;

 private:
  // Texts are few, messages many.
  struct Kept {
    Scanned state;
    std::uint32_t text;
  };
  std::uint32_t Intern(const std::string& text);

  std::unordered_map<std::string, Kept> entries_;
  std::vector<std::string> texts_ = {""};
  std::unordered_map<std::string, std::uint32_t> text_numbers_ = {{"", 0}};
  std::int64_t counts_[4] = {};
  std::optional<absl::Time> scan_time_;
  std::string product_;
};

// One sentence about messages that a release leaves.
std::string KeptOutNotice(std::int64_t kept_out, const ScanRecord& record);

inline constexpr char kScanRecord[] = "scan-record";
inline constexpr char kScanLock[] = "scan.lock";

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_
