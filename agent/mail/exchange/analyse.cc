// What is in a quarantine, and off the disk with it.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/exchange/folder_files.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/replay.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/quarantine/filter.h"
#include "agent/quarantine/top_k.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kDiscarded, "exchange.discard.message");

struct Totals {
  std::int64_t messages = 0, bytes = 0;
};

absl::StatusOr<Totals> CountAll(const OpenQuarantine& open, const CallContext& context) {
  Totals totals;
  MQ_RETURN_IF_ERROR(EachSetAside(open, context, [&](const SetAside& one) {
    ++totals.messages;
    totals.bytes += one.facts.bytes;
    return absl::OkStatus();
  }));
  return totals;
}

// The manifest's count: messages of the database as they were counted, and files as they are.
absl::Status Recount(const OpenQuarantine& open, const Totals& files, Manifest* manifest) {
  const std::int64_t database = KnownInDatabase(open);
  *manifest = open.manifest;
  manifest->messages = database < 0 ? -1 : database + files.messages;
  manifest->bytes = files.bytes;
  if (database > 0) {
    const absl::StatusOr<v1::InstanceSurvey> known = KnownOf(open);
    if (known.ok()) manifest->bytes = std::max(manifest->bytes, known->bytes());
  }
  return RecordCount(open.home, *manifest);
}
}  // namespace

absl::StatusOr<v1::QuarantineAnalyseResult> AnalyseQuarantine(const TransportPaths& paths,
                                                              const v1::QuarantineAnalyse& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine open,
                      OpenById(QuarantineRoots(paths), request.quarantine_id(), options.disk));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  v1::QuarantineAnalyseResult result;
  Picture picture;
  Totals files;
  std::int64_t unsure = 0;
  const absl::Time now = absl::Now();
  const int most = std::clamp(request.samples(), 0, 100);
  MQ_RETURN_IF_ERROR(EachSetAside(open, context, [&](const SetAside& one) {
    ++files.messages;
    files.bytes += one.facts.bytes;
    if (one.unreadable) result.set_unreadable(result.unreadable() + 1);
    if (one.unsure) ++unsure;
    if (one.unreadable ? !filter.MatchesEverything() : !filter.Matches(one.facts, now))
      return absl::OkStatus();
    result.set_matching(result.matching() + 1);
    result.set_matching_bytes(result.matching_bytes() + one.facts.bytes);
    picture.Add(one.facts);
    if (result.samples_size() < most) *result.add_samples() = SampleOf(one.name, one.facts);
    return absl::OkStatus();
  }));
  *result.mutable_picture() = picture.Build();
  if (HasDatabase(open)) {
    const std::int64_t database = KnownInDatabase(open);
    const absl::StatusOr<v1::InstanceSurvey> known = KnownOf(open);
    if (filter.MatchesEverything() && database > 0) {
      result.set_matching(result.matching() + database);
      result.set_matching_bytes(result.matching_bytes() + known->bytes());
      if (files.messages == 0) *result.mutable_picture() = known->picture();
    }
    result.set_notice(absl::StrCat(
        "A queue database is in it, which its server alone can read: ",
        database < 0 ? "how many messages it holds was never counted"
                     : absl::StrCat("it held ", database, " messages when they were last counted"),
        filter.MatchesEverything() ? ", and what is said of them is as of then. "
                                   : "; none of them is judged by this filter. ",
        known.ok() ? known->notice() : ""));
  }
  result.set_notice(JoinSentences({result.notice(), UnsureNotice(unsure), DraftNotice(open)}));
  Manifest manifest;
  MQ_RETURN_IF_ERROR(Recount(open, files, &manifest));
  *result.mutable_quarantine() = InfoOf(manifest, open.home);
  return result;
}

absl::StatusOr<v1::QuarantineDiscardResult> DiscardQuarantine(const TransportPaths& paths,
                                                              const v1::QuarantineDiscard& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine open,
                      OpenById(QuarantineRoots(paths), request.quarantine_id(), options.disk));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  const bool database = HasDatabase(open);
  if (database && !filter.MatchesEverything())
    return Error(absl::StatusCode::kUnimplemented, "WHOLE_DATABASE",
                 absl::StrCat("quarantine ", request.quarantine_id(),
                              " holds a queue database, of which single messages cannot be "
                              "deleted; nothing was deleted; discard all of it, or nothing"));
  const std::int64_t in_database = std::max<std::int64_t>(KnownInDatabase(open), 0);
  std::int64_t discarded = 0;
  const absl::Time now = absl::Now();
  const absl::Status deleted = [&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(EachSetAside(open, context, [&](const SetAside& one) -> absl::Status {
      if (one.unreadable ? !filter.MatchesEverything() : !filter.Matches(one.facts, now))
        return absl::OkStatus();
      MQ_RETURN_IF_ERROR(RemoveFile(one.path));
      MQ_RETURN_IF_ERROR(RemoveFile(one.path + kUnsureMark));
      ++discarded;
      MQ_FAULT_POINT(kDiscarded);
      return absl::OkStatus();
    }));
    if (!filter.MatchesEverything()) return absl::OkStatus();
    for (const Item& item : open.items) {
      absl::Status emptied = EmptyFolder(item.place, context);
      if (!emptied.ok() && !absl::IsNotFound(emptied)) return emptied;
    }
    discarded += in_database;
    return absl::OkStatus();
  }();
  const absl::StatusOr<Totals> left = CountAll(open, context);
  Manifest manifest;
  if (left.ok()) MQ_RETURN_IF_ERROR(Recount(open, *left, &manifest));
  v1::OperationResult so_far;
  v1::QuarantineDiscardResult& result = *so_far.mutable_quarantine_discard();
  result.set_quarantine_id(request.quarantine_id());
  result.set_discarded(discarded);
  result.set_left(left.ok() ? std::max<std::int64_t>(manifest.messages, 0) : 0);
  context.done_so_far(so_far);
  if (!deleted.ok())
    return Prepend(deleted, absl::StrCat(discarded, " messages of quarantine ",
                                         request.quarantine_id(), " were deleted"));
  MQ_RETURN_IF_ERROR(left.status());
  return result;
}

}  // namespace mailquench::agent::exchange
