#include "common/blacklist/file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/status/error.h"

namespace mailquench::blacklist {

absl::StatusOr<Catalogue> LoadCatalogue(const std::string& own_path) {
  MQ_ASSIGN_OR_RETURN(Catalogue catalogue, Catalogue::BuiltIn());
  if (own_path.empty()) return catalogue;
  std::error_code error;
  if (std::filesystem::is_directory(own_path, error))
    return SystemError(EISDIR, "read the list file " + own_path);
  // A pipe would be waited for, a device read for ever.
  if (std::filesystem::exists(own_path, error) &&
      !std::filesystem::is_regular_file(own_path, error))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_CATALOGUE",
                 own_path + " is no regular file; it was not read");
  errno = 0;
  std::ifstream file(own_path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file && errno != 0) return SystemError(errno, "read the list file " + own_path);
  MQ_RETURN_IF_ERROR(catalogue.Apply({own_path, text.str()}));
  return catalogue;
}

}  // namespace mailquench::blacklist
