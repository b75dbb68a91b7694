#include "controller/notify/channel.h"

#include <exception>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/notify/kinds.h"

namespace mailquench::controller {

namespace {

Outcome DeliverByKind(const ChannelConfig& channel,
                      const v1::Notice& notice,
                      const Attempt& attempt) {
  switch (channel.kind) {
    case ChannelKind::kWebhook:
      return DeliverByWebhook(channel, notice, attempt);
    case ChannelKind::kSmtp:
      return DeliverByMail(channel, notice, attempt);
    case ChannelKind::kSyslog:
      return DeliverToSyslog(channel, notice, attempt);
  }
  return Outcome::Refused("no such kind of channel");
}

}  // namespace

Outcome Deliver(const ChannelConfig& channel, const v1::Notice& notice, const Attempt& attempt) {
  try {
    return DeliverByKind(channel, notice, attempt);
  } catch (const std::exception& failure) {
    return Outcome::Retry(
        absl::StrCat("the delivery failed within the controller: ", failure.what()));
  } catch (...) {
    return Outcome::Retry("the delivery failed within the controller");
  }
}

bool Wants(const ChannelConfig& channel, const v1::Notice& notice) {
  return (channel.kinds.empty() || channel.kinds.count(notice.kind()) > 0) &&
         SeverityRank(notice.severity()) >= SeverityRank(channel.severity);
}

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  const auto text = identity::ReadFile(path);
  if (!text.ok()) return Prepend(text.status(), "a secret cannot be read; nothing was sent");
  const std::string secret(absl::StripTrailingAsciiWhitespace(*text));
  if (secret.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "EMPTY_SECRET",
                 absl::StrCat("the file ", path, " holds no secret; nothing was sent"));
  return secret;
}

}  // namespace mailquench::controller
