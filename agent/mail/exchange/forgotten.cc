// What a call that was cut short has left on the host: a hold on Managed Availability, an
// isolation.
#include <spdlog/spdlog.h>

#include <mutex>
#include <string>

#include "absl/time/clock.h"
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/interruptible.h"
#include "agent/os/lock.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

// Where somebody changes the host now, in this process or in another one (a break-glass stop), it
// is his.
void ExchangeMailSystem::LiftForgotten() {
  if (!service_.IsHeld() && isolation_.WhyCutOff().empty()) return;
  if (Interruptible::IsOver()) return;  // Not begun by an observer that ends.
  const Interruptible::Not whole;
  const std::unique_lock<std::mutex> here(changing_, std::try_to_lock);
  if (!here.owns_lock()) return;
  const auto host =
      FileLock::Acquire(JoinPath(options_.state_directory, kChangesLock), absl::ZeroDuration());
  if (!host.ok()) return;
  CallContext context;
  context.deadline = absl::Now() + options_.isolation.undo_wait;
  // Nobody asked for it, so the log is where it is told.
  context.progress = [](const std::string& text) { spdlog::warn("{}", text); };
  const absl::Status ended = EndIsolation(true, context);  // Status, too, says that it is not.
  if (!ended.ok()) spdlog::error("{}", std::string(ended.message()));
  service_.LiftForgotten();
}

void ExchangeMailSystem::LiftForgottenNowAndThen() {
  if (!service_.IsHeld() && isolation_.WhyCutOff().empty()) return;
  {
    const std::lock_guard<std::mutex> lock(look_lock_);
    if (absl::Now() - looked_ < options_.lift_every) return;
    looked_ = absl::Now();
  }
  LiftForgotten();
}

absl::Status ExchangeMailSystem::EndIsolation(bool start, const CallContext& context) {
  if (isolation_.WhyCutOff().empty()) return absl::OkStatus();
  context.progress(isolation_.WhyCutOff());
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  bool stopped = false;
  MQ_RETURN_IF_ERROR(isolation_.Undo(paths, context, &stopped));
  return start && stopped ? service_.Start(context) : absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
