// The catalogue's files, compiled in. Internal to common/blacklist.
#ifndef MAILQUENCH_COMMON_BLACKLIST_BUILTIN_H_
#define MAILQUENCH_COMMON_BLACKLIST_BUILTIN_H_

#include <string>
#include <vector>

namespace mailquench::blacklist {

std::vector<std::string> BuiltInTexts();

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_BUILTIN_H_
