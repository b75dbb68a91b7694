// Its API is in github.com/prometheus/alertmanager, api/v2/openapi.yaml. Beyond that, as seen with
// 0.25: a silence that is changed in its matchers, its start or after its end gets another id; one
// that is not known answers DELETE with 500 (later versions: 404), and a second DELETE with 200.
#include "controller/alertmanager/alertmanager.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/http/client.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"

namespace mailquench::controller {
namespace {
using nlohmann::json;
constexpr char kApi[] = "/api/v2";
constexpr std::size_t kMostSaid = 200;  // Of a wrong answer, in an error.

absl::Status Wrong(const AlertmanagerConfig& config, const std::string& what) {
  return Error(absl::StatusCode::kInternal, "ALERTMANAGER_ANSWER",
               absl::StrCat("Alertmanager '", config.name, "' ", what));
}

absl::Status WrongStatus(const AlertmanagerConfig& config,
                         const std::string& doing,
                         const HttpAnswer& answer) {
  const std::string said = Harmless(answer.body.substr(0, kMostSaid));
  return Wrong(config, absl::StrCat("answered ", answer.status, " when ", doing,
                                    said.empty() ? "" : absl::StrCat(": ", said)));
}

// All requests of one call share its limit.
class Conversation {
 public:
  explicit Conversation(const AlertmanagerConfig& config)
      : config_(config), end_(absl::Now() + config.limit) {}

  absl::StatusOr<HttpAnswer> Ask(const std::string& method,
                                 const std::string& path,
                                 const std::string& body = "") {
    HttpCall call;
    call.method = method;
    call.url = absl::StrCat(config_.url, kApi, path);
    call.ca_file = config_.ca_file;
    call.limit = end_ - absl::Now();
    call.body = body;
    call.headers["Accept"] = "application/json";
    if (!body.empty()) call.headers["Content-Type"] = "application/json";
    if (!config_.token_file.empty()) {
      const auto token = identity::ReadFile(config_.token_file);
      if (!token.ok())
        return Prepend(token.status(), absl::StrCat("the token of Alertmanager '", config_.name,
                                                    "' cannot be read; nobody was asked"));
      call.headers["Authorization"] = absl::StrCat("Bearer ", absl::StripAsciiWhitespace(*token));
    }
    auto answer = Fetch(call);
    if (!answer.ok())
      return Prepend(answer.status(), absl::StrCat("Alertmanager '", config_.name, "'"));
    return answer;
  }

 private:
  const AlertmanagerConfig& config_;
  const absl::Time end_;
};

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

absl::Time TimeFrom(const std::string& text) {
  absl::Time time;
  return absl::ParseTime(absl::RFC3339_full, text, &time, nullptr) ? time : absl::InfinitePast();
}

// Of an object; "" where it is not there or no text.
std::string TextOf(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string StateOf(const json& silence) {
  const auto status = silence.is_object() ? silence.find("status") : silence.end();
  return status == silence.end() ? "" : TextOf(*status, "state");
}

bool IsOver(const HttpAnswer& answer) {
  if (answer.status == 404) return true;
  return answer.status == 200 && StateOf(json::parse(answer.body, nullptr, false)) == "expired";
}

// An id is put into a path.
bool IsPathPart(const std::string& id) {
  return !id.empty() && id.find_first_not_of("0123456789abcdefABCDEF-") == std::string::npos;
}

absl::StatusOr<json> MatcherJson(const SilenceMatcher& matcher) {
  const std::set<std::string> values(matcher.values.begin(), matcher.values.end());
  // An empty value would match whatever lacks the label.
  if (matcher.name.empty() || values.empty() || values.count("") > 0)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SILENCE",
                 absl::StrCat("a silence needs a value for each of its labels; '", matcher.name,
                              "' has none; nothing was silenced"));
  // Alertmanager anchors expressions at both ends.
  const bool expression = values.size() > 1;
  const std::string value = expression
                                ? absl::StrJoin(values, "|",
                                                [](std::string* out, const std::string& one) {
                                                  absl::StrAppend(out, re2::RE2::QuoteMeta(one));
                                                })
                                : *values.begin();
  return json{{"name", matcher.name}, {"value", value}, {"isRegex", expression}, {"isEqual", true}};
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}
}  // namespace

absl::StatusOr<std::string> Alertmanager::SetSilence(const SilenceWish& wish) {
  if (wish.matchers.empty() || wish.end <= wish.start)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SILENCE",
                 "a silence needs a label and a length of time; nothing was silenced");
  json body = {{"matchers", json::array()},
               {"startsAt", TimeText(wish.start)},
               {"endsAt", TimeText(wish.end)},
               {"createdBy", "mailquench"},
               {"comment", wish.comment}};
  for (const SilenceMatcher& matcher : wish.matchers) {
    MQ_ASSIGN_OR_RETURN(json one, MatcherJson(matcher));
    body["matchers"].push_back(std::move(one));
  }
  Conversation conversation(config_);
  if (IsPathPart(wish.silence_id)) {
    MQ_ASSIGN_OR_RETURN(const HttpAnswer known,
                        conversation.Ask("GET", absl::StrCat("/silence/", wish.silence_id)));
    if (known.status != 200 && known.status != 404)
      return WrongStatus(config_, "it was asked for a silence", known);
    if (!IsOver(known)) {
      // Its own start: with another one Alertmanager ends it and makes a new one.
      const std::string start = TextOf(json::parse(known.body, nullptr, false), "startsAt");
      if (start.empty()) return Wrong(config_, "showed a silence without a start");
      body["id"] = wish.silence_id;
      body["startsAt"] = start;
    }
  }
  MQ_ASSIGN_OR_RETURN(HttpAnswer answer, conversation.Ask("POST", "/silences", Dump(body)));
  if (answer.status == 404 && body.erase("id") > 0) {  // It went in between.
    MQ_ASSIGN_OR_RETURN(answer, conversation.Ask("POST", "/silences", Dump(body)));
  }
  if (answer.status != 200) return WrongStatus(config_, "a silence was set", answer);
  const std::string id = TextOf(json::parse(answer.body, nullptr, false), "silenceID");
  if (!IsPathPart(id)) return Wrong(config_, "did not say which silence it has set");
  return id;
}

absl::Status Alertmanager::LiftSilence(const std::string& silence_id) {
  if (!IsPathPart(silence_id)) return absl::OkStatus();  // None of its ids: there is no such one.
  Conversation conversation(config_);
  const std::string path = absl::StrCat("/silence/", silence_id);
  MQ_ASSIGN_OR_RETURN(const HttpAnswer answer, conversation.Ask("DELETE", path));
  if (answer.status == 200 || answer.status == 404) return absl::OkStatus();
  // One that is not known is an error of the server's in some versions.
  const auto known = conversation.Ask("GET", path);
  if (known.ok() && IsOver(*known)) return absl::OkStatus();
  return WrongStatus(config_, "a silence was lifted", answer);
}

absl::StatusOr<std::string> Alertmanager::FindSilence(const std::string& comment) {
  if (comment.empty()) return std::string();
  Conversation conversation(config_);
  MQ_ASSIGN_OR_RETURN(const HttpAnswer answer, conversation.Ask("GET", "/silences"));
  if (answer.status != 200) return WrongStatus(config_, "it was asked for its silences", answer);
  const json all = json::parse(answer.body, nullptr, false);
  if (!all.is_array()) return Wrong(config_, "gave no list of silences");
  for (const json& one : all) {
    const std::string state = StateOf(one);
    const std::string id = TextOf(one, "id");
    if ((state == "active" || state == "pending") && IsPathPart(id) &&
        absl::StrContains(TextOf(one, "comment"), comment))
      return id;
  }
  return std::string();
}

absl::StatusOr<std::vector<KnownAlert>> Alertmanager::Alerts() {
  Conversation conversation(config_);
  MQ_ASSIGN_OR_RETURN(
      const HttpAnswer answer,
      conversation.Ask("GET", "/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"));
  if (answer.status != 200) return WrongStatus(config_, "it was asked for its alerts", answer);
  const json all = json::parse(answer.body, nullptr, false);
  // An answer that is misread as "no alerts" would look like all is well.
  if (!all.is_array()) return Wrong(config_, "gave no list of alerts");
  std::vector<KnownAlert> alerts;
  for (const json& one : all) {
    KnownAlert alert;
    alert.fingerprint = TextOf(one, "fingerprint");
    if (alert.fingerprint.empty()) return Wrong(config_, "gave an alert without a fingerprint");
    const auto labels = one.find("labels");
    if (labels == one.end() || !labels->is_object())
      return Wrong(config_, "gave an alert without labels");
    for (const auto& label : labels->items())
      if (label.value().is_string()) alert.labels[label.key()] = label.value();
    alert.start = TimeFrom(TextOf(one, "startsAt"));
    alert.end = TimeFrom(TextOf(one, "endsAt"));
    const auto status = one.find("status");
    const json by = status != one.end() && status->is_object()
                        ? status->value("silencedBy", json::array())
                        : json::array();
    alert.silenced = by.is_array() && !by.empty();
    alerts.push_back(std::move(alert));
  }
  return alerts;
}

}  // namespace mailquench::controller
