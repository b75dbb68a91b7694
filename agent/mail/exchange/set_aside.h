// The messages of a quarantine that can be read: those that were exported, with what the queue said
// of each, and the files of Pickup and Replay.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SET_ASIDE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SET_ASIDE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"
#include "agent/quarantine/message_facts.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

inline constexpr char kQueueLabel[] = "Queue", kLogsLabel[] = "Logs", kPickupLabel[] = "Pickup",
                      kReplayLabel[] = "Replay";
// In a quarantine's home: what was counted before the database was set aside (an InstanceSurvey);
// the folder of exported messages, the list of those that were chosen while they were queued, and
// of those that were lifted out of a database that is set aside.
inline constexpr char kKnown[] = "known", kMessages[] = "Messages", kChosen[] = "chosen.list",
                      kLifted[] = "lifted.list";

// One message that was chosen while it was queued. Its file is NUMBER.eml, once it is exported.
struct Record {
  std::int64_t number = 0;
  bool suspended = false;  // It was before; whoever did that finds it so where it is not taken.
  bool came = false;  // While a database was open for a release: no part of what was set aside.
  MessageRow row;
};
// A line of JSON each, and an end: a list without one is not whole. kDataLoss/BAD_LIST.
std::string WriteRecords(const std::vector<Record>& records);
absl::StatusOr<std::vector<Record>> ReadRecords(const std::string& path);
std::string ExportedFile(const OpenQuarantine& open, std::int64_t number);
// Whether a message may have been delivered although its file is here (replay.h: kUnsureMark).
bool IsUnsure(const std::string& path);

struct SetAside {
  std::string name;    // Stable, plain: "12", "Replay/x.eml"
  std::string path;    // Of its file.
  std::string target;  // Label of the folder that it goes back through: kReplayLabel, kPickupLabel.
  MessageFacts facts;
  std::vector<std::string> recipients;  // Of an exported one; else they are in the file.
  bool exported = false;
  bool came = false;    // As Record::came: goes out with any release.
  bool unsure = false;  // It may have been delivered (replay.h): goes out where that was chosen.
  bool unreadable = false;
};
using SetAsideVisitor = std::function<absl::Status(const SetAside&)>;

// All that are there. Errors: kDataLoss/BAD_LIST, those of the disk, of `visit`, of CheckTime().
absl::Status EachSetAside(const OpenQuarantine& open,
                          const CallContext& context,
                          const SetAsideVisitor& visit);

// Files of Pickup and Replay that are no messages yet, or not any more: all but .eml and .bad. Who
// writes there uses another name until the file is whole; of a .tmp file Transport was at work, and
// may have delivered it. They stay in the quarantine, and none is released. A sentence; "" of none.
std::string DraftNotice(const OpenQuarantine& open);
// What to do about so many of them (SetAside::unsure); "" of none.
std::string UnsureNotice(std::int64_t messages);
// With a space in between; those that are empty are left out.
std::string JoinSentences(const std::vector<std::string>& sentences);

// Whether a whole database is in it.
bool HasDatabase(const OpenQuarantine& open);
// What was counted before; kNotFound: nobody did.
absl::StatusOr<v1::InstanceSurvey> KnownOf(const OpenQuarantine& open);
// Messages of the database alone, by that count, without those that were lifted out of it; -1:
// unknown.
std::int64_t KnownInDatabase(const OpenQuarantine& open);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SET_ASIDE_H_
