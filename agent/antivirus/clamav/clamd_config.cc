#include "agent/antivirus/clamav/clamd_config.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/antivirus/antivirus.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr std::int64_t kLibraryLimit = std::numeric_limits<std::int32_t>::max() - 2;

// "100M"; what is no size leaves the default.
void Size(absl::string_view text, std::int64_t& out) {
  std::int64_t unit = 1;
  if (!text.empty()) {
    const char last = absl::ascii_toupper(static_cast<unsigned char>(text.back()));
    unit = last == 'K'   ? std::int64_t{1} << 10
           : last == 'M' ? std::int64_t{1} << 20
           : last == 'G' ? std::int64_t{1} << 30
                         : 1;
  }
  if (unit != 1) text.remove_suffix(1);
  std::int64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 0 && number <= (std::int64_t{1} << 42) / unit)
    out = number * unit;
}

bool Yes(absl::string_view text) {
  return absl::EqualsIgnoreCase(text, "yes") || absl::EqualsIgnoreCase(text, "true") || text == "1";
}

std::int64_t Least(std::initializer_list<std::int64_t> limits) {
  std::int64_t least = kLibraryLimit;
  for (const std::int64_t one : limits) {
    if (one > 0) least = std::min(least, one);
  }
  return least;
}
}  // namespace

std::int64_t ClamdConfig::LongestFile() const {
  return Least({max_file_size, max_scan_size});
}

std::int64_t ClamdConfig::LongestStream() const {
  return Least({max_file_size, max_scan_size, stream_max_length});
}

absl::StatusOr<ClamdConfig> ReadClamdConfig(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, std::size_t{1} << 20));
  return ParseClamdConfig(path, text);
}

absl::StatusOr<ClamdConfig> ParseClamdConfig(const std::string& path, absl::string_view text) {
  ClamdConfig config;
  config.path = path;
  const auto bad = [&](absl::string_view what) {
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_CLAMD_CONF",
                 absl::StrCat(path, " ", what));
  };
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    const absl::string_view name = line.substr(0, end);
    absl::string_view value = absl::StripAsciiWhitespace(line.substr(end));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (name == "Example")
      return bad("still has the line Example, with which clamd does not start");
    if (name == "LocalSocket") config.local_socket = std::string(value);
    if (name == "TCPSocket") (void)absl::SimpleAtoi(value, &config.tcp_port);
    if (name == "TCPAddr" && config.tcp_address.empty()) config.tcp_address = std::string(value);
    if (name == "User") config.user = std::string(value);
    if (name == "DatabaseDirectory") config.database_directory = std::string(value);
    if (name == "StreamMaxLength") Size(value, config.stream_max_length);
    if (name == "MaxFileSize") Size(value, config.max_file_size);
    if (name == "MaxScanSize") Size(value, config.max_scan_size);
    if (name == "MaxThreads") (void)absl::SimpleAtoi(value, &config.max_threads);
    if (name == "AlertExceedsMax") config.alert_exceeds_max = Yes(value);
    if ((name == "ExcludePath" || absl::StartsWith(name, "OnAccessExclude")) &&
        config.exclusions.size() < kMaxExclusions)
      config.exclusions.push_back(Shown(absl::StrCat(name, " ", value), kMaxPath));
  }
  if (config.tcp_port < 0 || config.tcp_port > 65535) return bad("has a TCPSocket that is no port");
  if (config.tcp_port > 0 && (config.tcp_address.empty() || config.tcp_address == "localhost"))
    config.tcp_address = "127.0.0.1";
  if (config.local_socket.empty() && config.tcp_port == 0)
    return bad("names no socket: neither LocalSocket nor TCPSocket");
  return config;
}

std::string FindClamdConfig() {
  for (const char* path : {"/etc/clamav/clamd.conf", "/etc/clamd.conf", "/etc/clamd.d/scan.conf",
                           "/usr/local/etc/clamav/clamd.conf", "/usr/local/etc/clamd.conf"}) {
    if (access(path, F_OK) == 0) return path;
  }
  return "";
}

}  // namespace mailquench::agent::clamav
