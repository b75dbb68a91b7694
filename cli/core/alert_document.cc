#include "cli/core/alert_document.h"

#include <istream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{16} * 1024 * 1024;
constexpr char kSaysTooMuch[] = "The document is larger than 16 MiB; nothing was sent.";

absl::Status BadAlerts(const std::string& where, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ALERTS",
               absl::StrCat(where, ": ", why, "; nothing was sent."));
}

absl::Status ReadTexts(const Json& value,
                       const std::string& where,
                       google::protobuf::Map<std::string, std::string>* out) {
  if (!value.is_object()) return BadAlerts(where, "it has to be an object of texts");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return BadAlerts(absl::StrCat(where, ".", key), "it has to be a text");
    (*out)[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status ReadTime(const Json& value,
                      const std::string& where,
                      google::protobuf::Timestamp* out) {
  absl::Time time;
  std::string why;
  if (!value.is_string() ||
      !absl::ParseTime(absl::RFC3339_full, value.get<std::string>(), &time, &why))
    return BadAlerts(where, "it has to be a time as 2026-01-31T12:00:00Z");
  out->set_seconds(absl::ToUnixSeconds(time));
  out->set_nanos(static_cast<std::int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out->seconds()))));
  return absl::OkStatus();
}

absl::Status ReadField(const std::string& key,
                       const Json& value,
                       const std::string& where,
                       v1::Alert* alert) {
  if (key == "labels") return ReadTexts(value, where, alert->mutable_labels());
  if (key == "annotations") return ReadTexts(value, where, alert->mutable_annotations());
  if (key == "start") return ReadTime(value, where, alert->mutable_start_time());
  if (key == "end") return ReadTime(value, where, alert->mutable_end_time());
  if (key != "status" && key != "fingerprint") {
    return BadAlerts(where, absl::StrCat("there is no such field.",
                                         DidYouMean(key, {"labels", "annotations", "status",
                                                          "fingerprint", "start", "end"})));
  }
  if (!value.is_string()) return BadAlerts(where, "it has to be a text");
  const std::string text = value.get<std::string>();
  if (key == "fingerprint") {
    alert->set_fingerprint(text);
  } else if (text == "firing") {
    alert->set_status(v1::ALERT_STATUS_FIRING);
  } else if (text == "resolved") {
    alert->set_status(v1::ALERT_STATUS_RESOLVED);
  } else {
    return BadAlerts(where, "it is firing or resolved");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Alert> ReadOne(const Json& value, const std::string& where) {
  if (!value.is_object()) return BadAlerts(where, "it has to be an object");
  v1::Alert alert;
  alert.set_status(v1::ALERT_STATUS_FIRING);
  for (const auto& [key, field] : value.items())
    MQ_RETURN_IF_ERROR(ReadField(key, field, absl::StrCat(where, ".", key), &alert));
  if (alert.labels().empty())
    return BadAlerts(where, "it has no labels, so nothing tells it apart");
  return alert;
}

}  // namespace

absl::StatusOr<std::string> ReadDocument(Session* session, const std::string& file) {
  if (file != "-") {
    auto text = os::ReadWhole(file, kMaxBytes);
    return text.ok() ? text : Prepend(text.status(), file);
  }
  std::string text;
  char part[4096];
  while (session->env.in->read(part, sizeof part) || session->env.in->gcount() > 0) {
    text.append(part, static_cast<std::size_t>(session->env.in->gcount()));
    if (text.size() > kMaxBytes)
      return Error(absl::StatusCode::kFailedPrecondition, "FILE_TOO_LARGE", kSaysTooMuch);
  }
  return text;
}

absl::StatusOr<std::vector<v1::Alert>> ReadGenericAlerts(const std::string& document) {
  const Json json = Json::parse(document, nullptr, false);
  if (json.is_discarded()) return BadAlerts("the document", "it is no JSON");
  const bool wrapped = json.is_object() && json.contains("alerts");
  if (wrapped && json.size() > 1)
    return BadAlerts("the document", "it has other fields beside `alerts`");
  std::vector<v1::Alert> alerts;
  if (!wrapped) {
    MQ_ASSIGN_OR_RETURN(v1::Alert alert, ReadOne(json, "the alert"));
    alerts.push_back(std::move(alert));
    return alerts;
  }
  const Json& list = json["alerts"];
  if (!list.is_array()) return BadAlerts("alerts", "it has to be an array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(v1::Alert alert, ReadOne(list[i], absl::StrCat("alerts[", i, "]")));
    alerts.push_back(std::move(alert));
  }
  if (alerts.empty()) return BadAlerts("the document", "it has no alert");
  return alerts;
}

v1::SourceKind GuessKind(const std::string& document) {
  const Json json = Json::parse(document, nullptr, false);
  if (json.is_object() && json.contains("alerts") && json.contains("receiver"))
    return v1::SOURCE_KIND_ALERTMANAGER;
  // The generic form is an alert with labels, or some of them; Nagios has neither.
  if (json.is_object() && !json.contains("alerts") && !json.contains("labels"))
    return v1::SOURCE_KIND_NAGIOS;
  return v1::SOURCE_KIND_GENERIC;
}

absl::Status PutPair(const std::string& pair,
                     const std::string& option,
                     google::protobuf::Map<std::string, std::string>* map) {
  const auto equals = pair.find('=');
  if (equals == std::string::npos || equals == 0)
    return UsageError(absl::StrCat(option, " wants name=value, not '", pair, "'."));
  (*map)[pair.substr(0, equals)] = pair.substr(equals + 1);
  return absl::OkStatus();
}

}  // namespace mailquench::cli
