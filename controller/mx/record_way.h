// Which way a record of a switch goes, and how far it has come: what its state means for what is
// sent next. Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_MX_RECORD_WAY_H_
#define MAILQUENCH_CONTROLLER_MX_RECORD_WAY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/mx/options.h"
#include "controller/mx/primaries.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

inline constexpr char kServerCheck[] = "server:";
inline constexpr char kRecordCheck[] = "record:";

// "record:A/mx.example.org": the check that a record becomes when a person has to decide about it.
std::string RecordCheckId(const v1::SwitchRecord& one);
// Whether a person has said that the record is left as it is.
bool IsLeft(const v1::MxSwitch& value, const v1::SwitchRecord& one);

// Whether the switch is on its way back, or stuck on it.
bool GoesBack(const v1::MxSwitch& value);
// Whether this pass has to send the record. Of the way back also that the record whose TTL was
// lowered is back first.
bool IsToSend(const v1::MxSwitch& value, const v1::SwitchRecord& one);
// On the way back it could not be put back: a person decides.
bool IsTrouble(const v1::SwitchRecord& one);
// A lowered TTL whose record could not be put back: it stays with that.
bool FollowsTrouble(const v1::MxSwitch& value, const v1::SwitchRecord& one);
// Nothing is to be waited for on the way back: it never left, or is back at every server.
bool IsBack(const v1::SwitchRecord& one);
// Of a request: whether DNS shows only what it showed before, which proves nothing.
bool IsUnproven(const v1::SwitchRecord& one);

// Turns every record that was or may have been changed round to go back, also those that failed:
// nobody knows that they were not made. Those of another person's change on the way there were not.
// What providers are to be told is added to the switch's requests.
void TurnBack(const Options& options, absl::Time now, v1::MxSwitch* value);

// The other way: what failed or was put back is to be made again. Looks at DNS, where each must
// have what it had or what it shall have. Blocks. Errors: FAILED_PRECONDITION/PLAN_DRIFTED, those
// of Primaries::Current().
absl::Status TurnForward(const Options& options,
                         Primaries* primaries,
                         absl::Time now,
                         v1::MxSwitch* value);

// Keeps a check for each record that a person has to decide about. False: nothing has changed.
bool JudgeRecords(absl::Time now, v1::MxSwitch* value);
// Where `check_id` is that of a record that waits for others on the way back: the check, if it is
// not there, so that it can be waived.
void AddRecordCheck(const std::string& check_id, absl::Time now, v1::MxSwitch* value);
// The check is waived: its record's earlier request counts as withdrawn.
void ForgetRequest(const std::string& check_id, v1::MxSwitch* value);
// Whether a record that could not be put back is not waived.
bool HoldsUp(const v1::MxSwitch& value);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_RECORD_WAY_H_
