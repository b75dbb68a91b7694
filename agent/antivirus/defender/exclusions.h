// What Defender is told not to look at.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_EXCLUSIONS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_EXCLUSIONS_H_

#include <string>
#include <vector>

#include "agent/os/wmi.h"

namespace mailquench::agent::defender {

struct Exclusions {
  std::vector<std::string> paths;  // Of files and folders, as they were entered.
  std::vector<std::string> words;  // All, as they are shown: "path C:\\x", "extension .tmp".
  std::size_t count = 0;           // All.
  bool hidden = false;             // They cannot be seen with these rights, or by a policy.
};

// Of an object of the class MSFT_MpPreference. Who has no right to see them is given one text
// instead, "N/A: Must be an administrator to view exclusions", or that administrators may not.
Exclusions ExclusionsOf(const WmiRow& preference);

// Whether files below `folder` are excluded by their path, in scans on request as well: exclusions
// by extension do not cover a folder, those by process hold for real-time protection alone.
// "*" and "?" stand for a part of one name. A path with a variable, "%ProgramFiles%\\x", is not
// understood.
bool Covers(const Exclusions& exclusions, const std::string& folder);

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_EXCLUSIONS_H_
