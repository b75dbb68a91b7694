#include "agent/antivirus/defender/codes.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/antivirus/antivirus.h"

namespace mailquench::agent::defender {
namespace {
struct Meaning {
  std::uint32_t code;
  const char* words;
  bool more_to_do;
};
constexpr std::array<Meaning, 19> kMeanings = {{
    {0x00000005, "access denied", false},
    {0x80070005, "access denied", false},
    {0x80041003, "access denied", false},
    {kServiceOff, "the service of Defender does not run", false},
    {0x80501004, "no connection to the Internet", false},
    {0x80508002, "a bad database of signatures", false},
    {0x80508007, "out of memory", false},
    {0x8050800c, "bad input", false},
    {0x80508020, "its configuration is bad", false},
    {0x80508021, "a threat could not be put into quarantine", true},
    {0x80508022, "a restart of the host is needed to remove a threat", true},
    {kThreatNotFound, "nothing there, or something keeps it from being scanned", false},
    {0x80508024, "a full scan is needed", true},
    {0x80508025, "steps by hand are needed to remove a threat", true},
    {0x80508026, "a threat cannot be removed from inside of what it is packed in", true},
    {0x80508027, "threats of low and medium severity are not removed by its settings", true},
    {0x80508029, "another scan is needed", true},
    {0x80508030, "an offline scan is needed", true},
    {0x80508031, "this version of Defender is too old", false},
}};

const Meaning* Find(std::uint32_t code) {
  for (const Meaning& one : kMeanings) {
    if (one.code == code) return &one;
  }
  return nullptr;
}
}  // namespace

std::string Described(const WmiAnswer& answer) {
  std::string out = absl::StrFormat("0x%08X", answer.code);
  const Meaning* const known = Find(answer.code);
  if (known != nullptr)
    absl::StrAppend(&out, " (", known->words, ")");
  else if (IsSourceAway(answer.code))
    absl::StrAppend(&out, " (where the updates come from does not answer)");
  if (!answer.text.empty()) absl::StrAppend(&out, ": ", Shown(answer.text));
  return out;
}

bool IsAccessDenied(std::uint32_t code) {
  return code == 0x00000005 || code == 0x80070005 || code == 0x80041003;
}

bool IsSourceAway(std::uint32_t code) {
  return code >> 16 == 0x8024 || code >> 12 == 0x80072 || code == 0x80501004;
}

bool IsOnlyMoreToDo(std::uint32_t code) {
  const Meaning* const known = Find(code);
  return known != nullptr && known->more_to_do;
}

}  // namespace mailquench::agent::defender
