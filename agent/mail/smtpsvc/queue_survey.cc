#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtpsvc/chosen_files.h"
#include "agent/mail/smtpsvc/message_scan.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {

absl::StatusOr<ScanTotals> Describe(const std::vector<ScannedFolder>& places,
                                    const v1::MessageFilter& wanted,
                                    int samples,
                                    const Disk& disk,
                                    const CallContext& context,
                                    v1::QuarantineAnalyseResult& result) {
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(wanted));
  Picture picture;
  ScanTotals totals;
  const int most = std::clamp(samples, 0, 100);
  for (const ScannedFolder& place : places) {
    MQ_ASSIGN_OR_RETURN(const ScanTotals one,
                        ScanMessages(place.path, place.badmail, filter, disk, context,
                                     [&](const std::string& name, const MessageFacts& facts) {
                                       picture.Add(facts);
                                       if (result.samples_size() < most)
                                         *result.add_samples() = SampleOf(name, facts);
                                       return absl::OkStatus();
                                     }));
    totals.Add(one);
  }
  // With an empty filter an operation takes what cannot be read, too.
  result.set_matching(totals.matching + (filter.MatchesEverything() ? totals.unreadable : 0));
  result.set_matching_bytes(totals.matching_bytes);
  result.set_unreadable(totals.unreadable);
  result.set_notice(NoticeOf(totals));
  *result.mutable_picture() = picture.Build();
  return totals;
}

// Badmail: counted, not read, and not to its end.
absl::Status CountBadmail(const VirtualServer& server,
                          const Disk& disk,
                          const CallContext& context,
                          v1::InstanceSurvey& survey) {
  if (server.badmail.empty()) return absl::OkStatus();
  std::int64_t messages = 0, bytes = 0, seen = 0;
  absl::Time oldest = absl::InfiniteFuture();
  bool cut = false;
  const absl::Status walked =
      disk.for_each(server.badmail, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        if (++seen % 1024 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
        cut = seen > kMostBadmailCounted;
        if (cut) return false;
        if (entry.kind != FolderEntry::Kind::kFile) return true;
        const FileRole role = RoleOf(entry.name, true);
        if (role == FileRole::kMessage) ++messages;
        if (role == FileRole::kOther) return true;
        bytes += entry.bytes;
        oldest = std::min(oldest, entry.modified);
        return true;
      });
  if (absl::IsNotFound(walked)) return absl::OkStatus();
  if (!walked.ok() && !absl::IsDeadlineExceeded(walked)) return walked;
  if (cut || !walked.ok()) survey.set_partial(true);
  v1::QueueCount* count = survey.add_queues();
  count->set_queue("Badmail");
  count->set_messages(messages);
  count->set_bytes(bytes);
  if (oldest != absl::InfiniteFuture())
    count->mutable_oldest_time()->set_seconds(absl::ToUnixSeconds(oldest));
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> CountFolder(const std::string& path, const Disk& disk) {
  std::int64_t count = 0;
  MQ_RETURN_IF_ERROR(
      disk.for_each(path, [&count](const FolderEntry& entry) -> absl::StatusOr<bool> {
        if (entry.kind == FolderEntry::Kind::kFile &&
            RoleOf(entry.name, false) == FileRole::kMessage)
          ++count;
        return true;
      }));
  return count;
}

// What the service counts for one server; 0 where it does not say.
std::int64_t Counted(Counters& counters, const VirtualServer& server) {
  double sum = 0;
  for (const char* name : {"Local Queue Length", "Remote Queue Length", "Remote Retry Queue Length",
                           "Cat: Categorizer Queue Length"}) {
    const absl::StatusOr<double> value =
        counters.Read(absl::StrCat("\\SMTP Server(SMTP ", server.name, ")\\", name));
    if (value.ok() && *value > 0) sum += *value;
  }
  return static_cast<std::int64_t>(sum);
}
}  // namespace

absl::StatusOr<v1::InstanceSurvey> SurveyServer(const VirtualServer& server,
                                                const Disk& disk,
                                                const CallContext& context) {
  v1::InstanceSurvey survey;
  survey.set_instance(server.name);
  MQ_ASSIGN_OR_RETURN(const std::string queue, DirectoryOf(server, server.queue, "QueueDirectory"));
  MQ_ASSIGN_OR_RETURN(const Filter all, Filter::Make({}));
  Picture picture;
  std::int64_t messages = 0, bytes = 0;
  absl::Time oldest = absl::InfiniteFuture();
  absl::StatusOr<ScanTotals> totals = ScanMessages(
      queue, false, all, disk, context, [&](const std::string&, const MessageFacts& facts) {
        ++messages;
        bytes += facts.bytes;
        oldest = std::min(oldest, facts.arrival);
        picture.Add(facts);
        return absl::OkStatus();
      });
  survey.set_partial(absl::IsDeadlineExceeded(totals.status()));
  if (!totals.ok() && !survey.partial()) return totals.status();
  if (totals.ok()) {  // Files that cannot be read are queued all the same.
    messages = totals->messages;
    bytes = totals->bytes;
    survey.set_notice(NoticeOf(*totals));
  }
  v1::QueueCount* count = survey.add_queues();
  count->set_queue("Queue");
  count->set_messages(messages);
  count->set_bytes(bytes);
  if (oldest != absl::InfiniteFuture())
    count->mutable_oldest_time()->set_seconds(absl::ToUnixSeconds(oldest));
  survey.set_messages(messages);
  survey.set_bytes(bytes);
  *survey.mutable_picture() = picture.Build();
  if (!survey.partial()) MQ_RETURN_IF_ERROR(CountBadmail(server, disk, context, survey));
  return survey;
}

absl::StatusOr<std::int64_t> CountQueues(const std::vector<VirtualServer>& servers,
                                         const Disk& disk,
                                         Counters* counters) {
  std::vector<FileIdentity> seen;
  std::int64_t sum = 0;
  for (const VirtualServer& server : servers) {
    MQ_ASSIGN_OR_RETURN(const std::string queue,
                        DirectoryOf(server, server.queue, "QueueDirectory"));
    const absl::StatusOr<FileIdentity> identity = IdentityOf(queue);
    std::int64_t files = 0;
    // A folder that is missing holds nothing; the start says what is wrong with it.
    if (!absl::IsNotFound(identity.status())) {
      MQ_RETURN_IF_ERROR(identity.status());
      if (std::find(seen.begin(), seen.end(), *identity) == seen.end()) {
        seen.push_back(*identity);
        MQ_ASSIGN_OR_RETURN(files, CountFolder(queue, disk));
      }
    }
    sum += counters == nullptr ? files : std::max(files, Counted(*counters, server));
  }
  return sum;
}

absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(const Group& group,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const Disk& disk,
                                                            const CallContext& context) {
  std::vector<ScannedFolder> places;
  for (const MailFolder& folder : group.folders) {
    if (!folder.badmail) places.push_back({folder.path, false});
  }
  v1::QuarantineAnalyseResult result;
  MQ_RETURN_IF_ERROR(Describe(places, filter, samples, disk, context, result).status());
  result.mutable_quarantine()->set_instance(group.servers.front().name);
  result.mutable_quarantine()->set_messages(result.matching());
  result.mutable_quarantine()->set_bytes(result.matching_bytes());
  result.mutable_quarantine()->set_selective(true);
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> AnalyseQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineAnalyse& request,
                                                              const Disk& disk,
                                                              const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(OpenQuarantine open, OpenById(RootsOf(all), request.quarantine_id(), disk));
  std::vector<ScannedFolder> places;
  for (const Item& item : open.items) places.push_back({item.place, IsBadmail(item)});
  v1::QuarantineAnalyseResult result;
  MQ_ASSIGN_OR_RETURN(const ScanTotals totals,
                      Describe(places, request.filter(), request.samples(), disk, context, result));
  open.manifest.messages = totals.messages;
  open.manifest.bytes = totals.bytes;
  MQ_RETURN_IF_ERROR(RecordCount(open.home, open.manifest));
  *result.mutable_quarantine() = InfoOf(open.manifest, open.home);
  return result;
}

}  // namespace mailquench::agent::smtpsvc
