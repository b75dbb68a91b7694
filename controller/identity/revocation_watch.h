// The revocations as the running controller knows them: read again whenever the file has changed.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_REVOCATION_WATCH_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_REVOCATION_WATCH_H_

#include <sys/stat.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/identity/revocations.h"

namespace mailquench::controller {

// Thread-safe.
class RevocationWatch {
 public:
  // `record` is told of each revocation that this object sees for the first time, and again at the
  // next look where it failed.
  using Record = std::function<absl::Status(const Revocation&)>;
  RevocationWatch(std::string dir, Record record);

  // Whether the certificate is still good. One look at the file's date a call. Errors, all
  // PERMISSION_DENIED: CERTIFICATE_REVOKED; REVOCATIONS_UNREADABLE where the file cannot be read or
  // understood, or was there before and is gone: then nobody is let in.
  absl::Status Check(const std::string& name, const std::string& serial, absl::Time not_before);

 private:
  void Look();
  void Tell();

  const std::string dir_;
  const Record record_;
  std::mutex mu_;
  // Guarded by mu_.
  absl::Status state_;
  struct stat read_ = {};  // Of the file as it was read last; all zero: there was none.
  std::vector<Revocation> all_;
  std::vector<Revocation> untold_;
  std::vector<Revocation> told_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_REVOCATION_WATCH_H_
