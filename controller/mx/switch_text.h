// A switch in words. Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_MX_SWITCH_TEXT_H_
#define MAILQUENCH_CONTROLLER_MX_SWITCH_TEXT_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

std::string TimeText(absl::Time time);          // RFC 3339, UTC, whole seconds.
std::string SetText(const v1::RecordSet& set);  // "192.0.2.1 (TTL 300)", "nothing"
// "MX of example.org"
std::string NameText(const v1::SwitchRecord& record);
// How it stands, in one line.
std::string SwitchSentence(const v1::MxSwitch& value, absl::Time now);
// What to send to those who have the zones, one text for each of them; with the way back. Of the
// records at these positions that are changed by request; `backwards`: that they are to be undone,
// or not to be made where that has not happened yet.
std::vector<std::string> RequestTexts(const Options& options,
                                      const v1::MxSwitch& value,
                                      bool backwards,
                                      const std::set<int>& positions);
// What a hook gets on its standard input: {"zone", "name", "type", "before", "after", ...}; `from`:
// what is there, `to`: what shall be.
std::string HookInput(const std::string& switch_id,
                      const v1::SwitchRecord& record,
                      const v1::RecordSet& from,
                      const v1::RecordSet& to);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SWITCH_TEXT_H_
