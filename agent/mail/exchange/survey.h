// What is queued and who is behind it: by Transport's own count while it runs, by what was counted
// just before it was stopped while it does not, since its database can be read by nobody else.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SURVEY_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SURVEY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

struct SurveyOptions {
  std::string server;
  std::string at_stop;                      // The file of what was counted before the last stop.
  absl::Duration window = absl::Hours(24);  // Of the tracking log.
  std::int64_t most_events = 500'000;
};

// All fields but `running`. Without Transport's count: partial, and the notice says why.
absl::StatusOr<v1::InstanceSurvey> SurveyRunning(Shell& shell,
                                                 const TransportPaths& paths,
                                                 const SurveyOptions& options,
                                                 const CallContext& context);
absl::StatusOr<v1::InstanceSurvey> SurveyStopped(const TransportPaths& paths,
                                                 const SurveyOptions& options,
                                                 const CallContext& context);

// Transport's own count alone; partial where it could not be had.
v1::InstanceSurvey CountQueues(Shell& shell,
                               const SurveyOptions& options,
                               const CallContext& context);
// After a stop: writes down what CountQueues() gave before it, with Pickup and Replay, and of which
// database; then once more with the picture, as far as it can be had until the deadline.
absl::Status RememberCount(v1::InstanceSurvey counted,
                           const TransportPaths& paths,
                           const SurveyOptions& options,
                           const CallContext& context);
// After a stop: writes down such a survey, and of which database.
absl::Status RememberAtStop(const v1::InstanceSurvey& survey,
                            const TransportPaths& paths,
                            const SurveyOptions& options);
// What was written down of the database that is in the queue's folder now. kNotFound: nothing.
absl::StatusOr<v1::InstanceSurvey> RecallAtStop(const TransportPaths& paths,
                                                const SurveyOptions& options);

// Messages of Transport's queues, and files in Pickup and Replay. While it is stopped:
// kFailedPrecondition/QUEUE_UNKNOWN where nobody counted before.
absl::StatusOr<std::int64_t> CountRunning(Shell& shell,
                                          const TransportPaths& paths,
                                          const SurveyOptions& options,
                                          const CallContext& context);
absl::StatusOr<std::int64_t> CountStopped(const TransportPaths& paths,
                                          const SurveyOptions& options);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SURVEY_H_
