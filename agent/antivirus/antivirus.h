// What an agent can ask of one antivirus product of its host, whichever it is. Implementations:
// clamav/, defender/, and configured commands (adapter.h). Plain calls that block. What products
// say is text of others: it is made harmless and cut before it leaves here.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/antivirus/work_context.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

constexpr int kMaxFindings = 1000;      // That are listed; all are counted.
constexpr int kMaxUnreadSamples = 20;   // The same.
constexpr int kMaxExclusions = 100;     // The same.
constexpr std::size_t kMaxWord = 200;   // Bytes of a signature's name, of a reason.
constexpr std::size_t kMaxPath = 1000;  // Bytes of a path that is shown.

// Harmless, and at most `most` bytes of whole characters.
std::string Shown(absl::string_view text, std::size_t most = kMaxWord);

// What a scanner thinks of one file or message. What exceeds one of its limits, and what is
// encrypted, was not scanned, whatever the product calls it.
struct Verdict {
  enum class Kind { kClean, kInfected, kNotScanned };
  Kind kind = Kind::kNotScanned;
  std::string text;  // The signature's name, or why it was not scanned; as Shown().
};

// Bytes to be judged. Used by one thread at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // The next bytes; 0 is the end. An error says why they cannot be read.
  virtual absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) = 0;
  virtual absl::Status Rewind() = 0;
  // An open file that holds exactly these bytes; -1 where there is none.
  virtual int Descriptor() const { return -1; }
};

// One conversation with a scanner. Used by one thread at a time.
class StreamScanner {
 public:
  virtual ~StreamScanner() = default;
  // `bytes`: how long the stream is, as far as it is known; -1: not. What cannot be read is a
  // verdict, not an error. `stop` ends it within a second, with kCancelled.
  // Errors: kUnavailable: the scanner has ended, or does not answer; the stream may be given to a
  // new one. All others: it will judge nothing else either.
  virtual absl::StatusOr<Verdict> Scan(ByteStream& stream,
                                       std::int64_t bytes,
                                       const std::atomic<bool>& stop) = 0;
};

struct Updated {
  bool changed = false;  // There are newer signatures than before.
  std::string sentence;
};

struct ScanOrder {
  v1::AntivirusScan request;
  // Folders that are not entered unless `request` names them, or something below them.
  std::vector<std::string> left_out;
  // False: there may be queues that nobody could name just now.
  bool left_out_known = true;
  // As Look() told of the product just now; unset: it is asked.
  std::optional<v1::AntivirusProduct> product;
};

class Antivirus {
 public:
  virtual ~Antivirus() = default;

  // Whether this host has it, running or not. A command that is asked ends with the context; one
  // that did not answer counts as there.
  virtual bool IsPresent(const WorkContext& context = {}) = 0;

  // What is wrong is in `problem`, also that the context has ended.
  virtual v1::AntivirusProduct Status(const WorkContext& context = {}) = 0;

  // Both with one question: what is there, as Status() has it; empty: this host has none. An
  // operation asks once.
  virtual std::vector<v1::AntivirusProduct> Look(const WorkContext& context) {
    if (!IsPresent(context)) return {};
    return {Status(context)};
  }

  // Whether it can be asked to scan files at all.
  virtual bool ScansOnRequest() { return true; }

  // Asks for the newest signatures, from where the product takes them always; returns when it has
  // them. Errors: kUnavailable (where they come from does not
  // answer), kUnimplemented, kFailedPrecondition, those of the context.
  virtual absl::StatusOr<Updated> Update(const WorkContext& context) = 0;

  // `result` is filled also beside an error, `partial` then. Errors: kUnavailable (it ended in mid
  // scan, or is not there), kUnimplemented, kInvalidArgument, those of the context.
  virtual absl::Status Scan(const ScanOrder& order,
                            const WorkContext& context,
                            v1::AntivirusScanResult& result) = 0;

  // How many streams it can judge at a time; 0: none, OpenScanner() is kUnimplemented. Starts no
  // command, nor does IsPresent() of one that judges streams.
  virtual int ScannersAtOnce() { return 0; }
  // From any thread. kUnavailable where it does not answer; `stop` as above.
  virtual absl::StatusOr<std::unique_ptr<StreamScanner>> OpenScanner(
      const std::atomic<bool>& /*stop*/) {
    return absl::UnimplementedError("this antivirus judges files of its own choice only");
  }
  // What of the answers a person must know, as that limits are not told; "" mostly.
  virtual std::string ScannerCaveat() { return ""; }
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_ANTIVIRUS_H_
