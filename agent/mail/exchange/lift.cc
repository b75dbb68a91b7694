#include "agent/mail/exchange/lift.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/export_message.h"
#include "agent/mail/exchange/isolation_probe.h"
#include "agent/mail/exchange/opath.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/exchange/take_message.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/quarantine/filter.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kLiftExported, "exchange.lift.exported");
MQ_DEFINE_FAULT_POINT(kLiftWritten, "exchange.lift.written");

constexpr absl::Duration kCalmWait = absl::Minutes(10);
// So often the list is written: a crash in between exports so many again, under the same numbers.
constexpr std::size_t kBatch = 50;

// Transport may number a message anew each time it opens the copy.
std::string KeyOf(const MessageRow& row, bool came) {
  const std::string number =
      row.message_id.empty() ? row.identity.substr(row.identity.rfind('\\') + 1) : "";
  return absl::StrCat(came ? "came" : "was", "\n", row.message_id, "\n", number, "\n",
                      row.facts.sender, "\n", absl::StrJoin(row.recipients, ","));
}

class Lifter {
 public:
  Lifter(Shell& shell,
         const OpenQuarantine& open,
         const QueueOptions& options,
         const CallContext& context)
      : shell_(shell),
        open_(open),
        options_(options),
        context_(context),
        list_(JoinPath(open.home, kLifted)) {}

  absl::StatusOr<Lifted> Run(const std::optional<Filter>& filter, absl::Time began) {
    absl::StatusOr<std::vector<Record>> before = ReadRecords(list_);
    if (before.ok()) records_ = *std::move(before);
    if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
    MQ_RETURN_IF_ERROR(MakeDirectories(JoinPath(open_.home, kMessages), 0700));
    MQ_ASSIGN_OR_RETURN(const std::vector<Record> chosen, Choose(filter, began));
    std::int64_t number = 0;
    for (const Record& one : records_) number = std::max(number, one.number);
    std::size_t unwritten = 0;
    for (Record record : chosen) {
      MQ_RETURN_IF_ERROR(CheckTime(context_));
      record.number = ++number;
      const absl::Status one = Export(record);
      MQ_FAULT_POINT(kLiftExported);
      if (ReasonOf(one) == "CMDLET_FAILED" || ReasonOf(one) == "BAD_EXPORT" ||
          ReasonOf(one) == "BAD_ENVELOPE" || ReasonOf(one) == "TOO_LARGE" ||
          absl::IsNotFound(one)) {
        if (lifted_.stuck++ == 0) lifted_.first_trouble = std::string(one.message());
        if (record.came && !absl::IsNotFound(one)) ++lifted_.stuck_came;
        --number;
        continue;
      }
      if (!one.ok()) {
        MQ_RETURN_IF_ERROR(Write());
        return one;
      }
      ++(record.came ? lifted_.came : lifted_.matching);
      records_.push_back(record);
      if (++unwritten < kBatch) continue;
      unwritten = 0;
      context_.progress(
          absl::StrCat(lifted_.matching, " messages were lifted out of the database"));
      MQ_RETURN_IF_ERROR(Write());
    }
    if (unwritten > 0) MQ_RETURN_IF_ERROR(Write());
    return lifted_;
  }

 private:
  absl::Status Write() {
    MQ_RETURN_IF_ERROR(WriteFileAtomically(list_, WriteRecords(records_), 0600));
    MQ_FAULT_POINT(kLiftWritten);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Record>> Choose(const std::optional<Filter>& filter,
                                             absl::Time began) {
    std::map<std::string, int> taken;
    for (const Record& one : records_) ++taken[KeyOf(one.row, one.came)];
    std::vector<Record> chosen;
    const absl::Time now = absl::Now();
    MQ_RETURN_IF_ERROR(
        ReadMessages(shell_, options_.server, "", context_, [&](const MessageRow& row) {
          const bool came = row.facts.arrival >= began;
          const bool wanted =
              came ? !IsProbe(row) : filter.has_value() && filter->Matches(row.facts, now);
          // Of two that are alike, and one is taken, the other is.
          if (!wanted || taken[KeyOf(row, came)]-- > 0) return absl::OkStatus();
          Record& record = chosen.emplace_back();
          record.came = came;
          record.suspended = row.status == "Suspended";
          record.row = row;
          return absl::OkStatus();
        }));
    return chosen;
  }

  absl::Status Export(const Record& record) {
    const std::string& identity = record.row.identity;
    // What stays is in the database still; of what came in meanwhile the copy is the only one, and
    // a file that cannot go back is more than none.
    if (!record.came) MQ_RETURN_IF_ERROR(CheckTakable(record));
    if (IsInSubmission(identity))
      return Error(absl::StatusCode::kAborted, "CMDLET_FAILED",
                   "a message is in the Submission queue, which gives none up");
    if (!record.suspended)
      MQ_RETURN_IF_ERROR(
          shell_
              .Run({{{"Suspend-Message", {{"Identity", identity}, {"Confirm", false}}}}, {}, false},
                   Deadline())
              .status());
    MQ_ASSIGN_OR_RETURN(const std::string content, ExportMessage(shell_, identity, Deadline()));
    return WriteFileAtomically(ExportedFile(open_, record.number), content, 0600);
  }

  absl::Time Deadline() const {
    return std::min(context_.deadline, absl::Now() + options_.call_wait);
  }

  Shell& shell_;
  const OpenQuarantine& open_;
  const QueueOptions& options_;
  const CallContext& context_;
  const std::string list_;
  std::vector<Record> records_;
  Lifted lifted_;
};
}  // namespace

absl::Status WaitForCalm(Shell& shell, const QueueOptions& options, const CallContext& context) {
  const absl::Time until = absl::Now() + kCalmWait;
  std::int64_t before = -1;
  absl::Status last;
  for (;;) {
    MQ_RETURN_IF_ERROR(CheckTime(context));
    const absl::StatusOr<std::vector<QueueRow>> queues = ReadQueues(shell, options.server, context);
    last = queues.status();
    if (queues.ok()) {
      std::int64_t submission = 0;
      for (const QueueRow& one : *queues) {
        if (absl::EndsWithIgnoreCase(one.identity, "\\Submission")) submission += one.messages;
      }
      const std::int64_t now = Sum(*queues);
      if (submission == 0 && now == before) return absl::OkStatus();
      before = now;
    }
    if (absl::Now() >= until)
      return Error(
          absl::StatusCode::kDeadlineExceeded, "QUEUES_UNSTABLE",
          absl::StrCat("Transport did not come to rest on the database: ",
                       last.ok() ? "its Submission queue does not get empty" : last.message()));
    absl::SleepFor(options.replay_poll);
  }
}

absl::StatusOr<Lifted> LiftMessages(Shell& shell,
                                    const OpenQuarantine& open,
                                    const v1::MessageFilter* filter,
                                    absl::Time began,
                                    const QueueOptions& options,
                                    const CallContext& context) {
  std::optional<Filter> wanted;
  if (filter != nullptr) {
    MQ_RETURN_IF_ERROR(RefuseAccounts(*filter));
    MQ_ASSIGN_OR_RETURN(wanted, Filter::Make(*filter));
  }
  Lifter lifter(shell, open, options, context);
  return lifter.Run(wanted, began);
}

}  // namespace mailquench::agent::exchange
