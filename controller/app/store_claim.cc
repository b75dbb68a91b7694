#include "controller/app/store_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::controller {

absl::StatusOr<std::unique_ptr<StoreClaim>> StoreClaim::Take(const std::string& store) {
  const std::string path = absl::StrCat(store, ".lock");
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  std::unique_ptr<StoreClaim> claim(new StoreClaim(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return claim;
  return Error(absl::StatusCode::kFailedPrecondition, "STORE_IN_USE",
               absl::StrCat("another controller works on the store ", store,
                            "; nothing was started; end that one first"));
}

StoreClaim::~StoreClaim() {
  close(fd_);
}

}  // namespace mailquench::controller
