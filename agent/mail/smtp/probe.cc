#include "agent/mail/smtp/probe.h"

#include <algorithm>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/host.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// Whether the target is this host, by any of its addresses.
bool IsHere(const std::string& target, const std::vector<std::string>& own) {
  if (absl::StartsWith(target, "127.") || absl::StartsWith(target, "[::1]")) return true;
  const std::string host = target.substr(0, target.rfind(':'));
  return std::any_of(own.begin(), own.end(), [&](const std::string& address) {
    return host == address || host == "[" + address + "]";
  });
}
}  // namespace

absl::StatusOr<DialogueRequest> ProbeDialogue(const v1::RelayProbe& request) {
  DialogueRequest dialogue;
  if (!request.sender().empty()) dialogue.sender = request.sender();
  if (!request.recipient().empty()) dialogue.recipient = request.recipient();
  if (request.has_timeout()) {
    dialogue.timeout =
        absl::Seconds(request.timeout().seconds()) + absl::Nanoseconds(request.timeout().nanos());
  }
  if (dialogue.timeout <= absl::ZeroDuration() || dialogue.timeout > absl::Minutes(5)) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_TIMEOUT",
                 absl::StrCat("a probe's timeout is more than 0 s and at most 5 min, not ",
                              absl::FormatDuration(dialogue.timeout), "; nobody was asked"));
  }
  return dialogue;
}

// Whether any account at all is let in to relay. The name and the password are new each time, so
// that they can be nobody's.
absl::Status AskWithBogusAccount(const std::string& target,
                                 DialogueRequest dialogue,
                                 v1::ListenerProbe& probe) {
  std::random_device random;
  const auto word = [&] { return absl::StrCat(absl::Hex(random()), absl::Hex(random())); };
  dialogue.account = absl::StrCat("mailquench-probe-", word());
  dialogue.password = word();
  MQ_ASSIGN_OR_RETURN(const DialogueResult result, Dialogue(target, dialogue));
  probe.set_auth_offered(probe.auth_offered() || result.auth_offered);
  probe.set_auth_reply(result.reply);
  if (result.verdict != v1::RELAY_VERDICT_OPEN) return absl::OkStatus();
  probe.set_verdict(v1::RELAY_VERDICT_OPEN);
  probe.set_reply(
      absl::StrCat("relays for an account that does not exist, with any password: ", result.reply));
  return absl::OkStatus();
}

absl::StatusOr<v1::ListenerProbe> ProbeTarget(const std::string& target,
                                              const DialogueRequest& dialogue,
                                              bool with_auth) {
  const absl::Time begin = absl::Now();
  MQ_ASSIGN_OR_RETURN(const DialogueResult result, Dialogue(target, dialogue));
  v1::ListenerProbe probe;
  probe.set_target(target);
  probe.set_verdict(result.verdict);
  probe.set_auth_offered(result.auth_offered);
  probe.set_reply(result.reply);
  probe.set_banner(result.banner);
  // Many servers offer it only inside TLS.
  if (with_auth && result.verdict == v1::RELAY_VERDICT_CLOSED &&
      (result.auth_offered || result.starttls_offered)) {
    DialogueRequest second = dialogue;  // In what the first left of the time.
    second.timeout = std::max(dialogue.timeout - (absl::Now() - begin), absl::Milliseconds(1));
    MQ_RETURN_IF_ERROR(AskWithBogusAccount(target, second, probe));
  }
  return probe;
}

absl::StatusOr<v1::RelayProbeResult> ProbeTargets(const v1::RelayProbe& request,
                                                  const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(DialogueRequest dialogue, ProbeDialogue(request));
  v1::RelayProbeResult result;
  const absl::Duration timeout = dialogue.timeout;
  const std::vector<std::string> own = OwnAddresses();
  for (const std::string& target : request.targets()) {
    dialogue.timeout = std::min(timeout, context.deadline - absl::Now());
    MQ_ASSIGN_OR_RETURN(v1::ListenerProbe probe,
                        ProbeTarget(target, dialogue, !request.skip_auth()));
    probe.set_outside(!IsHere(target, own));
    context.progress(absl::StrCat(target, ": ", probe.reply()));
    *result.add_listeners() = std::move(probe);
  }
  return result;
}

}  // namespace mailquench::agent
