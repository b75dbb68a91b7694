// What the control port is asked for.
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {
namespace {

Json Failure(const absl::Status& status) {
  return {{"ok", false}, {"error", std::string(status.message())}};
}

Json Outcome(const absl::Status& status) {
  return status.ok() ? Json{{"ok", true}} : Failure(status);
}

}  // namespace

// From a mailbox: past the receive connectors, not past back pressure.
Json Transport::Submit(const Json& request) {
  if (PressureNow() == Pressure::kHigh)
    return {{"ok", false}, {"error", "452 4.3.1 Insufficient system resources"}};
  Item item;
  item.sender = TextIn(request, "from");
  for (const Json& one : ListIn(request, "to")) item.recipients.push_back(one.get<std::string>());
  if (item.recipients.empty()) return {{"ok", false}, {"error", "no recipients"}};
  item.source = "MailboxTransportSubmission";
  item.client_ip = "127.0.0.1";
  const std::string eml = TextIn(request, "eml");
  const std::string decoded = Unbase64(eml);
  item.content = std::make_shared<std::string>(decoded.empty() ? eml : decoded);
  return Outcome(Accept(std::move(item), "STOREDRIVER"));
}

Json Transport::Remove(const Json& request) {
  const auto removed = store_->RemoveMessage(TextIn(request, "message"));
  if (!removed.ok()) return Failure(removed.status());
  for (const Item& one : *removed) {
    if (one.place.kind == Kind::kShadow) continue;
    const std::string why =
        "550 5.0.0 QUEUE.RemoveMessage; Message was removed by an administrator";
    if (BoolIn(request, "ndr", true)) ReturnToSender(one, why);
    tracking_.Write(*SettingsNow(), "ADMIN", "FAIL", one, why);
  }
  return {{"ok", true}, {"removed", removed->size()}};
}

Json Transport::Answer(const Json& request) {
  const std::string what = TextIn(request, "do");
  const std::string queue = TextIn(request, "queue");
  const std::string message = TextIn(request, "message");
  if (what == "queues") return {{"ok", true}, {"queues", store_->QueueRows()}};
  if (what == "messages") return {{"ok", true}, {"messages", store_->MessageRows()}};
  if (what == "suspend-queue" || what == "resume-queue")
    return Outcome(store_->SuspendQueue(queue, what == "suspend-queue"));
  if (what == "retry-queue")
    return Outcome(store_->RetryQueue(queue, BoolIn(request, "resubmit", false)));
  if (what == "suspend-message" || what == "resume-message")
    return Outcome(store_->SuspendMessage(message, what == "suspend-message"));
  if (what == "remove-message") return Remove(request);
  if (what == "export-message") {
    const auto content = store_->ExportMessage(message);
    if (!content.ok()) return Failure(content.status());
    return {{"ok", true}, {"eml", Base64(*content)}};
  }
  if (what == "submit") return Submit(request);
  if (what == "database") return {{"ok", true}, {"id", store_->database_id()}};
  if (what == "shadow") return TakeShadow(request);
  if (what == "discard") return TellDelivered(request);
  return {{"ok", false}, {"error", absl::StrCat("unknown request: ", what)}};
}

}  // namespace mailquench::simulation::exchange
