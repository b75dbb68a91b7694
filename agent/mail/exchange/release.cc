// Out of a quarantine, back into the mail flow.
#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/blocked_senders.h"
#include "agent/mail/exchange/envelope.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/replay.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/exchange/settle.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/quarantine/filter.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kSettled, "exchange.release.settled");
MQ_DEFINE_FAULT_POINT(kReleaseListed, "exchange.release.listed");
MQ_DEFINE_FAULT_POINT(kReleaseTaken, "exchange.release.taken");

constexpr std::size_t kMostMessage = std::size_t{1} << 30;
constexpr std::int64_t kLeastFree = std::int64_t{512} * 1024 * 1024;
// Above it Transport itself refuses Pickup and Replay (back-pressure.md: SubmissionQueue).
constexpr std::int64_t kMostInSubmission = 9999;

std::string ReleaseList(const OpenQuarantine& open, const std::string& command_id) {
  return JoinPath(open.home, absl::StrCat("release-", QuarantineId(command_id, ""), ".list"));
}

// A line each, written before the first is touched, so that a repeat counts and releases the same.
absl::StatusOr<std::vector<std::string>> ChooseOnce(const OpenQuarantine& open,
                                                    const v1::QuarantineRelease& request,
                                                    const CallContext& context) {
  const std::string list = ReleaseList(open, context.command_id);
  const absl::StatusOr<std::string> there = ReadFile(list, kMostMessage);
  if (there.ok()) return std::vector<std::string>(absl::StrSplit(*there, '\n', absl::SkipEmpty()));
  if (!absl::IsNotFound(there.status())) return there.status();
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  std::vector<std::string> names;
  std::string text;
  const absl::Time now = absl::Now();
  MQ_RETURN_IF_ERROR(EachSetAside(open, context, [&](const SetAside& one) {
    if (one.unsure && !request.maybe_delivered()) return absl::OkStatus();
    // What came in while a database was open is nobody's to hold back.
    if (one.came ||
        (one.unreadable ? filter.MatchesEverything() : filter.Matches(one.facts, now))) {
      names.push_back(one.name);
      absl::StrAppend(&text, one.name, "\n");
    }
    return absl::OkStatus();
  }));
  MQ_RETURN_IF_ERROR(WriteFileAtomically(list, text, 0600));
  return names;
}

absl::Status CheckPressure(Shell& shell,
                           const TransportPaths& paths,
                           const QueueOptions& options,
                           const CallContext& context) {
  std::string why;
  MQ_ASSIGN_OR_RETURN(const std::vector<QueueRow> queues,
                      ReadQueues(shell, options.server, context));
  for (const QueueRow& one : queues) {
    if (absl::EndsWithIgnoreCase(one.identity, "\\Submission") && one.messages > kMostInSubmission)
      why = absl::StrCat("its Submission queue holds ", one.messages, " messages");
  }
  const absl::StatusOr<std::int64_t> free = FreeBytes(paths.queue);
  if (free.ok() && *free < kLeastFree)
    why = absl::StrCat("the volume of ", paths.queue, " has ", *free / 1024 / 1024, " MiB left");
  if (why.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "BACK_PRESSURE",
               absl::StrCat("Transport takes no files while it is under back pressure, and ", why,
                            "; nothing was released; make room, then repeat"));
}

// For what Transport has in its hands when a release ends early.
constexpr absl::Duration kGrace = absl::Seconds(10);

class Releaser {
 public:
  Releaser(const OpenQuarantine& open,
           Settler& settler,
           const BlockedSenders& blocked,
           const QueueOptions& options,
           bool maybe_delivered,
           const CallContext& context)
      : open_(open),
        settler_(settler),
        blocked_(blocked),
        options_(options),
        maybe_delivered_(maybe_delivered),
        context_(context) {}

  std::int64_t released = 0, refused = 0;
  absl::Status first_trouble;  // Of a message that stays; the others go on.

  // However it ends, none is left on its way but what Transport holds on to; then the error says
  // so.
  absl::Status Run(const std::vector<std::string>& names) {
    absl::Status moved = Move(names);
    if (moved.ok() || batch_.empty()) return moved;
    CallContext grace;
    grace.deadline = absl::Now() + kGrace;
    Settled settled;
    const absl::Status ended = settler_.SettleAll(batch_, grace, settled);
    released += settled.taken;
    if (batch_.empty()) return moved;
    return Prepend(moved, absl::StrCat("(", batch_.size(),
                                       " files are still on their way: ", ended.message(), ")"));
  }

 private:
  absl::Status Move(const std::vector<std::string>& names) {
    std::map<std::string, SetAside> here;
    MQ_RETURN_IF_ERROR(EachSetAside(open_, context_, [&](const SetAside& one) {
      here[one.name] = one;
      return absl::OkStatus();
    }));
    for (const std::string& name : names) {
      const auto found = here.find(name);
      if (found == here.end()) {
        ++released;  // By an earlier try of this command: whatever was on its way is seen to.
        continue;
      }
      if (found->second.unsure && !maybe_delivered_) continue;
      const Parcel parcel = settler_.ParcelOf(name);
      const absl::Status posted = PostOne(parcel, found->second);
      if (IsSent(parcel)) batch_.push_back(parcel);
      // One that cannot go, which whoever can write in Pickup may have made so, holds up no other.
      const std::string why = ReasonOf(posted);
      if (why == "BAD_ENVELOPE" || why == "UNREADABLE" || why == "SENDER_BLOCKED") {
        Stays(posted);
        continue;
      }
      MQ_RETURN_IF_ERROR(posted);
      if (static_cast<std::int64_t>(batch_.size()) >= options_.replay_batch)
        MQ_RETURN_IF_ERROR(WaitForBatch());
    }
    return WaitForBatch();
  }

  absl::Status PostOne(const Parcel& parcel, const SetAside& message) const {
    if (parcel.folder.empty() || parcel.source.empty())
      return Error(absl::StatusCode::kFailedPrecondition, "REPLAY_OFF",
                   "this server watches no folder that the message could go back through; nothing "
                   "more was released; set ReplayDirectoryPath and PickupDirectoryPath, then "
                   "repeat");
    absl::StatusOr<std::string> read = ReadFile(message.path, kMostMessage);
    if (!read.ok())
      return Error(absl::StatusCode::kDataLoss, "UNREADABLE",
                   absl::StrCat("a message cannot be read (", read.status().message(),
                                "); it stays in the quarantine"));
    std::string content = *std::move(read);
    MQ_RETURN_IF_ERROR(blocked_.Check(message.exported ? message.facts.sender : "",
                                      message.facts.client, content));
    if (message.exported) {
      MQ_ASSIGN_OR_RETURN(content, WithEnvelope(message.facts.sender, message.recipients, content));
    }
    return Post(parcel, content);
  }

  void Stays(const absl::Status& why) {
    ++refused;
    if (first_trouble.ok()) first_trouble = why;
  }

  // Of one that has left Replay, or is to: whether that is done.
  absl::StatusOr<bool> SeeTo(const Parcel& parcel) {
    MQ_ASSIGN_OR_RETURN(const ParcelState state, Look(parcel));
    if (state == ParcelState::kWaiting || state == ParcelState::kAtWork) return false;
    if (state == ParcelState::kTaken) {
      MQ_FAULT_POINT(kReleaseTaken);
      MQ_RETURN_IF_ERROR(Forget(parcel));
      ++released;
      return true;
    }
    std::vector<Parcel> one = {parcel};
    CallContext grace;
    grace.deadline = absl::Now() + kGrace;
    Settled settled;
    MQ_RETURN_IF_ERROR(settler_.SettleAll(one, grace, settled));
    released += settled.taken;
    if (settled.unsure > 0) {
      Stays(Error(absl::StatusCode::kAborted, "REPLAY_SET_ASIDE",
                  "the folder was set aside or replaced while a message was in it, which may have "
                  "been delivered; it is in this quarantine again, marked so"));
    } else if (settled.back > 0) {
      Stays(Error(absl::StatusCode::kAborted, "REFUSED_BY_TRANSPORT",
                  state == ParcelState::kRefused
                      ? "Transport refused a file as .bad"
                      : "the folder was set aside while a message was in it"));
    }
    return true;
  }

  // Until Transport has taken all of them, or refused.
  absl::Status WaitForBatch() {
    const absl::Time until = std::min(context_.deadline, absl::Now() + options_.replay_wait);
    for (;;) {
      for (std::size_t i = 0; i < batch_.size();) {
        MQ_ASSIGN_OR_RETURN(const bool done, SeeTo(batch_[i]));
        if (done) {
          batch_.erase(batch_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          ++i;
        }
      }
      if (batch_.empty()) return absl::OkStatus();
      MQ_RETURN_IF_ERROR(context_.still_wanted());
      if (absl::Now() >= until)
        return Error(absl::StatusCode::kDeadlineExceeded, "NOT_TAKEN",
                     "Transport did not take the files out of Replay in time (is it under back "
                     "pressure, is Replay switched off?)");
      absl::SleepFor(options_.replay_poll);
    }
  }

  const OpenQuarantine& open_;
  Settler& settler_;
  const BlockedSenders& blocked_;
  const QueueOptions& options_;
  const bool maybe_delivered_;
  const CallContext& context_;
  std::vector<Parcel> batch_;  // On their way.
};

// What is left in it, and why it is not all that a person sees in the folder.
struct Left {
  std::int64_t messages = 0, bytes = 0, unreadable = 0, unsure = 0;
};
absl::StatusOr<Left> CountLeft(const OpenQuarantine& open) {
  Left left;
  MQ_RETURN_IF_ERROR(EachSetAside(open, CallContext(), [&](const SetAside& one) {
    ++left.messages;
    left.bytes += one.facts.bytes;
    if (one.unreadable) ++left.unreadable;
    if (one.unsure) ++left.unsure;
    return absl::OkStatus();
  }));
  return left;
}
}  // namespace

bool IsReleaseBegun(const OpenQuarantine& open, const std::string& command_id) {
  return IdentityOf(ReleaseList(open, command_id)).ok();
}

absl::StatusOr<v1::QuarantineReleaseResult> ReleaseQuarantine(Shell& shell,
                                                              const TransportPaths& paths,
                                                              const v1::QuarantineRelease& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine open,
                      OpenById(QuarantineRoots(paths), request.quarantine_id(), options.disk));
  const bool database = HasDatabase(open);
  // First of all: what an earlier release left on its way, whatever command that was. It could be
  // neither seen nor chosen, and the repeat of that command alone would find it again.
  Settler settler(paths, open, options);
  Settled earlier;
  const absl::Status seen_to = settler.SettleLeft(context, earlier);
  if (earlier.taken + earlier.back + earlier.unsure > 0)
    context.progress(absl::StrCat("of an earlier release that did not end, ", earlier.taken,
                                  " messages were delivered, ", earlier.back,
                                  " are in the quarantine again, and ", earlier.unsure,
                                  " too, which may have been delivered"));
  if (!seen_to.ok())
    return Prepend(seen_to,
                   "what an earlier release left on its way comes first, and nothing more was "
                   "released");
  MQ_FAULT_POINT(kSettled);
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> names, ChooseOnce(open, request, context));
  MQ_FAULT_POINT(kReleaseListed);
  if (database && names.empty() && !request.isolate())
    return Error(absl::StatusCode::kFailedPrecondition, "RELEASE_NEEDS_ISOLATION",
                 absl::StrCat("quarantine ", request.quarantine_id(),
                              " holds a queue database, of which no single message can be "
                              "released while this host can reach others: Transport sends all of "
                              "it as soon as it starts; nothing was released; ask for the release "
                              "with `isolate`"));
  BlockedSenders blocked;
  if (!names.empty()) {
    MQ_RETURN_IF_ERROR(CheckPressure(shell, paths, options, context));
    absl::StatusOr<BlockedSenders> known = BlockedSenders::Read(
        shell, options.role, std::min(context.deadline, absl::Now() + options.call_wait));
    if (!known.ok())
      return Prepend(known.status(),
                     "nothing was released, since it is not known whose mail a block of an account "
                     "would reject");
    blocked = *std::move(known);
  }
  Releaser releaser(open, settler, blocked, options, request.maybe_delivered(), context);
  const absl::Status moved = releaser.Run(names);
  const absl::StatusOr<Left> counted = CountLeft(open);
  const Left left = counted.value_or(Left());
  const std::int64_t in_database = KnownInDatabase(open);
  absl::Status recorded = counted.status();
  if (recorded.ok()) {
    Manifest manifest = open.manifest;
    manifest.messages = in_database < 0 ? -1 : in_database + left.messages;
    manifest.bytes = left.bytes;
    recorded = RecordCount(open.home, manifest);
  }
  v1::OperationResult so_far;
  v1::QuarantineReleaseResult& result = *so_far.mutable_quarantine_release();
  result.set_quarantine_id(request.quarantine_id());
  result.set_released(releaser.released);
  result.set_left(left.messages + std::max<std::int64_t>(in_database, 0));
  result.set_unreadable(left.unreadable);
  result.set_maybe_delivered(left.unsure);
  result.set_notice(JoinSentences({UnsureNotice(left.unsure), DraftNotice(open)}));
  context.done_so_far(so_far);
  const std::string told =
      absl::StrCat(releaser.released, " messages of quarantine ", request.quarantine_id(),
                   " were released, ", left.messages, " are left in it");
  if (!moved.ok()) return Prepend(moved, told);
  MQ_RETURN_IF_ERROR(Prepend(recorded, told));
  if (releaser.refused > 0)
    return Error(absl::StatusCode::kAborted, "RELEASE_INCOMPLETE",
                 absl::StrCat(told, "; ", releaser.refused,
                              " could not be: ", releaser.first_trouble.message()));
  return result;
}

}  // namespace mailquench::agent::exchange
