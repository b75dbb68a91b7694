#include "agent/mail/exchange/set_aside.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/replay.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/message_file.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::exchange {
namespace {
using nlohmann::json;
constexpr std::size_t kLongest = std::size_t{1} << 30;
constexpr char kEnd[] = "end";
constexpr std::int64_t kExamples = 3;

json ToJson(const Record& record) {
  const MessageFacts& facts = record.row.facts;
  return {{"number", record.number},
          {"suspended", record.suspended},
          {"came", record.came},
          {"identity", record.row.identity},
          {"message_id", record.row.message_id},
          {"sender", facts.sender},
          {"client", facts.client},
          {"subject", facts.subject},
          {"bytes", facts.bytes},
          {"arrival", absl::ToUnixMillis(facts.arrival)},
          {"domains", facts.recipient_domains},
          {"recipients", record.row.recipients}};
}

// Throws where a field is missing or of another kind.
Record FromJson(const json& line) {
  Record record;
  record.number = line.at("number").get<std::int64_t>();
  record.suspended = line.at("suspended").get<bool>();
  record.came = line.value("came", false);
  record.row.identity = line.at("identity").get<std::string>();
  record.row.message_id = line.at("message_id").get<std::string>();
  MessageFacts& facts = record.row.facts;
  facts.sender = line.at("sender").get<std::string>();
  facts.client = line.at("client").get<std::string>();
  facts.subject = line.at("subject").get<std::string>();
  facts.bytes = line.at("bytes").get<std::int64_t>();
  facts.arrival = absl::FromUnixMillis(line.at("arrival").get<std::int64_t>());
  facts.recipient_domains = line.at("domains").get<std::vector<std::string>>();
  record.row.recipients = line.at("recipients").get<std::vector<std::string>>();
  const auto shown = std::min<std::size_t>(record.row.recipients.size(), 5);
  facts.recipients.assign(record.row.recipients.begin(),
                          record.row.recipients.begin() + static_cast<std::ptrdiff_t>(shown));
  return record;
}

absl::Status BadList(const std::string& path) {
  return Error(absl::StatusCode::kDataLoss, "BAD_LIST",
               absl::StrCat(path, " is damaged; no message was touched, look at the file by hand"));
}

absl::Status EachFile(const Item& item,
                      const std::string& target,
                      const CallContext& context,
                      const SetAsideVisitor& visit) {
  const absl::Status walked =
      ForEachEntry(item.place, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        MQ_RETURN_IF_ERROR(CheckTime(context));
        if (entry.kind != FolderEntry::Kind::kFile || !IsPlainName(entry.name) ||
            !absl::EndsWithIgnoreCase(entry.name, ".eml"))
          return true;
        SetAside one;
        one.name = absl::StrCat(target, "/", entry.name);
        one.path = JoinPath(item.place, entry.name);
        one.target = target;
        const absl::StatusOr<ReadMessage> message = ReadMessageFile(one.path);
        if (absl::IsNotFound(message.status())) return true;
        if (message.ok()) one.facts = message->facts;
        one.unreadable = !message.ok();
        one.facts.sender_unknown |= !message.ok();
        one.facts.bytes = entry.bytes;
        one.facts.arrival = entry.modified;
        one.unsure = IsUnsure(one.path);
        MQ_RETURN_IF_ERROR(visit(one));
        return true;
      });
  return absl::IsNotFound(walked) ? absl::OkStatus() : walked;
}
}  // namespace

std::string WriteRecords(const std::vector<Record>& records) {
  std::string text;
  for (const Record& one : records)
    absl::StrAppend(&text, ToJson(one).dump(-1, ' ', true, json::error_handler_t::replace), "\n");
  return text + kEnd + "\n";
}

absl::StatusOr<std::vector<Record>> ReadRecords(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kLongest));
  std::vector<Record> records;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line == kEnd) return records;
    const json parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object()) return BadList(path);
    try {
      records.push_back(FromJson(parsed));
    } catch (const json::exception&) {
      return BadList(path);
    }
  }
  return BadList(path);
}

// Where nobody can tell, it is marked.
bool IsUnsure(const std::string& path) {
  return !absl::IsNotFound(IdentityOf(path + kUnsureMark).status());
}

std::string ExportedFile(const OpenQuarantine& open, std::int64_t number) {
  return Join(open.home, {kMessages, absl::StrCat(number, ".eml")});
}

namespace {
// Of a list, those whose files are there.
absl::Status EachExported(const OpenQuarantine& open,
                          const char* list,
                          const CallContext& context,
                          const SetAsideVisitor& visit) {
  absl::StatusOr<std::vector<Record>> records = ReadRecords(JoinPath(open.home, list));
  if (absl::IsNotFound(records.status())) return absl::OkStatus();  // Nothing was chosen yet.
  MQ_RETURN_IF_ERROR(records.status());
  for (Record& record : *records) {
    MQ_RETURN_IF_ERROR(CheckTime(context));
    SetAside one;
    one.path = ExportedFile(open, record.number);
    if (!IdentityOf(one.path).ok()) continue;
    one.name = absl::StrCat(record.number);
    one.target = kReplayLabel;
    one.facts = record.row.facts;
    one.recipients = record.row.recipients;
    one.exported = true;
    one.came = record.came;
    one.unsure = IsUnsure(one.path);
    MQ_RETURN_IF_ERROR(visit(one));
  }
  return absl::OkStatus();
}
}  // namespace

absl::Status EachSetAside(const OpenQuarantine& open,
                          const CallContext& context,
                          const SetAsideVisitor& visit) {
  if (open.manifest.selective) return EachExported(open, kChosen, context, visit);
  MQ_RETURN_IF_ERROR(EachExported(open, kLifted, context, visit));
  for (const Item& item : open.items) {
    for (const char* label : {kPickupLabel, kReplayLabel}) {
      if (item.label == label || item.label == absl::StrCat(label, kInside))
        MQ_RETURN_IF_ERROR(EachFile(item, label, context, visit));
    }
  }
  return absl::OkStatus();
}

std::string DraftNotice(const OpenQuarantine& open) {
  std::int64_t drafts = 0;
  std::string examples;
  for (const Item& item : open.items) {
    if (!absl::StartsWith(item.label, kPickupLabel) && !absl::StartsWith(item.label, kReplayLabel))
      continue;
    ForEachEntry(item.place, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
      if (entry.kind != FolderEntry::Kind::kFile) return true;
      for (const char* other : {".eml", ".bad", kSent, kFolderNote, kUnsureMark}) {
        if (absl::EndsWithIgnoreCase(entry.name, other)) return true;
      }
      if (++drafts <= kExamples)
        absl::StrAppend(&examples, drafts == 1 ? "" : ", ", Printable(entry.name));
      return true;
    }).IgnoreError();
  }
  if (drafts == 0) return "";
  return absl::StrCat(drafts,
                      " files of Pickup and Replay were not whole when they were set aside (",
                      examples, drafts > kExamples ? ", ..." : "",
                      "): they stay in the quarantine and are not released; what turns out to be a "
                      "message is one as soon as it is renamed to .eml there.");
}

std::string UnsureNotice(std::int64_t messages) {
  if (messages == 0) return "";
  return absl::StrCat(messages,
                      " messages may have been delivered: they stay in the quarantine unless a "
                      "release says maybe_delivered.");
}

std::string JoinSentences(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& one : sentences)
    absl::StrAppend(&out, out.empty() || one.empty() ? "" : " ", one);
  return out;
}

bool HasDatabase(const OpenQuarantine& open) {
  bool any = false;
  for (const Item& item : open.items) {
    if (!absl::StartsWith(item.label, kQueueLabel)) continue;
    ForEachEntry(item.place, [&any](const FolderEntry& entry) -> absl::StatusOr<bool> {
      any = absl::EndsWithIgnoreCase(entry.name, ".que");
      return !any;
    }).IgnoreError();
  }
  return any;
}

absl::StatusOr<v1::InstanceSurvey> KnownOf(const OpenQuarantine& open) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(JoinPath(open.home, kKnown)));
  v1::InstanceSurvey known;
  if (!known.ParseFromString(text)) return absl::NotFoundError("what was counted is damaged");
  return known;
}

std::int64_t KnownInDatabase(const OpenQuarantine& open) {
  if (!HasDatabase(open)) return 0;
  const absl::StatusOr<v1::InstanceSurvey> known = KnownOf(open);
  if (!known.ok()) return -1;
  std::int64_t messages = known->messages();
  for (const v1::QueueCount& one : known->queues()) {
    if (one.queue() == "Pickup" || one.queue() == "Replay") messages -= one.messages();
  }
  const auto lifted = ReadRecords(JoinPath(open.home, kLifted));
  for (const Record& one : lifted.ok() ? *lifted : std::vector<Record>())
    messages -= one.came ? 0 : 1;
  return std::max<std::int64_t>(messages, 0);
}

}  // namespace mailquench::agent::exchange
