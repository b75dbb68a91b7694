#include "controller/escalation/alerts.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/escalation/alert_forms.h"

namespace mailquench::controller {
namespace {

using Texts = google::protobuf::Map<std::string, std::string>;

// No two lists of texts become one: each has its length before it.
std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) absl::StrAppend(&all, text.size(), ":", text);
  return all;
}

// The beginning of a text that is too long, which ends with a character.
std::string Cut(std::string text) {
  if (text.size() <= kMaxText) return text;
  static constexpr char kMore[] = "...";
  text.resize(kMaxText - (sizeof kMore - 1));
  text.resize(text.size() - CutAtEnd(text));
  return text + kMore;
}

absl::Status CheckNames(const Texts& texts, const std::string& what) {
  if (texts.size() > kMaxLabels) {
    return BadAlerts(what, absl::StrCat("there are more than ", kMaxLabels));
  }
  for (const auto& [name, value] : texts) {
    if (name.empty() || name.size() > 256 || Harmless(name) != name) {
      return BadAlerts(what, "a name is empty, longer than 256 bytes, or has control characters");
    }
  }
  return absl::OkStatus();
}

// Labels say what it is: none of them is cut, since what was cut might become another's.
absl::Status CleanLabels(Texts* labels) {
  if (labels->empty()) return BadAlerts("labels", "there are none");
  MQ_RETURN_IF_ERROR(CheckNames(*labels, "labels"));
  for (auto& [name, value] : *labels) {
    if (value.size() > kMaxText) {
      return BadAlerts(absl::StrCat("labels.", name),
                       absl::StrCat("the text is longer than ", kMaxText, " bytes"));
    }
    value = Harmless(value);
  }
  return absl::OkStatus();
}

// Annotations are told to people: better the beginning of one than no alert.
absl::Status CleanAnnotations(Texts* annotations) {
  MQ_RETURN_IF_ERROR(CheckNames(*annotations, "annotations"));
  for (auto& [name, value] : *annotations) value = Cut(HarmlessLines(value));
  return absl::OkStatus();
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  out->set_seconds(seconds);
  out->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

// The years 1 to 9999, as timestamp.proto has them.
absl::Status CheckTime(const google::protobuf::Timestamp& time, const std::string& where) {
  if (time.seconds() < -62135596800 || time.seconds() > 253402300799 || time.nanos() < 0 ||
      time.nanos() > 999999999) {
    return BadAlerts(where, "this is no time");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::AlertStatus> StatusOf(const std::string& text, const std::string& where) {
  if (text == "firing") return v1::ALERT_STATUS_FIRING;
  if (text == "resolved") return v1::ALERT_STATUS_RESOLVED;
  return BadAlerts(where, "'firing' or 'resolved' is wanted");
}

absl::StatusOr<std::vector<v1::Alert>> ReadEach(const nlohmann::json& array,
                                                const std::string& name,
                                                const ReadOne& read) {
  if (array.size() > kMaxAlerts) {
    return BadAlerts(name, absl::StrCat("there are ", array.size(), " alerts, and ", kMaxAlerts,
                                        " are the most that one document may have"));
  }
  std::vector<v1::Alert> alerts;
  alerts.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(const JsonObject object,
                        JsonObject::Of(array[i], absl::StrCat(name, "[", i, "]")));
    v1::Alert alert;
    MQ_ASSIGN_OR_RETURN(const bool made, read(object, &alert));
    if (made) alerts.push_back(std::move(alert));
  }
  return alerts;
}

std::string FingerprintOf(const std::vector<std::string>& texts) {
  return identity::Sha256Hex(Joined(texts)).substr(0, 32);
}

absl::StatusOr<std::vector<v1::Alert>> ReadAlerts(v1::SourceKind kind,
                                                  const std::string& source,
                                                  const std::string& document,
                                                  absl::Time now) {
  switch (kind) {
    case v1::SOURCE_KIND_ALERTMANAGER:
      return ReadAlertmanager(source, document, now);
    case v1::SOURCE_KIND_NAGIOS:
      return ReadNagios(source, document, now);
    case v1::SOURCE_KIND_GENERIC:
      return ReadGeneric(source, document, now);
    default:
      return BadAlerts("", "a source of this kind sends no alerts");
  }
}

absl::Status Complete(const std::string& source, absl::Time now, v1::Alert* alert) {
  if (alert->status() != v1::ALERT_STATUS_FIRING && alert->status() != v1::ALERT_STATUS_RESOLVED) {
    return BadAlerts("status", "'firing' or 'resolved' is wanted");
  }
  MQ_RETURN_IF_ERROR(CleanLabels(alert->mutable_labels()));
  MQ_RETURN_IF_ERROR(CleanAnnotations(alert->mutable_annotations()));
  alert->set_source(source);
  alert->set_receiver(Cut(Harmless(alert->receiver())));
  alert->set_generator_url(Cut(Harmless(alert->generator_url())));
  alert->set_alertmanager_url(Cut(Harmless(alert->alertmanager_url())));
  if (alert->group_key().size() > kMaxText) {  // Alertmanager makes it of labels: it may be long.
    alert->set_group_key(FingerprintOf({alert->group_key()}));
  }
  alert->set_group_key(Harmless(alert->group_key()));
  if (alert->fingerprint().size() > 256) {
    return BadAlerts("fingerprint", "the text is longer than 256 bytes");
  }
  alert->set_fingerprint(Harmless(alert->fingerprint()));
  if (alert->fingerprint().empty()) {
    std::vector<std::string> texts;
    const std::map<std::string, std::string> sorted(alert->labels().begin(), alert->labels().end());
    for (const auto& [name, value] : sorted) texts.insert(texts.end(), {name, value});
    alert->set_fingerprint(FingerprintOf(texts));
  }

  alert->set_start_assumed(!alert->has_start_time());
  if (alert->start_assumed()) SetTime(now, alert->mutable_start_time());
  MQ_RETURN_IF_ERROR(CheckTime(alert->start_time(), "start"));
  if (alert->status() == v1::ALERT_STATUS_FIRING) {
    alert->clear_end_time();  // It may be one that is only expected.
  } else if (!alert->has_end_time()) {
    SetTime(now, alert->mutable_end_time());
  } else {
    MQ_RETURN_IF_ERROR(CheckTime(alert->end_time(), "end"));
  }
  SetTime(now, alert->mutable_receive_time());
  if (alert->truncated() < 0) alert->set_truncated(0);
  alert->set_alert_key(identity::Sha256Hex(
      Joined({source, alert->receiver(), alert->group_key(), alert->fingerprint(),
              absl::StrCat(alert->start_time().seconds(), ".", alert->start_time().nanos())})));
  return absl::OkStatus();
}

std::string EventKey(const v1::Alert& alert) {
  return absl::StrCat(alert.alert_key(),
                      alert.status() == v1::ALERT_STATUS_RESOLVED ? "/resolved" : "/firing");
}

bool Ends(const v1::Alert& resolved, const v1::Alert& firing) {
  if (resolved.status() != v1::ALERT_STATUS_RESOLVED ||
      firing.status() != v1::ALERT_STATUS_FIRING) {
    return false;
  }
  if (resolved.alert_key() == firing.alert_key()) return true;
  return resolved.source() == firing.source() && resolved.fingerprint() == firing.fingerprint() &&
         std::make_pair(firing.start_time().seconds(), firing.start_time().nanos()) <=
             std::make_pair(resolved.end_time().seconds(), resolved.end_time().nanos());
}

}  // namespace mailquench::controller
