// mail.blockers: who refuses this host's mail, and what is the way out.
#include <google/protobuf/util/time_util.h>

#include "agent/mail/blockers_count.h"
#include "agent/operations/executor.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

constexpr absl::Duration kDefaultWindow = absl::Hours(24);
constexpr absl::Duration kShortestWindow = absl::Minutes(1);
constexpr absl::Duration kLongestWindow = absl::Hours(30 * 24);
}  // namespace

absl::StatusOr<v1::MailBlockersResult> Executor::DoBlockers(const v1::MailBlockers& request,
                                                            const CallContext& context) {
  const absl::Duration window =
      request.has_window() ? absl::Microseconds(TimeUtil::DurationToMicroseconds(request.window()))
                           : kDefaultWindow;
  if (window < kShortestWindow || window > kLongestWindow)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_WINDOW",
                 "the window is 1 minute to 30 days; nothing was read");
  const absl::Time since = clock_.Now() - window;
  BlockersCount count;
  MQ_ASSIGN_OR_RETURN(const ReadLog read,
                      mail_.ReadDeliveryReplies(
                          since, [&](const DeliveryReply& reply) { count.Add(reply); }, context));
  v1::MailBlockersResult result;
  count.Fill(&result);
  *result.mutable_since_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(since));
  for (const v1::MailLogFile& file : read.files) *result.add_files() = file;
  result.set_partial(!read.partial_reason.empty());
  result.set_partial_reason(read.partial_reason);
  for (const std::string& path : read.not_read) result.add_not_read(path);
  return result;
}

}  // namespace mailquench::agent
