#include "agent/operations/turn.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kSayEvery = absl::Milliseconds(250);
constexpr absl::Duration kForgottenAfter = absl::Seconds(3);
}  // namespace

bool IsUrgent(const v1::Operation& operation) {
  switch (operation.kind_case()) {
    case v1::Operation::kContain:
    case v1::Operation::kServiceStop:
    case v1::Operation::kQueueQuarantine:
    case v1::Operation::kRelayLock:
    case v1::Operation::kNdrSilence:
    case v1::Operation::kShadowSuspend:
    case v1::Operation::kSenderBlock:
      return true;
    default:
      return false;
  }
}

bool MakesWay(const v1::Operation& operation) {
  switch (operation.kind_case()) {
    case v1::Operation::kQuarantineMove:
    case v1::Operation::kQuarantineRelease:
    case v1::Operation::kQuarantineDiscard:
    case v1::Operation::kDelistFetch:
    case v1::Operation::kAntivirusScan:
    case v1::Operation::kAntivirusUpdate:
      return true;
    default:
      return false;
  }
}

Turn::Turn(const std::string& state_dir)
    : lock_(absl::StrCat(state_dir, "/", kChangesLock)),
      waiting_(absl::StrCat(state_dir, "/changes.waiting")) {}

absl::StatusOr<std::unique_ptr<FileLock>> Turn::Take(
    bool urgent, absl::Duration wait, const std::function<absl::Status()>& still_wanted) const {
  absl::Time said = absl::InfinitePast();
  auto lock = FileLock::Acquire(lock_, wait, [&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(still_wanted());
    if (!urgent || absl::Now() - said < kSayEvery) return absl::OkStatus();
    said = absl::Now();
    const absl::Status touched = TouchFile(waiting_);
    // On a full disk the other change does not hear of it, and this one waits as before.
    if (!touched.ok()) spdlog::warn("waiting unheard: {}", touched.ToString());
    return absl::OkStatus();
  });
  if (said != absl::InfinitePast()) {
    const absl::Status removed = RemoveFile(waiting_);
    if (!removed.ok()) spdlog::warn("{}", removed.ToString());
  }
  return lock;
}

bool Turn::Wanted() const {
  const auto said = ModificationTime(waiting_);
  return said.ok() && absl::AbsDuration(absl::Now() - *said) < kForgottenAfter;
}

}  // namespace mailquench::agent
