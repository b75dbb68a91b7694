// The way of messages into the queue from a quarantine on another volume, where no rename leads:
// copied beside the queue, then removed over there, then renamed in. A message is in the queue only
// when it is nowhere else, so that no crash doubles it.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RETURN_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RETURN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/postfix/chosen_list.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"

namespace mailquench::agent::postfix {

// Owner, mode and time of a message before it enters the queue: a strange file in `incoming` makes
// the queue manager end again and again. Error: kFailedPrecondition/NOT_A_REGULAR_FILE.
absl::Status MakeReady(int file, const std::string& id, const Instance& instance);

// Renames, never over an existing file. 0 or an errno.
int RenameNew(int source, const std::string& name, int target, const std::string& to);

// Where a message of the quarantine's folder `queue` belongs in the queue.
std::string FolderInQueue(const Layout& layout, const std::string& queue, const std::string& id);

// Not thread-safe. The references must outlive this object.
class WayBack {
 public:
  WayBack(const Instance& instance,
          const Layout& layout,
          const OpenQuarantine& quarantine,
          FolderCache& queue,
          FolderCache& place);

  // Finishes what a crash has left on its way: what is still in the quarantine stays there, what is
  // not goes on. Every change of a quarantine begins with it.
  absl::Status Settle();

  // Takes a message, or a delivery log, whose descriptor is `file`, on its way. False: its id is
  // taken in the queue, it stays.
  absl::StatusOr<bool> Take(const Chosen& chosen, int file);
  absl::StatusOr<bool> CopyLog(int file, const std::string& id, int target);

  // Whether those on the way are as many as go together.
  bool Full() const;
  // Those that are copied and have not entered the queue.
  std::vector<Chosen> OnTheirWay() const;
  // Lets those on the way enter the queue. Gives those whose id was taken meanwhile; they are in
  // the quarantine again.
  absl::StatusOr<std::vector<Chosen>> Enter();

 private:
  struct OnTheWay {
    Chosen chosen;
    Fd copy;
  };
  absl::Status OpenStage();
  // False: the id is taken, and the message is in the quarantine again.
  absl::StatusOr<bool> EnterOne(const Chosen& chosen);
  absl::Status PutBackIntoQuarantine(const Chosen& chosen);

  const Instance& instance_;
  const Layout& layout_;
  const OpenQuarantine& quarantine_;
  FolderCache& queue_;
  FolderCache& place_;
  Fd stage_;
  std::vector<OnTheWay> on_the_way_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RETURN_H_
