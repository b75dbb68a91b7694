#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/quarantine/manifest.h"
#include "agent/quarantine/scan_record.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {

// Matching messages' picture and samples.
absl::StatusOr<ScanTotals> Describe(int base,
                                    const std::vector<std::string>& queues,
                                    const v1::MessageFilter& wanted,
                                    int samples,
                                    uid_t mail_owner,
                                    const CallContext& context,
                                    v1::QuarantineAnalyseResult& result,
                                    const ScanRecord& scanned = {}) {
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(wanted));
  Picture picture;
  const int most = std::clamp(samples, 0, 100);
  absl::StatusOr<ScanTotals> totals = Scan(base, queues, filter, mail_owner, context,
                                           [&](const FoundFile& file, const MessageFacts& facts) {
                                             picture.Add(facts);
                                             if (scanned.KeepsOut(ScanKey(file.queue, file.name)))
                                               result.set_kept_out(result.kept_out() + 1);
                                             if (result.samples_size() < most)
                                               *result.add_samples() = SampleOf(file.name, facts);
                                             return absl::OkStatus();
                                           });
  if (!totals.ok()) return totals;
  result.set_matching(totals->matching);
  result.set_matching_bytes(totals->matching_bytes);
  result.set_unreadable(totals->unreadable);
  *result.mutable_picture() = picture.Build();
  return totals;
}

}  // namespace

absl::StatusOr<OpenQueues> OpenLiveQueues(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string root, QueueRoot(instance));
  OpenQueues open;
  open.instance = instance.name;
  open.mail_owner = instance.mail_owner;
  std::vector<std::string> queues = LiveQueues();
  queues.push_back("corrupt");
  for (const std::string& queue : queues) {
    absl::StatusOr<Fd> folder = OpenDirectory(absl::StrCat(root, "/", queue));
    if (absl::IsNotFound(folder.status())) continue;
    if (!folder.ok()) return folder.status();
    open.queues.emplace_back(queue, *std::move(folder));
  }
  return open;
}

absl::StatusOr<v1::InstanceSurvey> SurveyQueue(const OpenQueues& open, const CallContext& context) {
  v1::InstanceSurvey survey;
  survey.set_instance(open.instance);
  Picture picture;
  std::int64_t seen = 0;
  for (const auto& one : open.queues) {
    const std::string& queue = one.first;
    const Fd& folder = one.second;
    std::int64_t messages = 0, bytes = 0;
    absl::Time oldest = absl::InfiniteFuture();
    const absl::Status walked =
        WalkOpen(folder.get(), queue, [&](const FoundFile& file) -> absl::Status {
          if (++seen % 1024 == 0) MQ_RETURN_IF_ERROR(CheckDeadline(context));
          const LoadedFile loaded = Load(file, open.mail_owner);
          if (loaded.vanished) return absl::OkStatus();
          ++messages;
          bytes += loaded.complete ? loaded.facts.bytes : loaded.file_bytes;
          if (!loaded.complete) return absl::OkStatus();
          oldest = std::min(oldest, loaded.facts.arrival);
          picture.Add(loaded.facts);
          if (queue == "hold" && loaded.facts.sender.empty())
            survey.set_held_notifications(survey.held_notifications() + 1);
          return absl::OkStatus();
        });
    survey.set_partial(absl::IsDeadlineExceeded(walked));
    if (!walked.ok() && !survey.partial()) return walked;
    v1::QueueCount* count = survey.add_queues();
    count->set_queue(queue);
    count->set_messages(messages);
    count->set_bytes(bytes);
    if (oldest != absl::InfiniteFuture())
      count->mutable_oldest_time()->set_seconds(absl::ToUnixSeconds(oldest));
    if (queue != "corrupt") {
      survey.set_messages(survey.messages() + messages);
      survey.set_bytes(survey.bytes() + bytes);
    }
    if (survey.partial()) break;
  }
  *survey.mutable_picture() = picture.Build();
  return survey;
}

absl::StatusOr<v1::InstanceSurvey> SurveyQueue(const Instance& instance,
                                               const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const OpenQueues open, OpenLiveQueues(instance));
  return SurveyQueue(open, context);
}

absl::StatusOr<std::int64_t> CountQueue(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string root, QueueRoot(instance));
  MQ_ASSIGN_OR_RETURN(const Fd base, OpenDirectory(root));
  std::int64_t count = 0;
  for (const std::string& queue : LiveQueues()) {
    MQ_RETURN_IF_ERROR(Walk(base.get(), queue, [&count](const FoundFile&) {
      ++count;
      return absl::OkStatus();
    }));
  }
  return count;
}

absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(const Instance& instance,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::string root, QueueRoot(instance));
  MQ_ASSIGN_OR_RETURN(const Fd base, OpenDirectory(root));
  v1::QuarantineAnalyseResult result;
  MQ_RETURN_IF_ERROR(
      Describe(base.get(), LiveQueues(), filter, samples, instance.mail_owner, context, result)
          .status());
  result.mutable_quarantine()->set_instance(instance.name);
  result.mutable_quarantine()->set_messages(result.matching());
  result.mutable_quarantine()->set_bytes(result.matching_bytes());
  result.mutable_quarantine()->set_selective(true);
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const Instance& instance,
                                                    const v1::QuarantineAnalyse& request,
                                                    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(OpenQuarantine quarantine, OpenById(instance, request.quarantine_id()));
  MQ_ASSIGN_OR_RETURN(const ScanRecord scanned, ReadScan(quarantine.path, quarantine.manifest));
  v1::QuarantineAnalyseResult result;
  MQ_ASSIGN_OR_RETURN(const ScanTotals totals,
                      Describe(quarantine.folder.get(), QuarantinedQueues(), request.filter(),
                               request.samples(), instance.mail_owner, context, result, scanned));
  if (result.kept_out() > 0) result.set_notice(KeptOutNotice(result.kept_out(), scanned));
  quarantine.manifest.messages = totals.messages;
  quarantine.manifest.bytes = totals.bytes;
  MQ_RETURN_IF_ERROR(RecordCount(quarantine.path, quarantine.manifest));
  *result.mutable_quarantine() = InfoOf(quarantine.manifest, quarantine.path);
  return result;
}

}  // namespace mailquench::agent::postfix
