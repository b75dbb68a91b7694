// How much is queued, and before a stop, how much was.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/mail/exchange/queue_view.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

absl::Time ExchangeMailSystem::CountDeadline() const {
  return absl::Now() + options_.count_wait;
}

absl::StatusOr<v1::QueueSurveyResult> ExchangeMailSystem::Survey(const InstanceNames& instances,
                                                                 const CallContext& context) {
  MQ_RETURN_IF_ERROR(Check(instances));
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  v1::QueueSurveyResult result;
  MQ_ASSIGN_OR_RETURN(*result.add_instances(), runs ? SurveyRunning(shell_, paths, survey_, context)
                                                    : SurveyStopped(paths, survey_, context));
  result.mutable_instances(0)->set_running(runs);
  return result;
}

absl::Status ExchangeMailSystem::AwaitShell() {
  const absl::Time until = absl::Now() + options_.busy_wait;
  while (shell_.Busy()) {
    if (absl::Now() >= until)
      return Error(absl::StatusCode::kUnavailable, "SHELL_BUSY",
                   "what is queued was not counted, since Exchange's PowerShell works on another "
                   "call; nothing was changed, ask again");
    absl::SleepFor(absl::Milliseconds(20));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> ExchangeMailSystem::CountQueued(const InstanceNames& instances) {
  MQ_RETURN_IF_ERROR(Check(instances));
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  if (!runs) return CountStopped(paths, survey_);
  MQ_RETURN_IF_ERROR(AwaitShell());
  LiftForgottenNowAndThen();
  CallContext context;
  context.deadline = CountDeadline();
  return CountRunning(shell_, paths, survey_, context);
}

absl::StatusOr<std::optional<double>> ExchangeMailSystem::Velocity(const InstanceNames& instances) {
  MQ_RETURN_IF_ERROR(Check(instances));
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  if (!runs) return std::optional<double>();
  MQ_RETURN_IF_ERROR(AwaitShell());
  CallContext context;
  context.deadline = CountDeadline();
  MQ_ASSIGN_OR_RETURN(const std::vector<QueueRow> queues,
                      ReadQueues(shell_, installation_.server, context));
  return exchange::Velocity(queues);
}

// Nobody can count once it is stopped. What goes wrong here keeps nobody from stopping spam, and
// what takes long, the picture, waits until it is.
std::optional<v1::InstanceSurvey> ExchangeMailSystem::CountBeforeStop(const CallContext& context) {
  if (!IsRunning("").ok()) return std::nullopt;
  CallContext short_context = context;
  short_context.deadline = std::min(context.deadline, CountDeadline());
  v1::InstanceSurvey survey = CountQueues(shell_, survey_, short_context);
  if (!survey.partial()) return survey;
  context.progress("warning: what is queued could not be counted before the stop");
  return std::nullopt;
}

void ExchangeMailSystem::KeepCount(v1::InstanceSurvey counted,
                                   const TransportPaths& paths,
                                   const CallContext& context) {
  CallContext short_context = context;
  short_context.deadline = std::min(context.deadline, absl::Now() + options_.picture_wait);
  const absl::Status written = RememberCount(std::move(counted), paths, survey_, short_context);
  if (!written.ok())
    context.progress(
        absl::StrCat("warning: what was counted could not be written down: ", written.message()));
}

}  // namespace mailquench::agent::exchange
