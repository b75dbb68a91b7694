// What Transport says of its queues, through Get-Queue and Get-Message: page by page, since both
// give a thousand objects and no more unless they are asked for the next.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_VIEW_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_VIEW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/mail_system.h"
#include "agent/quarantine/message_facts.h"

namespace mailquench::agent::exchange {

struct QueueRow {
  std::string identity;  // "EX1\3", "EX1\Submission"
  std::string next_hop, status, last_error;
  std::int64_t messages = 0;
  std::optional<double> velocity;  // Messages a second out, less in.
  bool shadow = false;             // Copies that are kept for another server.
};

struct MessageRow {
  std::string identity;    // "EX1\3\12": one for each queue that the message is in.
  std::string message_id;  // InternetMessageId
  std::string status;
  MessageFacts facts;
  std::vector<std::string> recipients;  // All; those of `facts` are the first few.
};

// So many objects a call.
inline constexpr std::int64_t kPage = 500;

// Errors: those of the shell, of CheckTime().
absl::StatusOr<std::vector<QueueRow>> ReadQueues(Shell& shell,
                                                 const std::string& server,
                                                 const CallContext& context);

// Without shadow queues. Below zero: never.
std::int64_t Sum(const std::vector<QueueRow>& queues);
// Of all but shadow queues; none where no queue says it.
std::optional<double> Velocity(const std::vector<QueueRow>& queues);

// Messages of all queues but shadow ones, `filter`: OPATH, "" for all. Not to be called while what
// it shows is removed: the pages would shift. Errors: those of the shell, of `visit`, of
// CheckTime().
using MessageVisitor = std::function<absl::Status(const MessageRow&)>;
absl::Status ReadMessages(Shell& shell,
                          const std::string& server,
                          const std::string& filter,
                          const CallContext& context,
                          const MessageVisitor& visit);

// Where the message is now, by its number, whatever its queue is called since; a queue each.
absl::StatusOr<std::vector<MessageRow>> LocateMessage(Shell& shell,
                                                      const std::string& identity,
                                                      const CallContext& context);

bool IsInSubmission(const std::string& message_identity);

// "4.1 KB (4,222 bytes)", "4222"; 0 where it is neither.
std::int64_t BytesOf(const std::string& size);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_VIEW_H_
