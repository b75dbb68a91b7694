// What deploy/icinga/mailquench-notify sends of the macros of Nagios and Icinga
// (assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/macrolist.html), as a form or as
// JSON.
#include <cstdint>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/alert_forms.h"
#include "controller/escalation/alerts.h"

namespace mailquench::controller {
namespace {

// Fields of the form: host, service, state, state_type, output, address, start.
using Fields = std::map<std::string, std::string>;

struct State {
  v1::AlertStatus status;
  const char* severity;
};
// The states of services, then those of hosts.
const std::map<std::string, State>& States() {
  static const std::map<std::string, State> kStates = {
      {"OK", {v1::ALERT_STATUS_RESOLVED, ""}},
      {"WARNING", {v1::ALERT_STATUS_FIRING, "warning"}},
      {"CRITICAL", {v1::ALERT_STATUS_FIRING, "critical"}},
      {"UNKNOWN", {v1::ALERT_STATUS_FIRING, "unknown"}},
      {"UP", {v1::ALERT_STATUS_RESOLVED, ""}},
      {"DOWN", {v1::ALERT_STATUS_FIRING, "critical"}},
      {"UNREACHABLE", {v1::ALERT_STATUS_FIRING, "unknown"}},
  };
  return kStates;
}

// LASTSTATECHANGE: seconds since 1970, 0 where there was none.
absl::Status ReadStart(const std::string& text, const std::string& where, v1::Alert* alert) {
  std::int64_t seconds = 0;
  if (text.empty()) return absl::OkStatus();
  if (!absl::SimpleAtoi(text, &seconds) || seconds < 0 || seconds > 253402300799) {
    return BadAlerts(where, "seconds since 1970 are wanted, as LASTSTATECHANGE has them");
  }
  if (seconds > 0) alert->mutable_start_time()->set_seconds(seconds);
  return absl::OkStatus();
}

// False: a SOFT state, which Nagios still makes sure of.
absl::StatusOr<bool> Make(Fields fields, const std::string& at, v1::Alert* alert) {
  const auto where = [&at](const char* name) {
    return at.empty() ? name : absl::StrCat(at, ".", name);
  };
  if (fields["host"].empty()) return BadAlerts(where("host"), "it is empty or not there");
  const auto state = States().find(absl::AsciiStrToUpper(fields["state"]));
  if (state == States().end()) {
    return BadAlerts(where("state"),
                     "OK, WARNING, CRITICAL, UNKNOWN, UP, DOWN or UNREACHABLE is wanted");
  }
  const std::string type = absl::AsciiStrToUpper(fields["state_type"]);
  if (type != "" && type != "HARD" && type != "SOFT") {
    return BadAlerts(where("state_type"), "HARD or SOFT is wanted");
  }
  MQ_RETURN_IF_ERROR(ReadStart(fields["start"], where("start"), alert));
  if (type == "SOFT") return false;

  alert->set_status(state->second.status);
  if (state->second.status == v1::ALERT_STATUS_RESOLVED && alert->has_start_time()) {
    *alert->mutable_end_time() = alert->start_time();
  }
  auto& labels = *alert->mutable_labels();
  labels["alertname"] = fields["service"].empty() ? "host" : fields["service"];
  labels["host"] = fields["host"];
  for (const char* name : {"service", "address"}) {
    if (!fields[name].empty()) labels[name] = fields[name];
  }
  if (*state->second.severity != '\0') labels["severity"] = state->second.severity;
  auto& annotations = *alert->mutable_annotations();
  annotations["state"] = state->first;
  if (!fields["output"].empty()) annotations["summary"] = fields["output"];
  // Without what changes while it is the same trouble.
  alert->set_fingerprint(FingerprintOf({fields["host"], fields["service"]}));
  return true;
}

int Hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

absl::StatusOr<std::string> Decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? Hex(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? Hex(text[i + 2]) : -1;
    if (high < 0 || low < 0) return BadAlerts("", "a '%' is followed by no two hex digits");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// application/x-www-form-urlencoded.
absl::StatusOr<Fields> ReadForm(const std::string& document) {
  Fields fields;
  for (std::size_t at = 0; at < document.size();) {
    const std::size_t end = std::min(document.find('&', at), document.size());
    const std::string pair = document.substr(at, end - at);
    at = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) return BadAlerts("", "a field has no '='");
    MQ_ASSIGN_OR_RETURN(const std::string name, Decoded(pair.substr(0, equals)));
    MQ_ASSIGN_OR_RETURN(const std::string value, Decoded(pair.substr(equals + 1)));
    if (!fields.emplace(name, value).second) return BadAlerts("", "a field is there twice");
    if (fields.size() > kMaxLabels) return BadAlerts("", "it has too many fields");
  }
  return fields;
}

absl::StatusOr<bool> MakeOfJson(const JsonObject& object,
                                const std::string& source,
                                absl::Time now,
                                v1::Alert* alert) {
  Fields fields;
  for (const char* name : {"host", "service", "state", "state_type", "output", "address"}) {
    MQ_RETURN_IF_ERROR(object.Text(name, &fields[name]));
  }
  if (object.IsNumber("start")) {
    std::int64_t seconds = 0;
    MQ_RETURN_IF_ERROR(object.Count("start", &seconds));
    fields["start"] = absl::StrCat(seconds);
  } else {
    MQ_RETURN_IF_ERROR(object.Text("start", &fields["start"]));
  }
  MQ_ASSIGN_OR_RETURN(const bool made, Make(std::move(fields), object.where(), alert));
  if (made) MQ_RETURN_IF_ERROR(object.At(Complete(source, now, alert)));
  return made;
}

}  // namespace

absl::StatusOr<std::vector<v1::Alert>> ReadNagios(const std::string& source,
                                                  const std::string& document,
                                                  absl::Time now) {
  const std::size_t begin = document.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return BadAlerts("", "it is empty");
  std::vector<v1::Alert> alerts;
  v1::Alert alert;
  if (document[begin] != '{' && document[begin] != '[') {
    MQ_ASSIGN_OR_RETURN(Fields fields, ReadForm(document));
    MQ_ASSIGN_OR_RETURN(const bool made, Make(std::move(fields), "", &alert));
    if (!made) return alerts;
    MQ_RETURN_IF_ERROR(Complete(source, now, &alert));
    alerts.push_back(std::move(alert));
    return alerts;
  }
  MQ_ASSIGN_OR_RETURN(const nlohmann::json root, ParseJson(document));
  if (root.is_array()) {
    return ReadEach(root, "", [&](const JsonObject& one, v1::Alert* made) {
      return MakeOfJson(one, source, now, made);
    });
  }
  MQ_ASSIGN_OR_RETURN(const JsonObject object, JsonObject::Of(root, ""));
  MQ_ASSIGN_OR_RETURN(const bool made, MakeOfJson(object, source, now, &alert));
  if (made) alerts.push_back(std::move(alert));
  return alerts;
}

}  // namespace mailquench::controller
