// Keys of private zones, from a file that nobody else may read.
#ifndef MAILQUENCH_COMMON_BLACKLIST_KEYS_H_
#define MAILQUENCH_COMMON_BLACKLIST_KEYS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/probe.h"

namespace mailquench::blacklist {

// A line a zone, "ZONE KEY"; '#' begins a comment. Errors, none of which names a key:
// kPermissionDenied/KEYS_EXPOSED (others may read the file), kInvalidArgument/BAD_KEYS with the
// line, kNotFound.
absl::StatusOr<Keys> ReadKeys(const std::string& path);

// kInvalidArgument/BAD_KEYS where a key is of no private zone that the catalogue has.
absl::Status CheckKeyZones(const Catalogue& catalogue, const Keys& keys, const std::string& path);

// The text with every key in it replaced by "KEY": an answer's TXT, or an error, may repeat a name.
std::string WithoutKeys(const Keys& keys, std::string text);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_KEYS_H_
