// The catalogue with the operator's own file over it.
#ifndef MAILQUENCH_COMMON_BLACKLIST_FILE_H_
#define MAILQUENCH_COMMON_BLACKLIST_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/blacklist/catalogue.h"

namespace mailquench::blacklist {

// Empty path: the built-in one. Errors: as Catalogue's; that of the failed call where the file
// cannot be read.
absl::StatusOr<Catalogue> LoadCatalogue(const std::string& own_path);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_FILE_H_
