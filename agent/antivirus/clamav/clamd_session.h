// One connection to clamd, as clamd(8) describes its commands: an IDSESSION in which files (FILDES)
// and streams (INSTREAM) are judged one after the other.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SESSION_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/clamav/clamd_config.h"
#include "common/os/socket.h"

namespace mailquench::agent::clamav {

// A file that has a descriptor is passed as such where clamd is on a Unix socket; all else is
// streamed.
class ClamdSession final : public StreamScanner {
 public:
  // `answer`: how long one file or stream may take after its last byte.
  static absl::StatusOr<std::unique_ptr<ClamdSession>> Open(
      const ClamdConfig& config,
      const std::atomic<bool>& stop,
      absl::Duration answer = absl::Minutes(10));

  absl::StatusOr<Verdict> Scan(ByteStream& stream,
                               std::int64_t bytes,
                               const std::atomic<bool>& stop) override;

 private:
  ClamdSession(ClamdConfig config, absl::Duration answer)
      : config_(std::move(config)), answer_(answer) {}
  absl::Status Connect();
  absl::Status Pass(int descriptor, const std::atomic<bool>& stop);
  absl::StatusOr<Verdict> Stream(ByteStream& stream, const std::atomic<bool>& stop);
  // Sends all of it. True: clamd has answered already, and reads no more.
  absl::StatusOr<bool> Send(const char* data, std::size_t size, const std::atomic<bool>& stop);
  absl::StatusOr<Verdict> Answer(const std::atomic<bool>& stop);

  const ClamdConfig config_;
  const absl::Duration answer_;
  os::Socket socket_;
  std::int64_t asked_ = 0;  // Of this connection: clamd numbers its answers.
  std::string buffer_;      // Of streams.
};

// What clamd's words mean: "stream: Eicar-Signature FOUND", without the number before it.
// kResourceExhausted/CLAMD_IN_NEED where clamd lacks what it works with, so that no answer of it
// is about the file.
absl::StatusOr<Verdict> VerdictOf(absl::string_view reply);

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SESSION_H_
