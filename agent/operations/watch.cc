// queue.watch: is the queue filling again, and who is behind it?
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

// Least squares over (seconds, messages), per minute.
double SlopePerMinute(const v1::QueueWatchResult& result) {
  const int n = result.samples_size();
  double sx = 0, sy = 0, sxx = 0, sxy = 0, aside = 0;
  const std::int64_t first = TimeUtil::TimestampToMicroseconds(result.samples(0).time());
  for (const v1::WatchSample& sample : result.samples()) {
    const double x =
        static_cast<double>(TimeUtil::TimestampToMicroseconds(sample.time()) - first) / 1e6;
    aside += static_cast<double>(sample.silenced());  // They came in as well.
    const double y = static_cast<double>(sample.messages()) + aside;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const double denominator = n * sxx - sx * sx;
  return denominator <= 0 ? 0 : 60.0 * (n * sxy - sx * sy) / denominator;
}

// Whether the mail system itself said, over the latter half of the samples, that the queues fill so
// fast. One such word alone may be about what was before.
bool Fills(const v1::QueueWatchResult& result, double per_minute) {
  const int n = result.samples_size();
  const int last = std::max(2, (n + 1) / 2);
  return std::all_of(result.samples().end() - std::min(last, n), result.samples().end(),
                     [&](const v1::WatchSample& sample) {
                       return sample.has_velocity() && sample.velocity() * 60 <= -per_minute;
                     });
}

// What was set aside is reported beside the error, and no sentence says that nothing was touched.
absl::Status CutShort(const absl::Status& why,
                      const v1::QueueWatchResult& result,
                      const CallContext& context) {
  if (result.silenced() == 0) return why;
  v1::OperationResult so_far;
  *so_far.mutable_queue_watch() = result;
  context.done_so_far(so_far);
  return Error(
      why.code(), ReasonOf(why),
      absl::StrCat("the watch ended before its time, without a verdict; ", result.silenced(),
                   " notifications are set aside, the rest was left queued; ask again"));
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

// Of `chosen` those whose notifications an outstanding contain has silenced; none where this host's
// own list does not let queues be set aside.
absl::StatusOr<InstanceNames> Executor::SilencedOf(const InstanceNames& chosen) {
  InstanceNames out;
  if (!mail_.SilencesByWatch()) return out;
  if (!options_.allowed_operations.empty() &&
      options_.allowed_operations.count("queue.quarantine") == 0)
    return out;
  MQ_ASSIGN_OR_RETURN(const auto outstanding, journal_.Outstanding());
  bool all = false;
  std::set<std::string> silenced;
  for (const Journal::Change& change : outstanding) {
    const std::string& id = change.snapshot.command_id();
    if (!absl::StartsWith(change.snapshot.snapshot_id(), absl::StrCat(id, ".silence"))) continue;
    MQ_ASSIGN_OR_RETURN(const auto step, journal_.Step(id, kSilencedByWatch));
    if (!step.has_value()) continue;
    v1::NdrSilence silence;
    if (!silence.ParseFromString(*step))
      return absl::DataLossError("the journal's step silenced_by_watch cannot be read");
    all |= silence.instances().empty();
    silenced.insert(silence.instances().begin(), silence.instances().end());
  }
  if (!all && silenced.empty()) return out;
  MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult status, mail_.Status(chosen));
  for (const auto& instance : status.instances()) {
    if (all || silenced.count(instance.name()) != 0) out.push_back(instance.name());
  }
  return out;
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

// Each instance by itself: one without notifications gets no empty quarantine.
void Executor::Silence(const InstanceNames& instances,
                       int sample,
                       const CallContext& context,
                       v1::QueueWatchResult& result) {
  v1::WatchSample& into = *result.mutable_samples(sample);
  for (const std::string& instance : instances) {
    const auto taken = SilenceQueued({instance}, sample, context);
    // The watch goes on: it is to say how the queue grows, above all.
    if (!taken.ok()) {
      context.progress(absl::StrCat("notifications could not be set aside this time: ",
                                    taken.status().message()));
      continue;
    }
    for (const v1::QuarantineInfo& one : taken->quarantines()) {
      if (one.messages() <= 0) continue;  // They were delivered meanwhile.
      into.set_silenced(into.silenced() + one.messages());
      result.add_silenced_quarantines(one.quarantine_id());
    }
  }
  if (into.silenced() == 0) return;
  result.set_silenced(result.silenced() + into.silenced());
  context.progress(absl::StrCat(into.silenced(), " notifications set aside"));
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
  const auto known = SilencedOf(chosen);
  if (!known.ok())
    context.progress(absl::StrCat("notifications stay queued: ", known.status().message()));
  const InstanceNames silenced = known.value_or(InstanceNames());
  v1::QueueWatchResult result;
  for (int i = 0; i < samples; ++i) {
    if (i > 0) {
      const absl::Status waited = Wait(interval, context);
      if (!waited.ok()) return CutShort(waited, result, context);
    }
    v1::WatchSample* sample = result.add_samples();
    if (!silenced.empty()) Silence(silenced, i, context, result);
    const auto messages = mail_.CountQueued(chosen);
    if (!messages.ok()) return CutShort(messages.status(), result, context);
    *sample->mutable_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now()));
    sample->set_messages(*messages);
    const auto velocity = mail_.Velocity(chosen);
    if (!velocity.ok())
      context.progress(absl::StrCat("no velocity this time: ", velocity.status().message()));
    else if (velocity->has_value() && std::isfinite(**velocity))
      sample->set_velocity(**velocity);
    context.progress(std::to_string(*messages) + " messages queued");
  }
  result.set_slope_per_minute(SlopePerMinute(result));
  // One burst at the end is a refill too, though the line through all samples is still flat.
  const auto& last = result.samples(samples - 1);
  const auto& previous = result.samples(samples - 2);
  const double seconds = static_cast<double>(TimeUtil::TimestampToMicroseconds(last.time()) -
                                             TimeUtil::TimestampToMicroseconds(previous.time())) /
                         1e6;
  const double burst =
      seconds <= 0
          ? 0
          : 60.0 * static_cast<double>(last.messages() + last.silenced() - previous.messages()) /
                seconds;
  const bool refilling =
      result.slope_per_minute() >= limit || burst >= 2 * limit || Fills(result, limit);
  result.set_verdict(refilling ? v1::WATCH_VERDICT_REFILLING : v1::WATCH_VERDICT_QUIET);
  if (refilling) {
    MQ_ASSIGN_OR_RETURN(const v1::QueueSurveyResult survey, mail_.Survey(chosen, context));
    *result.mutable_behind() = survey.instances();
  }
  return result;
}

}  // namespace mailquench::agent
