#include "controller/notify/syslog_line.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/text/harmless.h"
#include "controller/notify/words.h"

namespace mailquench::controller {
namespace {
// We have no enterprise number of our own; RFC 5612 sets this one aside for examples.
constexpr char kStructure[] = "mailquench@32473";
constexpr std::size_t kMaxHosts = 300;  // Bytes of their names; the count is always there.

int SeverityOf(const std::string& severity) {
  if (severity == "page") return 1;      // Alert: action must be taken immediately.
  return severity == "warning" ? 4 : 6;  // Warning, informational.
}

// Printable ASCII without spaces, or "-" (6.2.4 and on).
std::string Word(const std::string& text, std::size_t most) {
  std::string word = text.substr(0, most);
  std::replace_if(
      word.begin(), word.end(), [](char c) { return c <= 0x20 || c >= 0x7f; }, '_');
  return word.empty() ? "-" : word;
}

// 6.3.3: quote, backslash and bracket are escaped.
void Parameter(std::string& out, const char* name, const std::string& value) {
  if (value.empty()) return;
  absl::StrAppend(&out, " ", name, "=\"");
  for (const char c : Harmless(value)) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  out += '"';
}

std::string Structure(const v1::Notice& notice) {
  std::string hosts;
  for (const std::string& host : notice.hosts()) {
    if (hosts.size() + host.size() > kMaxHosts) break;
    absl::StrAppend(&hosts, hosts.empty() ? "" : ",", host);
  }
  std::string out = absl::StrCat("[", kStructure);
  Parameter(out, "id", CutTo(notice.notice_id(), 100));
  Parameter(out, "kind", CutTo(notice.kind(), 50));
  Parameter(out, "severity", CutTo(notice.severity(), 20));
  Parameter(out, "incident", CutTo(notice.incident_id(), 100));
  Parameter(out, "escalation", CutTo(notice.escalation_id(), 100));
  Parameter(out, "run", CutTo(notice.run_id(), 100));
  Parameter(out, "hosts", hosts);
  if (notice.hosts_size() > 0) Parameter(out, "hostCount", absl::StrCat(notice.hosts_size()));
  return absl::StrCat(out, "]");
}
}  // namespace

const std::map<std::string, int>& SyslogFacilities() {
  static const auto* const facilities = new std::map<std::string, int>{
      {"user", 1},    {"mail", 2},    {"daemon", 3},  {"auth", 4},
      {"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19},
      {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23}};
  return *facilities;
}

std::string SyslogLine(const ChannelConfig& channel, const v1::Notice& notice, std::size_t limit) {
  const auto facility = SyslogFacilities().find(channel.facility);
  const int number = facility == SyslogFacilities().end() ? 2 : facility->second;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  std::string text =
      channel.body.empty()
          ? absl::StrCat(notice.text(), notice.next().empty() ? "" : " Now: ", notice.next())
          : FillTemplate(channel.body, notice);
  return CutTo(
      Harmless(absl::StrCat("<", number * 8 + SeverityOf(notice.severity()), ">1 ",
                            TimeOfNotice(notice), " ", Word(host, 255), " mailquench ", getpid(),
                            " ", Word(notice.kind(), 32), " ", Structure(notice), " ", text)),
      limit);
}

}  // namespace mailquench::controller
