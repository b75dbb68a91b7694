// The routes of the HTTPS endpoint: alerts in, metrics out, and whether it lives.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_ENDPOINT_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_ENDPOINT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/clock/clock.h"
#include "controller/escalation/failure_limit.h"
#include "controller/escalation/failure_log.h"
#include "controller/escalation/inbox.h"
#include "controller/escalation/sources.h"
#include "controller/http/server.h"

namespace mailquench::controller {

// POST /v1/alerts (the kind is the token's), GET /metrics (kind metrics), GET /healthz (no token).
// 202 with {"taken":N,"duplicates":N} once it is durable; 400 with one sentence, also for a body
// where none is wanted; 401 tells nothing, and a peer that fails too often gets 429 for a while;
// 503 where the store cannot take it, so that the sender tries again. Thread-safe.
class AlertEndpoint {
 public:
  AlertEndpoint(AlertSources* sources,
                AlertInbox* inbox,
                std::function<std::string()> metrics,
                Clock* clock);

  // For HttpServerOptions::screen: what is refused without its body. Does not block.
  std::optional<HttpResponse> Screen(const HttpRequest& request);
  // Screens, and answers what is left: alerts once they are durable, which another thread may say.
  void Handle(const HttpRequest& request, const HttpServer::Respond& respond);

  // For /metrics: requests by result ("taken", "bad", "unauthorized", "limited", "failed"). One
  // that Screen() let pass is counted by Handle().
  std::map<std::string, std::int64_t> Results();

 private:
  // `who`: the source that sends alerts, where nothing is refused.
  std::optional<HttpResponse> Judge(const HttpRequest& request, v1::AlertSource* who);
  HttpResponse Unauthorized(const HttpRequest& request);
  // For the log, with the peer and the path, and never with what it showed.
  void Tell(const HttpRequest& request, const std::string& why);
  void TakeAlerts(const HttpRequest& request,
                  const v1::AlertSource& source,
                  const HttpServer::Respond& respond);
  HttpResponse Answer(const std::string& source, const absl::StatusOr<AlertInbox::Taken>& taken);
  HttpResponse Metrics();
  HttpResponse Failed(int status, const char* result, const std::string& sentence);
  void Count(const char* result);

  AlertSources* const sources_;
  AlertInbox* const inbox_;
  const std::function<std::string()> metrics_;
  Clock* const clock_;
  FailureLimit failures_;
  FailureLog log_;
  std::mutex mu_;
  std::map<std::string, std::int64_t> results_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_ENDPOINT_H_
