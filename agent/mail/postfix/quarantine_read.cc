// Messages of a quarantine, one by one, for whoever judges them.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/postfix/message_stream.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/quarantine/scan_record.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr int kLookEvery = 256;

class MessageInFile final : public QuarantinedMessage {
 public:
  // `why`: that it is none; "" of one that may be.
  MessageInFile(std::string key, std::string id, Fd file, std::int64_t bytes, std::string why)
      : key_(std::move(key)),
        id_(std::move(id)),
        file_(std::move(file)),
        bytes_(bytes),
        why_(std::move(why)),
        source_(file_.get()),
        stream_(source_, bytes) {}

  const std::string& key() const override { return key_; }
  std::int64_t bytes() const override { return bytes_; }
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    if (!why_.empty()) return Error(absl::StatusCode::kDataLoss, "BAD_QUEUE_FILE", why_);
    return stream_.Read(buffer, size);
  }
  absl::Status Rewind() override {
    stream_.Rewind();
    return absl::OkStatus();
  }
  v1::MessageSample Sample() override {
    MessageFacts facts;
    if (why_.empty()) {
      absl::StatusOr<MessageFacts> parsed = ParseQueueFile(source_);
      if (parsed.ok()) facts = *std::move(parsed);
    }
    if (facts.bytes == 0) facts.bytes = bytes_;
    return SampleOf(id_, facts);
  }

 private:
  const std::string key_, id_;
  const Fd file_;
  const std::int64_t bytes_;
  const std::string why_;
  FileSource source_;
  MessageStream stream_;
};
}  // namespace

absl::StatusOr<std::string> QuarantineHome(const Instance& instance,
                                           const std::string& quarantine_id) {
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine quarantine, OpenById(instance, quarantine_id));
  return quarantine.path;
}

absl::Status ReadQuarantined(const Instance& instance,
                             const std::string& quarantine_id,
                             const std::function<bool(const std::string& key)>& wanted,
                             const QuarantinedVisitor& visit,
                             const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine quarantine, OpenById(instance, quarantine_id));
  std::int64_t seen = 0;
  for (const std::string& queue : QuarantinedQueues()) {
    const auto one = [&](const FoundFile& found) -> absl::Status {
      if (++seen % kLookEvery == 0) MQ_RETURN_IF_ERROR(CheckDeadline(context));
      std::string key = ScanKey(found.queue, found.name);
      if (!wanted(key)) return absl::OkStatus();
      Fd file(openat(found.fd, found.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      if (!file.ok() && errno == ENOENT) return absl::OkStatus();  // Released or deleted meanwhile.
      struct stat info {};
      std::string why;
      if (!file.ok())
        why = "it cannot be opened";
      else if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
        why = "it is no file";
      else if (!IsWhole(found, info, instance.mail_owner))
        why = "Postfix does not hold it for a complete message";
      return visit(std::make_unique<MessageInFile>(std::move(key), found.name, std::move(file),
                                                   info.st_size, std::move(why)));
    };
    MQ_RETURN_IF_ERROR(Walk(quarantine.folder.get(), queue, one));
  }
  return absl::OkStatus();
}

absl::Status ForgetGone(const OpenQuarantine& quarantine) {
  MQ_ASSIGN_OR_RETURN(ScanRecord scanned, ReadScan(quarantine.path, quarantine.manifest));
  if (scanned.empty()) return absl::OkStatus();
  std::unordered_set<std::string> there;
  for (const std::string& queue : QuarantinedQueues()) {
    MQ_RETURN_IF_ERROR(Walk(quarantine.folder.get(), queue, [&](const FoundFile& file) {
      there.insert(ScanKey(file.queue, file.name));
      return absl::OkStatus();
    }));
  }
  scanned.Keep([&](const std::string& key) { return there.count(key) != 0; });
  MQ_RETURN_IF_ERROR(scanned.Write(quarantine.path));
  return RecordScan(quarantine.path, scanned);
}

}  // namespace mailquench::agent::postfix
