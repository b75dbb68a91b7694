#include "tests/unit/cli/fake_escalations.h"

namespace mailquench::cli {

void FakeEscalations::Advance() {
  if (becomes.empty()) return;
  escalation = becomes.front();
  becomes.erase(becomes.begin());
}

grpc::Status FakeEscalations::RaiseAlerts(grpc::ServerContext*,
                                          const v1::RaiseAlertsRequest* request,
                                          v1::RaiseAlertsResponse* response) {
  raises.push_back(*request);
  return Say(raised, response);
}
grpc::Status FakeEscalations::TestAlerts(grpc::ServerContext*,
                                         const v1::TestAlertsRequest* request,
                                         v1::TestAlertsResponse* response) {
  tests.push_back(*request);
  return Say(tested, response);
}
grpc::Status FakeEscalations::ListEscalations(grpc::ServerContext*,
                                              const v1::ListEscalationsRequest* request,
                                              v1::ListEscalationsResponse* response) {
  lists.push_back(*request);
  v1::ListEscalationsResponse some;
  if (request->limit() > most_that_fit)
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "Received message larger than max"};
  for (const v1::Escalation& one : escalations.escalations()) {
    if (request->limit() > 0 && some.escalations_size() == request->limit()) break;
    if (!request->incident_id().empty() && request->incident_id() != one.incident_id()) continue;
    if (!request->open_only() || !one.has_end_time()) *some.add_escalations() = one;
  }
  return Say(some, response);
}
grpc::Status FakeEscalations::ListAlerts(grpc::ServerContext*,
                                         const v1::ListAlertsRequest* request,
                                         v1::ListAlertsResponse* response) {
  histories.push_back(*request);
  return Say(alerts, response);
}
grpc::Status FakeEscalations::ApproveEscalation(grpc::ServerContext*,
                                                const v1::ApproveEscalationRequest* request,
                                                v1::Escalation* response) {
  approvals.push_back(*request);
  if (!approve_status.ok()) return approve_status;
  Advance();
  return Say(escalation, response);
}
grpc::Status FakeEscalations::RejectEscalation(grpc::ServerContext*,
                                               const v1::RejectEscalationRequest* request,
                                               v1::Escalation* response) {
  rejections.push_back(*request);
  return Say(escalation, response);
}
grpc::Status FakeEscalations::ProposeRun(grpc::ServerContext*,
                                         const v1::ProposeRunRequest* request,
                                         v1::Escalation* response) {
  proposals.push_back(*request);
  return Say(escalation, response);
}
grpc::Status FakeEscalations::LintRules(grpc::ServerContext*,
                                        const v1::LintRulesRequest* request,
                                        v1::LintRulesResponse* response) {
  lints.push_back(*request);
  return Say(linted, response);
}
grpc::Status FakeEscalations::GetRules(grpc::ServerContext*,
                                       const v1::GetRulesRequest*,
                                       v1::GetRulesResponse* response) {
  return Say(rules, response);
}
grpc::Status FakeEscalations::ReloadRules(grpc::ServerContext*,
                                          const v1::ReloadRulesRequest* request,
                                          v1::GetRulesResponse* response) {
  reloads.push_back(*request);
  return Say(rules, response);
}
grpc::Status FakeEscalations::SetPause(grpc::ServerContext*,
                                       const v1::SetPauseRequest* request,
                                       v1::GetRulesResponse* response) {
  pauses.push_back(*request);
  return Say(rules, response);
}
grpc::Status FakeEscalations::CreateSource(grpc::ServerContext*,
                                           const v1::CreateSourceRequest* request,
                                           v1::CreateSourceResponse* response) {
  creations.push_back(*request);
  return Say(created, response);
}
grpc::Status FakeEscalations::ListSources(grpc::ServerContext*,
                                          const v1::ListSourcesRequest*,
                                          v1::ListSourcesResponse* response) {
  return Say(sources, response);
}
grpc::Status FakeEscalations::RevokeSource(grpc::ServerContext*,
                                           const v1::RevokeSourceRequest* request,
                                           v1::AlertSource* response) {
  revocations.push_back(*request);
  return Say(source, response);
}
grpc::Status FakeEscalations::ListNotices(grpc::ServerContext*,
                                          const v1::ListNoticesRequest* request,
                                          v1::ListNoticesResponse* response) {
  notice_lists.push_back(*request);
  v1::ListNoticesResponse some;
  for (const v1::NoticeRecord& one : notices.notices()) {
    bool waits = false, given_up = false;
    for (const v1::NoticeDelivery& delivery : one.deliveries()) {
      given_up |= delivery.given_up();
      waits |= !delivery.given_up() && !delivery.delivered();
    }
    if (request->given_up_only() ? given_up : !request->undelivered_only() || waits || given_up)
      *some.add_notices() = one;
  }
  return Say(some, response);
}
grpc::Status FakeEscalations::TestNotification(grpc::ServerContext*,
                                               const v1::TestNotificationRequest* request,
                                               v1::TestNotificationResponse* response) {
  notice_tests.push_back(*request);
  return Say(sent, response);
}
grpc::Status FakeEscalations::GetEscalation(grpc::ServerContext*,
                                            const v1::GetEscalationRequest*,
                                            v1::Escalation* response) {
  if (!approvals.empty()) Advance();
  return Say(escalation, response);
}

}  // namespace mailquench::cli
