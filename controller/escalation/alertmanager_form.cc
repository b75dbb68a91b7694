// Alertmanager's webhook, version 4
// (prometheus.io/docs/alerting/latest/configuration/#webhook_config).
#include "common/status/error.h"
#include "controller/escalation/alert_forms.h"
#include "controller/escalation/alerts.h"

namespace mailquench::controller {
namespace {

// What the message says of all its alerts.
struct Message {
  std::string receiver;
  std::string group_key;
  std::string url;
  std::int64_t truncated = 0;
};

absl::StatusOr<Message> ReadMessage(const JsonObject& object) {
  Message message;
  std::string version;
  MQ_RETURN_IF_ERROR(object.Text("version", &version));
  if (version != "4") {
    return BadAlerts("version", "'4' is wanted, as Alertmanager's webhook has it");
  }
  MQ_RETURN_IF_ERROR(object.Text("receiver", &message.receiver));
  MQ_RETURN_IF_ERROR(object.Text("groupKey", &message.group_key));
  MQ_RETURN_IF_ERROR(object.Text("externalURL", &message.url));
  MQ_RETURN_IF_ERROR(object.Count("truncatedAlerts", &message.truncated));
  return message;
}

absl::Status ReadAlert(const JsonObject& object, const Message& message, v1::Alert* alert) {
  std::string status;
  MQ_RETURN_IF_ERROR(object.Text("status", &status));
  MQ_ASSIGN_OR_RETURN(const v1::AlertStatus value, StatusOf(status, object.Where("status")));
  alert->set_status(value);
  MQ_RETURN_IF_ERROR(object.Texts("labels", alert->mutable_labels()));
  MQ_RETURN_IF_ERROR(object.Texts("annotations", alert->mutable_annotations()));
  MQ_RETURN_IF_ERROR(object.Text("fingerprint", alert->mutable_fingerprint()));
  MQ_RETURN_IF_ERROR(object.Text("generatorURL", alert->mutable_generator_url()));
  bool set = false;
  MQ_RETURN_IF_ERROR(object.Time("startsAt", alert->mutable_start_time(), &set));
  if (!set) alert->clear_start_time();
  MQ_RETURN_IF_ERROR(object.Time("endsAt", alert->mutable_end_time(), &set));
  if (!set) alert->clear_end_time();
  alert->set_receiver(message.receiver);
  alert->set_group_key(message.group_key);
  alert->set_alertmanager_url(message.url);
  alert->set_truncated(message.truncated);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<v1::Alert>> ReadAlertmanager(const std::string& source,
                                                        const std::string& document,
                                                        absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const nlohmann::json root, ParseJson(document));
  MQ_ASSIGN_OR_RETURN(const JsonObject object, JsonObject::Of(root, ""));
  MQ_ASSIGN_OR_RETURN(const Message message, ReadMessage(object));
  MQ_ASSIGN_OR_RETURN(const nlohmann::json* const alerts, object.Array("alerts"));
  if (alerts == nullptr) return BadAlerts("alerts", "there are none");
  return ReadEach(*alerts, "alerts",
                  [&](const JsonObject& one, v1::Alert* alert) -> absl::StatusOr<bool> {
                    MQ_RETURN_IF_ERROR(ReadAlert(one, message, alert));
                    MQ_RETURN_IF_ERROR(one.At(Complete(source, now, alert)));
                    return true;
                  });
}

}  // namespace mailquench::controller
