// queue.watch: is the queue filling again, and who is behind it?
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

// Least squares over (seconds, messages), per minute.
double SlopePerMinute(const v1::QueueWatchResult& result) {
  const int n = result.samples_size();
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const std::int64_t first = TimeUtil::TimestampToMicroseconds(result.samples(0).time());
  for (const v1::WatchSample& sample : result.samples()) {
    const double x =
        static_cast<double>(TimeUtil::TimestampToMicroseconds(sample.time()) - first) / 1e6;
    const double y = static_cast<double>(sample.messages());
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const double denominator = n * sxx - sx * sx;
  return denominator <= 0 ? 0 : 60.0 * (n * sxy - sx * sy) / denominator;
}
}  // namespace

// Not in one piece: a cancel, a deadline and the end of the agent wait for nobody's interval.
absl::Status Executor::Wait(absl::Duration length, const CallContext& context) {
  const absl::Time end = clock_.Now() + length;
  for (absl::Time now = clock_.Now(); now < end; now = clock_.Now()) {
    MQ_RETURN_IF_ERROR(context.still_wanted());
    if (now >= context.deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "WATCH_TIMED_OUT",
                   "the watch's time ended before its samples; no verdict");
    clock_.Sleep(std::min<absl::Duration>(end - now, absl::Milliseconds(250)));
  }
  return absl::OkStatus();
}

// While the lock of a contain that asked for silence is outstanding.
bool Executor::SilencesNow() {
  if (!mail_.SilencesByWatch()) return false;
  const auto outstanding = journal_.Outstanding();
  if (!outstanding.ok()) return false;
  return std::any_of(outstanding->begin(), outstanding->end(), [&](const Journal::Change& change) {
    const auto step = journal_.Step(change.snapshot.command_id(), kSilencedByWatch);
    return step.ok() && step->has_value();
  });
}

// Queued messages of the null sender, into a quarantine of this sample; nothing where there are
// none. It is a change, so it has its turn like one.
absl::StatusOr<v1::QueueQuarantineResult> Executor::SilenceQueued(const InstanceNames& chosen,
                                                                  int sample,
                                                                  const CallContext& context) {
  v1::QueueQuarantine request;
  request.mutable_instances()->Assign(chosen.begin(), chosen.end());
  request.set_reason("notifications, set aside by a watch");
  request.mutable_filter()->add_senders("<>");
  MQ_ASSIGN_OR_RETURN(const v1::QuarantineAnalyseResult preview,
                      mail_.PreviewQuarantine(request, context));
  if (preview.matching() == 0) return v1::QueueQuarantineResult();
  MQ_ASSIGN_OR_RETURN(const auto turn,
                      turn_.Take(/*urgent=*/false, absl::Seconds(1), context.still_wanted));
  CallContext own = context;
  own.command_id = absl::StrCat(context.command_id, ".silence-", sample);
  return mail_.Quarantine(request, own);
}

absl::StatusOr<v1::QueueWatchResult> Executor::DoWatch(const v1::QueueWatch& request,
                                                       const CallContext& context) {
  const int samples = request.samples() == 0 ? 5 : request.samples();
  const absl::Duration interval =
      request.has_interval()
          ? absl::Microseconds(TimeUtil::DurationToMicroseconds(request.interval()))
          : absl::Seconds(2);
  if (samples < 2 || samples > 1000 || interval <= absl::ZeroDuration())
    return Error(absl::StatusCode::kInvalidArgument, "BAD_WATCH",
                 "a watch takes 2 to 1000 samples at an interval above 0; nothing was watched");
  if (clock_.Now() + interval * (samples - 1) >= context.deadline)
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_WATCH",
        absl::StrCat(samples, " samples at an interval of ", absl::FormatDuration(interval),
                     " take longer than the operation may; nothing was watched: ask for "
                     "fewer, or give it more time"));
  const double limit = request.refill_per_minute() > 0 ? request.refill_per_minute() : 60;
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  const bool silences = SilencesNow();
  v1::QueueWatchResult result;
  for (int i = 0; i < samples; ++i) {
    if (i > 0) MQ_RETURN_IF_ERROR(Wait(interval, context));
    v1::WatchSample* sample = result.add_samples();
    if (silences) {
      const auto taken = SilenceQueued(chosen, i, context);
      // The watch goes on: it is to say how the queue grows, above all.
      if (!taken.ok()) {
        context.progress(absl::StrCat("notifications could not be set aside this time: ",
                                      taken.status().message()));
      } else {
        for (const v1::QuarantineInfo& one : taken->quarantines()) {
          sample->set_silenced(sample->silenced() + one.messages());
          result.add_silenced_quarantines(one.quarantine_id());
        }
        result.set_silenced(result.silenced() + sample->silenced());
        if (sample->silenced() > 0)
          context.progress(absl::StrCat(sample->silenced(), " notifications set aside"));
      }
    }
    MQ_ASSIGN_OR_RETURN(const std::int64_t messages, mail_.CountQueued(chosen));
    *sample->mutable_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now()));
    sample->set_messages(messages);
    context.progress(std::to_string(messages) + " messages queued");
  }
  result.set_slope_per_minute(SlopePerMinute(result));
  // One burst at the end is a refill too, though the line through all samples is still flat.
  const auto& last = result.samples(samples - 1);
  const auto& previous = result.samples(samples - 2);
  const double seconds = static_cast<double>(TimeUtil::TimestampToMicroseconds(last.time()) -
                                             TimeUtil::TimestampToMicroseconds(previous.time())) /
                         1e6;
  const double burst =
      seconds <= 0 ? 0
                   : 60.0 * static_cast<double>(last.messages() - previous.messages()) / seconds;
  const bool refilling = result.slope_per_minute() >= limit || burst >= 2 * limit;
  result.set_verdict(refilling ? v1::WATCH_VERDICT_REFILLING : v1::WATCH_VERDICT_QUIET);
  if (refilling) {
    MQ_ASSIGN_OR_RETURN(const v1::QueueSurveyResult survey, mail_.Survey(chosen, context));
    *result.mutable_behind() = survey.instances();
  }
  return result;
}

}  // namespace mailquench::agent
