// Our own form, docs/escalation.md "A plain script".
#include "common/status/error.h"
#include "controller/escalation/alert_forms.h"
#include "controller/escalation/alerts.h"

namespace mailquench::controller {
namespace {

absl::Status ReadAlert(const JsonObject& object, v1::Alert* alert) {
  alert->set_status(v1::ALERT_STATUS_FIRING);
  if (object.Has("status")) {
    std::string status;
    MQ_RETURN_IF_ERROR(object.Text("status", &status));
    MQ_ASSIGN_OR_RETURN(const v1::AlertStatus value, StatusOf(status, object.Where("status")));
    alert->set_status(value);
  }
  MQ_RETURN_IF_ERROR(object.Texts("labels", alert->mutable_labels()));
  MQ_RETURN_IF_ERROR(object.Texts("annotations", alert->mutable_annotations()));
  MQ_RETURN_IF_ERROR(object.Text("fingerprint", alert->mutable_fingerprint()));
  bool set = false;
  MQ_RETURN_IF_ERROR(object.Time("start", alert->mutable_start_time(), &set));
  if (!set) alert->clear_start_time();
  MQ_RETURN_IF_ERROR(object.Time("end", alert->mutable_end_time(), &set));
  if (!set) alert->clear_end_time();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<v1::Alert>> ReadGeneric(const std::string& source,
                                                   const std::string& document,
                                                   absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const nlohmann::json root, ParseJson(document));
  MQ_ASSIGN_OR_RETURN(const JsonObject object, JsonObject::Of(root, ""));
  const auto read = [&](const JsonObject& one, v1::Alert* alert) -> absl::StatusOr<bool> {
    MQ_RETURN_IF_ERROR(ReadAlert(one, alert));
    MQ_RETURN_IF_ERROR(one.At(Complete(source, now, alert)));
    return true;
  };
  MQ_ASSIGN_OR_RETURN(const nlohmann::json* const alerts, object.Array("alerts"));
  if (alerts != nullptr) return ReadEach(*alerts, "alerts", read);
  v1::Alert alert;
  MQ_RETURN_IF_ERROR(read(object, &alert).status());
  return std::vector<v1::Alert>{std::move(alert)};
}

}  // namespace mailquench::controller
