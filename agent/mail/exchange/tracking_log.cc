#include "agent/mail/exchange/tracking_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr std::size_t kMostFile = std::size_t{64} * 1024 * 1024;  // Exchange's own limit is 10 MB.
constexpr std::size_t kMostLine = std::size_t{256} * 1024;
constexpr std::size_t kMostFields = 64;
constexpr std::size_t kMostFiles = 100'000;

// "MSGTRK20260101-1.log", and not "MSGTRKMD..."
bool IsTransportLog(const std::string& name) {
  absl::string_view rest = name;
  return absl::ConsumePrefix(&rest, "MSGTRK") && rest.size() > 8 &&
         absl::EndsWithIgnoreCase(rest, ".log") &&
         std::all_of(rest.begin(), rest.begin() + 8,
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

struct LogFile {
  std::string name;
  absl::Time modified;
};

absl::StatusOr<std::vector<LogFile>> NewestFirst(const std::string& folder) {
  std::vector<LogFile> files;
  MQ_RETURN_IF_ERROR(ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.kind == FolderEntry::Kind::kFile && IsTransportLog(entry.name))
      files.push_back({entry.name, entry.modified});
    return files.size() < kMostFiles;
  }));
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) {
    return std::make_pair(a.modified, a.name) > std::make_pair(b.modified, b.name);
  });
  return files;
}
}  // namespace

std::vector<std::string> SplitCsv(absl::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        out.back().push_back(c);
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        out.back().push_back('"');
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && out.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      if (out.size() >= kMostFields) return {};
      out.emplace_back();
    } else {
      out.back().push_back(c);
    }
  }
  if (quoted) return {};
  return out;
}

absl::Status ReadTracking(const std::string& folder,
                          absl::Time since,
                          const CallContext& context,
                          const EventVisitor& visit) {
  MQ_ASSIGN_OR_RETURN(const std::vector<LogFile> files, NewestFirst(folder));
  std::int64_t seen = 0;
  for (const LogFile& file : files) {
    if (file.modified < since) break;
    MQ_RETURN_IF_ERROR(CheckTime(context));
    const auto text = ReadHead(JoinPath(folder, file.name), kMostFile);
    if (!text.ok()) continue;  // Deleted by age meanwhile, or not to be read: the others tell.
    std::vector<std::string> columns;
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      if (++seen % 4096 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
      line = absl::StripSuffix(line, "\r");
      absl::ConsumePrefix(&line, "\xEF\xBB\xBF");
      if (line.empty() || line.size() > kMostLine) continue;
      if (line[0] == '#') {
        if (absl::ConsumePrefix(&line, "#Fields:"))
          columns = SplitCsv(absl::AsciiStrToLower(absl::StripAsciiWhitespace(line)));
        continue;
      }
      std::vector<std::string> values = SplitCsv(line);
      // A line that is being written is shorter.
      if (columns.empty() || values.size() != columns.size()) continue;
      TrackedEvent event;
      for (std::size_t i = 0; i < columns.size(); ++i) event[columns[i]] = std::move(values[i]);
      MQ_ASSIGN_OR_RETURN(const bool more, visit(event));
      if (!more) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TrackedPicture> PictureOf(const std::string& folder,
                                         absl::Time since,
                                         std::int64_t most,
                                         const CallContext& context) {
  TrackedPicture out;
  Picture picture;
  const auto take = [&](const TrackedEvent& event) -> absl::StatusOr<bool> {
    const auto text = [&event](const char* column) -> const std::string& {
      static const std::string none;
      const auto found = event.find(column);
      return found == event.end() ? none : found->second;
    };
    if (text("event-id") != "RECEIVE") return true;
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, text("date-time"), &time, nullptr) || time < since)
      return true;
    MessageFacts facts;
    facts.arrival = time;
    facts.sender = text("sender-address");
    if (facts.sender == "<>") facts.sender.clear();
    facts.client =
        text("original-client-ip").empty() ? text("client-ip") : text("original-client-ip");
    facts.subject = text("message-subject");
    if (!absl::SimpleAtoi(text("total-bytes"), &facts.bytes)) facts.bytes = 0;
    for (const absl::string_view one : absl::StrSplit(text("recipient-address"), ';')) {
      const std::size_t at = one.rfind('@');
      if (at == one.npos) continue;
      const std::string domain = absl::AsciiStrToLower(one.substr(at + 1));
      std::vector<std::string>& domains = facts.recipient_domains;
      if (std::find(domains.begin(), domains.end(), domain) == domains.end())
        domains.push_back(domain);
    }
    picture.Add(facts);
    ++out.messages;
    out.bytes += facts.bytes;
    if (out.messages < most) return true;
    out.partial = true;
    return false;
  };
  const absl::Status read = ReadTracking(folder, since, context, take);
  if (absl::IsDeadlineExceeded(read))
    out.partial = true;
  else if (!read.ok())
    return read;
  out.picture = picture.Build();
  return out;
}

}  // namespace mailquench::agent::exchange
