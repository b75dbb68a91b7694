// What the properties of a WMI object mean. A property that is not there is not "false": older
// versions of a product lack some.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_WMI_VALUES_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_WMI_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/os/wmi.h"

namespace mailquench::agent::defender {

// As it came; "" and none where it is not there or null.
std::string TextOf(const WmiRow& row, const std::string& name);
const std::vector<std::string>& TextsOf(const WmiRow& row, const std::string& name);

std::optional<bool> FlagOf(const WmiRow& row, const std::string& name);

// An uint32 beyond 2^31 comes from WMI as a negative number.
std::optional<std::uint32_t> NumberOf(const WmiRow& row, const std::string& name);

// Where Defender counts days, this is "never".
constexpr std::uint32_t kNever = 0xffffffff;

// A datetime of CIM, "20250128164451.243000+060": the last three digits are minutes from UTC.
// None for an interval, for wildcards, and for the years before 1980: so "never" is written.
std::optional<absl::Time> CimTime(absl::string_view text);
std::optional<absl::Time> TimeOf(const WmiRow& row, const std::string& name);

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_WMI_VALUES_H_
