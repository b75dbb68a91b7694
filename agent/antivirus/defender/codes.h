// The codes with which Defender's methods end.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_CODES_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_CODES_H_

#include <cstdint>
#include <string>

#include "agent/os/wmi.h"

namespace mailquench::agent::defender {

constexpr std::uint32_t kServiceOff = 0x800106ba;
constexpr std::uint32_t kThreatNotFound = 0x80508023;  // Of a path: there is nothing to scan.

// "0x80508023 (WHAT IT MEANS): what the provider says", the last two where they are known. Of
// Microsoft's "Review event logs and error codes to troubleshoot issues with Microsoft Defender
// Antivirus".
std::string Described(const WmiAnswer& answer);

bool IsAccessDenied(std::uint32_t code);
// Where new signatures come from does not answer: codes of Windows Update (0x8024....), of HTTP
// (0x80072...) and of no network.
bool IsSourceAway(std::uint32_t code);
// The scan went to its end, and something else is to be done for what it found.
bool IsOnlyMoreToDo(std::uint32_t code);

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_CODES_H_
