#include "agent/mail/exchange/isolation_probe.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/envelope.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/fault/fault_point.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kProbePosted, "exchange.isolation.probe_posted");
MQ_DEFINE_FAULT_POINT(kTried, "exchange.isolation.probe_tried");

constexpr char kName[] = "mailquench-probe-";
constexpr char kRecipient[] = "probe@mailquench.invalid";

absl::Status NotProvenSince(const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, "ISOLATION_NOT_PROVEN",
               absl::StrCat("that this host is cut off is not proven, since ", why,
                            "; the isolation was ended and nothing was released"));
}

absl::StatusOr<std::string> TextOf(const std::string& id) {
  return WithEnvelope(
      "", {kRecipient},
      absl::StrCat(
          "From: <", kRecipient, ">\r\nTo: <", kRecipient,
          ">\r\nSubject: Mailquench probe\r\nMessage-ID: <", kName, id,
          "@mailquench.invalid>\r\nDate: ",
          absl::FormatTime("%a, %d %b %E4Y %H:%M:%S +0000", absl::Now(), absl::UTCTimeZone()),
          "\r\n\r\nThis host is cut off. This message must not leave it.\r\n"));
}

// Its row, and that of its queue where it has one.
using Seen = std::pair<std::optional<MessageRow>, std::optional<QueueRow>>;
absl::StatusOr<Seen> Look(Shell& shell, const std::string& server, const CallContext& context) {
  Seen seen;
  MQ_RETURN_IF_ERROR(ReadMessages(shell, server, "", context, [&](const MessageRow& row) {
    if (IsProbe(row)) seen.first = row;
    return absl::OkStatus();
  }));
  if (!seen.first.has_value()) return seen;
  MQ_ASSIGN_OR_RETURN(const std::vector<QueueRow> queues, ReadQueues(shell, server, context));
  for (const QueueRow& one : queues) {
    if (absl::StartsWithIgnoreCase(seen.first->identity, one.identity + "\\")) seen.second = one;
  }
  return seen;
}

bool WasTried(const Seen& seen) {
  return seen.first.has_value() && !IsInSubmission(seen.first->identity) &&
         seen.second.has_value() && seen.second->status == "Retry" &&
         !seen.second->last_error.empty();
}

// Until it is queued and was tried.
absl::StatusOr<Seen> WaitForTry(Shell& shell,
                                const std::string& server,
                                const ProbeOptions& options,
                                bool was_seen,
                                const CallContext& context) {
  const absl::Time until = absl::Now() + options.wait;
  for (;;) {
    MQ_RETURN_IF_ERROR(CheckTime(context));
    MQ_ASSIGN_OR_RETURN(Seen seen, Look(shell, server, context));
    if (WasTried(seen)) return seen;
    if (was_seen && !seen.first.has_value()) return NotProvenSince("the probe left its queue");
    was_seen |= seen.first.has_value();
    if (absl::Now() >= until)
      return NotProvenSince(was_seen
                                ? "the probe was not seen to be tried in vain"
                                : "the probe was not seen in any queue (it left, or was refused)");
    absl::SleepFor(options.poll);
  }
}

// Dialogue() takes numbers alone.
std::vector<std::string> Addresses(const std::string& target) {
  const std::size_t colon = target.rfind(':');
  const std::string host = target.substr(0, colon), port = target.substr(colon + 1);
  if (absl::StartsWith(host, "[")) return {target};
  os::StartSockets();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  std::vector<std::string> out;
  for (const addrinfo* one = found; one != nullptr && out.size() < 8; one = one->ai_next) {
    char name[128];
    if (getnameinfo(one->ai_addr, static_cast<socklen_t>(one->ai_addrlen), name, sizeof(name),
                    nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    out.push_back(one->ai_family == AF_INET6 ? absl::StrCat("[", name, "]:", port)
                                             : absl::StrCat(name, ":", port));
  }
  freeaddrinfo(found);
  return out;
}

bool AnyAnswers(const std::vector<std::string>& smart_hosts) {
  for (const std::string& host : smart_hosts) {
    for (const std::string& address : Addresses(host)) {
      const auto said = Dialogue(address, DialogueRequest());
      if (said.ok() && said->answered) return true;
    }
  }
  return false;
}

void TakeBack(const std::string& replay, const std::string& stem) {
  for (const char* extension : {".eml", ".tmp", ".bad", ".mailquench"})
    RemoveFile(JoinPath(replay, stem + extension)).IgnoreError();
}
}  // namespace

bool IsProbe(const MessageRow& row) {
  return absl::StrContains(row.message_id, kName) &&
         absl::StrContains(row.message_id, "@mailquench.invalid");
}

absl::Status ProveIsolation(Shell& shell,
                            const std::string& server,
                            const std::string& replay,
                            const std::vector<std::string>& smart_hosts,
                            const std::string& id,
                            const ProbeOptions& options,
                            const CallContext& context) {
  const std::string stem = kName + id;
  MQ_ASSIGN_OR_RETURN(const std::string text, TextOf(id));
  MQ_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(replay, stem + ".mailquench"), text, 0640));
  MQ_RETURN_IF_ERROR(
      MoveEntry(JoinPath(replay, stem + ".mailquench"), JoinPath(replay, stem + ".eml")));
  MQ_FAULT_POINT(kProbePosted);
  absl::Status proven = [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(Seen seen, WaitForTry(shell, server, options, false, context));
    MQ_FAULT_POINT(kTried);
    // Not only the one try that failed before the rules were felt, or by chance.
    const Cmdlet retry{"Retry-Queue", {{"Identity", seen.second->identity}, {"Confirm", false}}};
    MQ_RETURN_IF_ERROR(
        shell.Run({{retry}, {}, false}, std::min(context.deadline, absl::Now() + options.wait))
            .status());
    const absl::Time until = absl::Now() + options.hold;
    do {
      MQ_RETURN_IF_ERROR(CheckTime(context));
      absl::SleepFor(options.poll);
      MQ_ASSIGN_OR_RETURN(seen, Look(shell, server, context));
      if (!seen.first.has_value()) return NotProvenSince("the probe left its queue");
    } while (absl::Now() < until);
    MQ_RETURN_IF_ERROR(WaitForTry(shell, server, options, true, context).status());
    if (!AnyAnswers(smart_hosts))
      return NotProvenSince(
          "no smart host answers this host at all: the probe would not have left without the "
          "firewall either");
    const Cmdlet remove{
        "Remove-Message",
        {{"Identity", seen.first->identity}, {"WithNDR", false}, {"Confirm", false}}};
    // It goes with its database in any case.
    shell.Run({{remove}, {}, false}, std::min(context.deadline, absl::Now() + options.wait))
        .IgnoreError();
    return absl::OkStatus();
  }();
  TakeBack(replay, stem);
  return proven;
}

}  // namespace mailquench::agent::exchange
