#include "agent/mail/postfix/reply_log.h"

#include <google/protobuf/util/time_util.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/reply_line.h"
#include "agent/os/log_file.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr const char* kUsualLogs[] = {"/var/log/mail.log", "/var/log/maillog"};

google::protobuf::Timestamp Stamp(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// The next line of `block`, which is made shorter.
absl::string_view NextLine(absl::string_view* block) {
  const void* end = memchr(block->data(), '\n', block->size());
  const std::size_t size =
      end == nullptr ? block->size() : static_cast<const char*>(end) - block->data();
  const absl::string_view line = block->substr(0, size);
  block->remove_prefix(std::min(size + 1, block->size()));
  return line;
}

// Reads one file; keeps the limits over all of them.
class Reading {
 public:
  Reading(absl::Time since,
          const ReplyVisitor& visit,
          const CallContext& context,
          const LogLimits& limits)
      : since_(since),
        visit_(visit),
        context_(context),
        limits_(limits),
        end_(absl::Now() + limits.max_time),
        zone_(absl::LocalTimeZone()) {}

  // True where the window begins within the file: what is older need not be read.
  absl::StatusOr<bool> Read(LogFile& file, ReadLog& result) {
    latest_ = std::min(file.modified(), absl::Now());
    v1::MailLogFile told;
    told.set_path(file.path());
    reached_ = false;
    std::optional<absl::Time> first, last;
    const absl::Status read =
        file.ReadBackwards([&](absl::string_view block) -> absl::StatusOr<bool> {
          MQ_RETURN_IF_ERROR(context_.still_wanted());
          const std::optional<absl::Time> begin = Block(block, told, &last);
          if (begin.has_value()) first = begin;
          if (begin.has_value() && *begin < since_) {
            reached_ = true;
            return false;
          }
          bytes_ += static_cast<std::int64_t>(block.size());
          if (bytes_ >= limits_.max_bytes)
            result.partial_reason = absl::StrCat("only the newest ", bytes_, " bytes were read");
          else if (absl::Now() >= end_ || absl::Now() >= context_.deadline)
            result.partial_reason =
                absl::StrCat("the time for reading ended after ", bytes_, " bytes");
          return result.partial_reason.empty();
        });
    if (ReasonOf(read) == "LOG_SHORTENED")
      result.partial_reason = std::string(read.message());
    else
      MQ_RETURN_IF_ERROR(read);
    told.set_bytes(file.bytes_read());
    if (first.has_value()) *told.mutable_first_time() = Stamp(*first);
    if (last.has_value()) *told.mutable_last_time() = Stamp(*last);
    result.files.push_back(std::move(told));
    return reached_;
  }

 private:
  // Gives the time of its first line that has one.
  std::optional<absl::Time> Block(absl::string_view block,
                                  v1::MailLogFile& told,
                                  std::optional<absl::Time>* last) {
    std::optional<absl::Time> begin;
    std::int64_t lines = 0;
    absl::string_view last_line;
    absl::Time time;
    absl::string_view rest;
    while (!block.empty()) {
      const absl::string_view line = NextLine(&block);
      ++lines;
      if (!line.empty()) last_line = line;
      if (!begin.has_value() && ParseLogTime(line, latest_, zone_, &time, &rest)) begin = time;
      if (!MayBeReply(line) || !ParseLogTime(line, latest_, zone_, &time, &rest) || time < since_)
        continue;
      DeliveryReply reply;
      if (!ParseReply(rest, &reply)) continue;
      reply.time = time;
      visit_(reply);
    }
    told.set_lines(told.lines() + lines);
    if (!last->has_value() && ParseLogTime(last_line, latest_, zone_, &time, &rest)) *last = time;
    return begin;
  }

  const absl::Time since_;
  const ReplyVisitor& visit_;
  const CallContext& context_;
  const LogLimits limits_;
  const absl::Time end_;
  const absl::TimeZone zone_;
  absl::Time latest_;  // No line of the file is younger.
  std::int64_t bytes_ = 0;
  bool reached_ = false;
};
}  // namespace

absl::StatusOr<std::vector<std::string>> MailLogs(const std::vector<Instance>& instances,
                                                  const std::string& configured) {
  if (!configured.empty()) return std::vector<std::string>{configured};
  std::vector<std::string> logs;
  bool syslog = false;
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(const Parameters known,
                        EffectiveParameters(instance.config_directory, {"maillog_file"}));
    const auto own = known.find("maillog_file");  // Postfix before 3.4 has none.
    if (own == known.end() || own->second.empty() || own->second == "/dev/stdout")
      syslog = true;
    else if (std::find(logs.begin(), logs.end(), own->second) == logs.end())
      logs.push_back(own->second);
  }
  if (!syslog) return logs;
  for (const char* usual : kUsualLogs) {
    if (access(usual, R_OK) != 0) continue;
    if (std::find(logs.begin(), logs.end(), usual) == logs.end()) logs.emplace_back(usual);
    return logs;
  }
  if (!logs.empty()) return logs;
  return Error(absl::StatusCode::kFailedPrecondition, "NO_MAIL_LOG",
               absl::StrCat("Postfix logs to syslog, and this host has no ",
                            absl::StrJoin(kUsualLogs, " and no "),
                            " (the journal of systemd is not read); nothing was read: name the "
                            "file as mail_log in agent.yaml, or set maillog_file in main.cf"));
}

absl::StatusOr<ReadLog> ReadReplies(const std::vector<std::string>& logs,
                                    absl::Time since,
                                    const ReplyVisitor& visit,
                                    const CallContext& context,
                                    const LogLimits& limits) {
  ReadLog result;
  Reading reading(since, visit, context, limits);
  std::set<std::string> known;  // By file, since a rotation may rename one between two looks.
  for (const std::string& log : logs) {
    auto current = LogFile::Open(log);
    if (absl::IsNotFound(current.status()) || ReasonOf(current.status()) == "NO_FILE")
      return Error(absl::StatusCode::kFailedPrecondition, "NO_MAIL_LOG",
                   absl::StrCat("the mail log ", log,
                                " is not there, or no file; nothing was read: name the right one "
                                "as mail_log in agent.yaml"));
    MQ_RETURN_IF_ERROR(current.status());
    std::vector<std::string> compressed;
    std::vector<std::unique_ptr<LogFile>> files;
    files.push_back(*std::move(current));
    for (const std::string& path : RotatedFiles(log, since, &compressed)) {
      auto older = LogFile::Open(path);
      if (older.ok()) files.push_back(*std::move(older));
    }
    bool reached = false;
    for (const auto& file : files) {
      if (reached || !result.partial_reason.empty() || !known.insert(file->identity()).second)
        continue;
      MQ_ASSIGN_OR_RETURN(reached, reading.Read(*file, result));
    }
    if (!reached)
      result.not_read.insert(result.not_read.end(), compressed.begin(), compressed.end());
  }
  return result;
}

}  // namespace mailquench::agent::postfix
