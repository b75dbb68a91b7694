// clamd.conf and freshclam.conf as clamd.conf(5) has them: a name, a space, a value.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_CONFIG_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mailquench::agent::clamav {

struct ClamdConfig {
  std::string path;
  std::string local_socket;  // Empty: none.
  std::string tcp_address;   // Numeric; "127.0.0.1" where a port is set without an address.
  int tcp_port = 0;          // 0: none.
  std::string user;          // As whom clamd runs; empty: as who started it.
  std::string database_directory = "/var/lib/clamav";
  std::int64_t stream_max_length = std::int64_t{100} << 20;  // 0: no limit; so are the others.
  std::int64_t max_file_size = std::int64_t{100} << 20;
  std::int64_t max_scan_size = std::int64_t{400} << 20;
  int max_threads = 10;
  bool alert_exceeds_max = false;
  std::vector<std::string> exclusions;  // "ExcludePath ^/proc/", as they stand there.

  // The longest file, and the longest stream, that clamd really reads: libclamav itself takes
  // nothing of 2 GB and more.
  std::int64_t LongestFile() const;
  std::int64_t LongestStream() const;
};

// Unknown names are passed over. Errors: those of ReadFile(); kFailedPrecondition/BAD_CLAMD_CONF
// (no socket, or a word Example, with which clamd does not start).
absl::StatusOr<ClamdConfig> ReadClamdConfig(const std::string& path);
absl::StatusOr<ClamdConfig> ParseClamdConfig(const std::string& path, absl::string_view text);

// The first of the usual places at which there is a file; "" where none is.
std::string FindClamdConfig();

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_CONFIG_H_
