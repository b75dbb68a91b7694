#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/application.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/listeners.h"
#include "agent/mail/exchange/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr absl::Duration kTimeToPutBack = absl::Minutes(5);

bool TouchesConnectors(const SettingsChange& change) {
  return std::any_of(
      change.files.begin(), change.files.end(),
      [](const SettingsChange::File& file) { return absl::StartsWith(file.path, "connector:"); });
}

std::vector<std::string> Own(const SettingsOptions& options) {
  return options.own_addresses == nullptr ? std::vector<std::string>() : options.own_addresses();
}
}  // namespace

ExchangeSettings::ExchangeSettings(Shell& shell, SettingsOptions options)
    : shell_(shell), options_(std::move(options)) {}

absl::Status ExchangeSettings::Apply(const SettingsChange& change,
                                     const CallContext& context) const {
  if (change.files.empty()) return absl::OkStatus();
  Directory directory(shell_, options_, context.deadline);
  // What a change costs to put back must not depend on how late it failed.
  Application application(directory, [this, &context] {
    return Directory(shell_, options_, std::max(context.deadline, absl::Now() + kTimeToPutBack));
  });
  if (!TouchesConnectors(change)) return application.Run(change, [] { return absl::OkStatus(); });
  ListenerCheck check(change.verify_closed, options_.listener_wait, context.deadline);
  MQ_ASSIGN_OR_RETURN(const std::vector<Connector> before, directory.Connectors());
  MQ_RETURN_IF_ERROR(check.Before(before, Own(options_)));
  return application.Run(change, [&]() -> absl::Status {
    directory.Forget();
    MQ_ASSIGN_OR_RETURN(const std::vector<Connector> after, directory.Connectors());
    return check.After(after, Own(options_));
  });
}

absl::StatusOr<std::vector<std::string>> ExchangeSettings::Listeners() const {
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  MQ_ASSIGN_OR_RETURN(const std::vector<Connector> all, directory.Connectors());
  return TargetsOf(all, Own(options_));
}

}  // namespace mailquench::agent::exchange
