#include "common/blacklist/file.h"

#include <cerrno>
#include <cstddef>

#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kLongestList = 16 << 20;  // No list of lists is that long.

}  // namespace

absl::StatusOr<Catalogue> LoadCatalogue(const std::string& own_path) {
  MQ_ASSIGN_OR_RETURN(Catalogue catalogue, Catalogue::BuiltIn());
  if (own_path.empty()) return catalogue;
  const os::FileKind kind = os::KindOf(own_path);
  if (kind == os::FileKind::kFolder) return SystemError(EISDIR, "read the list file " + own_path);
  // A pipe would be waited for, a device read for ever.
  if (kind == os::FileKind::kOther)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_CATALOGUE",
                 own_path + " is no regular file; it was not read");
  const absl::StatusOr<std::string> text = os::ReadWhole(own_path, kLongestList);
  if (!text.ok()) return Prepend(text.status(), "read the list file");
  MQ_RETURN_IF_ERROR(catalogue.Apply({own_path, *text}));
  return catalogue;
}

}  // namespace mailquench::blacklist
