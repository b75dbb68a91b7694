#include "controller/identity/revocation_watch.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/identity/folder.h"

namespace mailquench::controller {
namespace {

bool Same(const struct stat& a, const struct stat& b) {
  const auto equal = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         equal(a.st_mtim, b.st_mtim) && equal(a.st_ctim, b.st_ctim);
}

absl::Status Unreadable(absl::string_view why) {
  return Error(absl::StatusCode::kPermissionDenied, "REVOCATIONS_UNREADABLE",
               absl::StrCat("the controller cannot tell whose certificate is revoked (", why,
                            "); nothing was done, and no operator is let in until the file is "
                            "mended on the controller's machine"));
}

}  // namespace

RevocationWatch::RevocationWatch(std::string dir, Record record)
    : dir_(std::move(dir)), record_(std::move(record)) {}

absl::Status RevocationWatch::Check(const std::string& name,
                                    const std::string& serial,
                                    absl::Time not_before) {
  const std::lock_guard<std::mutex> lock(mu_);
  Look();
  // Under the lock, so that whoever asks for the audit log next finds it there.
  Tell();
  if (!state_.ok()) return state_;
  for (const Revocation& one : all_) {
    if (!one.Covers(name, serial, not_before)) continue;
    return Error(
        absl::StatusCode::kPermissionDenied, "CERTIFICATE_REVOKED",
        absl::StrCat("the certificate ", serial, " of ", name, " was revoked at ", TimeText(one.at),
                     "; nothing was done. Ask who runs the controller for a new one"));
  }
  return absl::OkStatus();
}

void RevocationWatch::Look() {
  const std::string path = RevocationsPath(dir_);
  struct stat now = {};
  // Before it is read: a change in between is seen the next time.
  const int error = ::stat(path.c_str(), &now) == 0 ? 0 : errno;
  if (error == ENOENT && read_.st_ino == 0) {
    state_ = absl::OkStatus();
    return;
  }
  if (error != 0) {
    // Whoever takes the file away must not let the revoked in again by that.
    state_ =
        Unreadable(error == ENOENT ? absl::StrCat(path,
                                                  " was there and is gone; restore it, or make it "
                                                  "anew with no lines")
                                   : SystemError(error, absl::StrCat("stat ", path)).message());
    return;
  }
  if (state_.ok() && Same(now, read_)) return;
  absl::StatusOr<std::vector<Revocation>> all = ReadRevocations(dir_);
  read_ = now;
  if (!all.ok()) {
    state_ = Unreadable(all.status().message());
    return;
  }
  state_ = absl::OkStatus();
  all_ = *std::move(all);
  for (const Revocation& one : all_) {
    const auto in = [&](const std::vector<Revocation>& list) {
      return std::find(list.begin(), list.end(), one) != list.end();
    };
    if (!in(told_) && !in(untold_)) untold_.push_back(one);
  }
}

void RevocationWatch::Tell() {
  while (!untold_.empty() && record_(untold_.front()).ok()) {
    told_.push_back(untold_.front());
    untold_.erase(untold_.begin());
  }
}

}  // namespace mailquench::controller
