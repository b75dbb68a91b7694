#include "controller/escalation/endpoint.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/escalation/alerts.h"

namespace mailquench::controller {
namespace {

constexpr char kAlerts[] = "/v1/alerts";
constexpr char kMetrics[] = "/metrics";
constexpr char kHealth[] = "/healthz";

HttpResponse Respond(int status, const nlohmann::json& body) {
  HttpResponse response;
  response.status = status;
  response.headers["Cache-Control"] = "no-store";
  // What is no UTF-8 is replaced: a sentence may quote what a peer sent.
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

HttpResponse Plain(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.headers["Cache-Control"] = "no-store";
  response.body = std::move(text);
  return response;
}

// "" where there is none.
std::string TokenOf(const HttpRequest& request) {
  const auto header = request.headers.find("authorization");
  if (header == request.headers.end()) return "";
  const std::string& value = header->second;
  constexpr char kBearer[] = "bearer ";  // RFC 6750, and RFC 9110 11.1: in any case.
  if (!absl::StartsWithIgnoreCase(value, kBearer)) return "";
  const std::size_t begin = value.find_first_not_of(' ', sizeof kBearer - 1);
  return begin == std::string::npos ? "" : value.substr(begin);
}

HttpResponse NotAllowed(const char* methods) {
  HttpResponse response =
      Respond(405, {{"error", absl::StrCat("This path takes ", methods, " alone")}});
  response.headers["Allow"] = methods;
  return response;
}

// Before memory is set aside for it.
HttpResponse NoBody(const HttpRequest& request) {
  return Respond(400, {{"error", absl::StrCat(request.path, " takes no body; nothing was read")}});
}

bool Reads(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

AlertEndpoint::AlertEndpoint(AlertSources* sources,
                             AlertInbox* inbox,
                             std::function<std::string()> metrics,
                             Clock* clock)
    : sources_(sources), inbox_(inbox), metrics_(std::move(metrics)), clock_(clock) {}

void AlertEndpoint::Count(const char* result) {
  const std::lock_guard<std::mutex> lock(mu_);
  ++results_[result];
}

std::map<std::string, std::int64_t> AlertEndpoint::Results() {
  const std::lock_guard<std::mutex> lock(mu_);
  return results_;
}

// Monitoring that has an old token is an alarm that nobody hears, and here alone it is seen.
void AlertEndpoint::Tell(const HttpRequest& request, const std::string& why) {
  const std::int64_t count = log_.Count(request.peer, clock_->Now());
  if (count == 0) return;
  // Of another path one does not know what it holds: a token that was put into it, perhaps.
  const bool ours = request.path == kAlerts || request.path == kMetrics || request.path == kHealth;
  spdlog::warn("HTTPS refused {} at {}: {}{}", request.peer,
               ours ? request.path : std::string("a path that there is not"), why,
               count == 1 ? "" : absl::StrCat(" (refused ", count, " times since the last line)"));
}

// Only wrong tokens are limited. A right one is taken from an address that is limited too: a secret
// of 256 bits is not guessed, however often one tries, so there is nothing to win by refusing it,
// and whoever shares that address (a proxy, a script with an old token on the monitoring host)
// could silence the alarm.
HttpResponse AlertEndpoint::Unauthorized(const HttpRequest& request) {
  Tell(request, TokenOf(request).empty() ? "no token" : "a token that is not valid");
  const absl::Duration limited = failures_.Fail(request.peer, clock_->Now());
  if (limited > absl::ZeroDuration()) {
    Count("limited");
    HttpResponse response;
    response.status = 429;
    response.headers["Retry-After"] =
        absl::StrCat(absl::ToInt64Seconds(absl::Ceil(limited, absl::Seconds(1))));
    return response;
  }
  Count("unauthorized");
  HttpResponse response;
  response.status = 401;
  response.headers["WWW-Authenticate"] = "Bearer";
  return response;
}

std::optional<HttpResponse> AlertEndpoint::Screen(const HttpRequest& request) {
  v1::AlertSource source;
  return Judge(request, &source);
}

std::optional<HttpResponse> AlertEndpoint::Judge(const HttpRequest& request, v1::AlertSource* who) {
  if (request.path == kHealth) {
    if (!Reads(request)) return NotAllowed("GET, HEAD");
    return request.has_body ? NoBody(request) : Plain(200, "ok\n");
  }
  absl::StatusOr<v1::AlertSource> source = sources_->Admit(TokenOf(request));
  if (!source.ok()) return Unauthorized(request);
  const bool metrics = source->kind() == v1::SOURCE_KIND_METRICS;
  if (request.path == kMetrics) {
    if (!metrics) {
      Tell(request, absl::StrCat("source '", source->name(), "' may send alerts alone"));
      return Failed(403, "unauthorized",
                    absl::StrCat("Source '", source->name(),
                                 "' may send alerts, and only one of kind metrics may read them"));
    }
    if (!Reads(request)) return NotAllowed("GET, HEAD");
    if (!request.has_body) return std::nullopt;
    Count("bad");
    return NoBody(request);
  }
  if (request.path == kAlerts) {
    if (metrics) {
      Tell(request, absl::StrCat("source '", source->name(), "' may read metrics alone"));
      return Failed(403, "unauthorized",
                    absl::StrCat("Source '", source->name(),
                                 "' may read metrics and send nothing; "
                                 "nothing was taken"));
    }
    if (request.method != "POST") return NotAllowed("POST");
    *who = *std::move(source);
    return std::nullopt;
  }
  return Respond(404, {{"error", "There is nothing at this path: alerts go to /v1/alerts"}});
}

void AlertEndpoint::Handle(const HttpRequest& request, const HttpServer::Respond& respond) {
  // Again, after the server's question with the header: it may have been revoked while the body
  // came.
  v1::AlertSource source;
  if (std::optional<HttpResponse> refused = Judge(request, &source))
    return respond(*std::move(refused));
  if (request.path == kMetrics) return respond(Metrics());
  TakeAlerts(request, source, respond);
}

HttpResponse AlertEndpoint::Failed(int status, const char* result, const std::string& sentence) {
  Count(result);
  return Respond(status, {{"error", Harmless(sentence)}});
}

void AlertEndpoint::TakeAlerts(const HttpRequest& request,
                               const v1::AlertSource& source,
                               const HttpServer::Respond& respond) {
  const auto alerts = ReadAlerts(source.kind(), source.name(), request.body, clock_->Now());
  if (!alerts.ok()) {
    // Monitoring may keep the answer to itself, and this is an alarm that nobody hears.
    spdlog::warn("Source '{}' at {} sent what cannot be read: {}", source.name(), request.peer,
                 std::string(alerts.status().message()));
    return respond(Failed(400, "bad", std::string(alerts.status().message())));
  }
  if (alerts->empty()) return respond(Answer(source.name(), AlertInbox::Taken()));
  inbox_->TakeLater(*alerts, [this, name = source.name(),
                              respond](const absl::StatusOr<AlertInbox::Taken>& taken) {
    respond(Answer(name, taken));
  });
}

HttpResponse AlertEndpoint::Answer(const std::string& source,
                                   const absl::StatusOr<AlertInbox::Taken>& taken) {
  if (taken.ok()) {
    Count("taken");
    return Respond(202, {{"taken", taken->taken}, {"duplicates", taken->duplicates}});
  }
  spdlog::error("Alerts of source '{}' could not be kept: {}", source,
                std::string(taken.status().message()));
  HttpResponse response =
      Failed(503, "failed",
             "The controller cannot keep alerts now (its log says why); nothing of them was "
             "taken. Send them again");
  response.headers["Retry-After"] = "5";
  return response;
}

HttpResponse AlertEndpoint::Metrics() {
  if (!metrics_) return Failed(404, "failed", "This controller has no metrics");
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_();
  return response;
}

}  // namespace mailquench::controller
