#include "agent/quarantine/place.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::agent {

std::string PlaceOf(const std::string& home, const Manifest& manifest) {
  return manifest.location.empty() ? home : manifest.location;
}

absl::StatusOr<int> OpenPlace(const std::string& home, const Manifest& manifest) {
  const std::string place = PlaceOf(home, manifest);
  if (!manifest.location.empty() &&
      (!absl::StartsWith(place, "/") || !IsQuarantineId(manifest.quarantine_id) ||
       !absl::EndsWith(place, absl::StrCat("/", manifest.quarantine_id))))
    return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                 absl::StrCat(home, "/manifest.json names ", place,
                              ", which is no place of this quarantine; nothing was touched, look "
                              "at the file by hand"));
  const int fd = open(place.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  const int failed = errno;
  if (manifest.location.empty()) {
    if (fd < 0) return SystemError(failed, absl::StrCat("open ", place));
    return fd;
  }
  // An empty mount point, or the disk of another host, must not pass for a quarantine.
  const auto there =
      fd < 0 ? absl::StatusOr<Manifest>(SystemError(failed, "open it")) : ReadManifest(place);
  if (there.ok() && there->quarantine_id == manifest.quarantine_id) return fd;
  if (fd >= 0) close(fd);
  return Error(absl::StatusCode::kFailedPrecondition, "QUARANTINE_AWAY",
               absl::StrCat("quarantine ", manifest.quarantine_id, " was moved to ", place,
                            ", and it is not there now (",
                            there.ok() ? "another one is" : there.status().message(),
                            "); nothing was touched, mount its volume and repeat"));
}

}  // namespace mailquench::agent
