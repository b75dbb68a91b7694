// What an antivirus said of the messages of one quarantine, kept beside its manifest. Knows neither
// mail systems nor antivirus products.
#ifndef MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_
#define MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/os/lock.h"

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
    std::string text;     // The signature, or why it was not read.
    std::string product;  // Who said so, in words; "": not known.
  };

  // Of the quarantine whose manifest is in `home`; empty where there is none, see found(). What is
  // not a scan reads it by ReadScan() of manifest.h, which knows whether there must be one. Errors:
  // kDataLoss/BAD_SCAN_RECORD, those of ReadFile().
  static absl::StatusOr<ScanRecord> Read(const std::string& home);
  // In the place of one that was lost: until a scan goes to its end, only what is clean by it may
  // leave, since nobody knows any more what was found before.
  static ScanRecord AfterLoss();
  // Whole and durably: a crash leaves the record from before.
  absl::Status Write(const std::string& home) const;

  // As said by product().
  void Set(const std::string& key, Scanned state, const std::string& text);
  Entry Of(const std::string& key) const;
  void Forget(const std::string& key);
  // Keeps only messages for which `there` is true.
  void Keep(const std::function<bool(const std::string& key)>& there);

  // When a scan of all went to its end; until then findings alone are known.
  std::optional<absl::Time> scan_time() const { return scan_time_; }
  void set_scan_time(absl::Time time) {
    scan_time_ = time;
    lost_ = false;
  }
  // Whether there was a file of it.
  bool found() const { return found_; }
  // Whether an earlier one was lost, and no scan has gone to its end since.
  bool lost() const { return lost_; }
  // Of the product that scans, or scanned last, in words.
  const std::string& product() const { return product_; }
  void set_product(const std::string& words);  // Kept as one line of at most 200 bytes.

  // Whether a release leaves it: it has a finding; or all was scanned once, or a record was lost,
  // and it was not found clean.
  bool KeepsOut(const std::string& key) const;
  // The same, but for those whose names a person has judged, without their queues.
  bool KeepsOut(const std::string& key, const std::set<std::string>& false_positives) const;

  std::int64_t Count(Scanned state) const { return counts_[static_cast<std::size_t>(state)]; }
  bool empty() const { return entries_.empty() && !scan_time_.has_value() && !lost_; }
  void ForEach(const std::function<void(const std::string& key, const Entry&)>& visit) const;

 private:
  // Texts and products are few, messages many.
  struct Kept {
    Scanned state;
    std::uint16_t product;
    std::uint32_t text;
  };
  std::uint32_t Intern(const std::string& text);
  std::uint16_t ProductNumber();

  std::unordered_map<std::string, Kept> entries_;
  std::vector<std::string> texts_ = {""};
  std::unordered_map<std::string, std::uint32_t> text_numbers_ = {{"", 0}};
  std::int64_t counts_[4] = {};
  std::optional<absl::Time> scan_time_;
  bool found_ = false, lost_ = false;
  std::string product_;
  std::vector<std::string> products_ = {""};
};

absl::Status BadScanRecord(const std::string& home, const char* what);

// The lock of whoever reads messages, or takes some away by what was read, for the whole of it: a
// release that goes by a record must not run beside a scan that has found more than it has saved.
// Errors: kAborted/SCAN_GOES_ON, with `untouched` in its sentence ("nothing was released"); those
// of FileLock::Acquire().
absl::StatusOr<std::unique_ptr<FileLock>> LockScan(const std::string& home,
                                                   const std::string& untouched);

// One sentence about messages that a release leaves.
std::string KeptOutNotice(std::int64_t kept_out, const ScanRecord& record);

inline constexpr char kScanRecord[] = "scan-record";
inline constexpr char kScanLock[] = "scan.lock";

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_SCAN_RECORD_H_
