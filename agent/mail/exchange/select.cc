// A selective quarantine: which messages, one after the other, and what is told of it.
#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/exchange/opath.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/exchange/take_message.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/quarantine/filter.h"
#include "agent/quarantine/top_k.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kListed, "exchange.select.listed");
MQ_DEFINE_FAULT_POINT(kComplete, "exchange.select.complete");

struct Choice {
  std::vector<Record> records;
  std::int64_t in_submission = 0;
};

absl::StatusOr<Choice> Choose(Shell& shell,
                              const v1::MessageFilter& wanted,
                              const QueueOptions& options,
                              const CallContext& context) {
  MQ_RETURN_IF_ERROR(RefuseAccounts(wanted));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(wanted));
  Choice choice;
  const absl::Time now = absl::Now();
  const auto read = [&](const std::string& opath) {
    choice = Choice();
    return ReadMessages(shell, options.server, opath, context, [&](const MessageRow& row) {
      if (!filter.Matches(row.facts, now)) return absl::OkStatus();
      if (IsInSubmission(row.identity)) {
        ++choice.in_submission;
        return absl::OkStatus();
      }
      Record& record = choice.records.emplace_back();
      record.number = static_cast<std::int64_t>(choice.records.size());
      record.suspended = row.status == "Suspended";
      record.row = row;
      return absl::OkStatus();
    });
  };
  const std::string opath = OpathOf(wanted);
  absl::Status done = read(opath);
  // A build that cannot judge it shows all, and it is judged here alone.
  if (ReasonOf(done) == "CMDLET_FAILED" && !opath.empty()) done = read("");
  MQ_RETURN_IF_ERROR(done);
  return choice;
}

// What a person must know of those that were not taken.
class Others {
 public:
  void Add(const Record& record, End end, const absl::Status& why) {
    if (end == End::kUnsure) ++unsure_;
    if (end != End::kSkipped) return;
    if (skipped_++ >= kExamples) return;
    absl::StrAppend(&examples_, skipped_ == 1 ? "" : "; ", Printable(record.row.identity), ": ",
                    why.message());
  }
  std::int64_t skipped() const { return skipped_; }
  std::string Notice() const {
    std::string text;
    if (skipped_ > 0)
      text = absl::StrCat(skipped_,
                          " matching messages stay in their queues, since they could not "
                          "be taken so that they can come back (",
                          examples_, skipped_ > kExamples ? "; ..." : "", ").");
    return JoinSentences({text, UnsureNotice(unsure_)});
  }

 private:
  static constexpr std::int64_t kExamples = 3;
  std::int64_t skipped_ = 0, unsure_ = 0;
  std::string examples_;
};

// The list is on disk before the first message is touched: a repeat finishes the same set.
absl::StatusOr<OpenQuarantine> Begin(Shell& shell,
                                     const TransportPaths& paths,
                                     const v1::QueueQuarantine& request,
                                     const std::string& id,
                                     const QueueOptions& options,
                                     const CallContext& context,
                                     std::string* notice) {
  OpenQuarantine open;
  open.home = HomeOf(paths.queue, id);
  MQ_ASSIGN_OR_RETURN(const Choice choice, Choose(shell, request.filter(), options, context));
  if (choice.in_submission > 0)
    *notice = absl::StrCat(choice.in_submission,
                           " matching messages are in the Submission queue, which gives none up; "
                           "repeat when they have left it.");
  MQ_RETURN_IF_ERROR(MakePlace(open.home, options.disk));
  MQ_RETURN_IF_ERROR(MakeDirectories(JoinPath(open.home, kMessages), 0700));
  MQ_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(open.home, kChosen), WriteRecords(choice.records), 0600));
  open.manifest = NewManifest(options.server, request, id, context.command_id);
  open.manifest.selective = true;
  MQ_RETURN_IF_ERROR(WriteManifest(open.home, open.manifest));
  return open;
}
}  // namespace

absl::StatusOr<Taken> TakeMatching(Shell& shell,
                                   const TransportPaths& paths,
                                   const v1::QueueQuarantine& request,
                                   const QueueOptions& options,
                                   const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  const std::string id = QuarantineId(context.command_id, options.server);
  Taken taken;
  absl::StatusOr<OpenQuarantine> open = OpenById(QuarantineRoots(paths), id, options.disk);
  if (absl::IsNotFound(open.status()))
    open = Begin(shell, paths, request, id, options, context, &taken.notice);
  MQ_RETURN_IF_ERROR(open.status());
  MQ_FAULT_POINT(kListed);
  if (!open->manifest.complete) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Record> records,
                        ReadRecords(JoinPath(open->home, kChosen)));
    const absl::Time begin = absl::Now();
    Taker taker(shell, *open, options, context);
    Others others;
    std::int64_t messages = 0, bytes = 0, in_it = 0;
    for (const Record& record : records) {
      MQ_RETURN_IF_ERROR(CheckTime(context));
      absl::Status why;
      const absl::StatusOr<End> one = taker.Take(record, &why);
      if (!one.ok())
        return Prepend(one.status(),
                       absl::StrCat(messages, " of ", records.size(), " messages are set aside in ",
                                    id, ", the others are where they were; repeat"));
      others.Add(record, *one, why);
      if (*one == End::kTaken) ++messages;
      if (*one != End::kTaken && *one != End::kUnsure) continue;
      ++in_it;
      bytes += record.row.facts.bytes;
    }
    taken.notice = JoinSentences({taken.notice, others.Notice()});
    if (in_it == 0 && others.skipped() > 0)
      return Error(absl::StatusCode::kAborted, "NOTHING_TAKEN",
                   absl::StrCat("no message was set aside: ", taken.notice));
    taken.swap_time = absl::Now() - begin;
    open->manifest.messages = in_it;
    open->manifest.bytes = bytes;
    open->manifest.complete = true;
    MQ_FAULT_POINT(kComplete);
    MQ_RETURN_IF_ERROR(WriteManifest(open->home, open->manifest));
  }
  taken.info = InfoOf(open->manifest, open->home);
  // The list of quarantines says what is in it; what may have been delivered was not taken.
  MQ_RETURN_IF_ERROR(EachSetAside(*open, CallContext(), [&taken](const SetAside& one) {
    if (one.unsure) taken.info.set_messages(taken.info.messages() - 1);
    return absl::OkStatus();
  }));
  return taken;
}

absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(Shell& shell,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const QueueOptions& options,
                                                            const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Choice choice, Choose(shell, filter, options, context));
  v1::QuarantineAnalyseResult result;
  Picture picture;
  Others others;
  for (const Record& record : choice.records) {
    const absl::Status takable = CheckTakable(record);
    if (!takable.ok()) others.Add(record, End::kSkipped, takable);
    picture.Add(record.row.facts);
    result.set_matching(result.matching() + 1);
    result.set_matching_bytes(result.matching_bytes() + record.row.facts.bytes);
    if (result.samples_size() < std::clamp(samples, 0, 100))
      *result.add_samples() = SampleOf(record.row.identity, record.row.facts);
  }
  *result.mutable_picture() = picture.Build();
  const std::string submission =
      choice.in_submission == 0
          ? ""
          : absl::StrCat(choice.in_submission,
                         " more are in the Submission queue, which gives none up.");
  result.set_notice(JoinSentences({submission, others.Notice()}));
  v1::QuarantineInfo& info = *result.mutable_quarantine();
  info.set_instance(options.server);
  info.set_messages(result.matching());
  info.set_bytes(result.matching_bytes());
  info.set_selective(true);
  return result;
}

}  // namespace mailquench::agent::exchange
