// What blacklists answer, by short names.
#ifndef MAILQUENCH_TESTS_UNIT_CONTROLLER_VERDICTS_H_
#define MAILQUENCH_TESTS_UNIT_CONTROLLER_VERDICTS_H_

#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

inline constexpr v1::BlacklistVerdict kVerdictListed = v1::BLACKLIST_VERDICT_LISTED;
inline constexpr v1::BlacklistVerdict kVerdictClean = v1::BLACKLIST_VERDICT_CLEAN;

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_CONTROLLER_VERDICTS_H_
