// The Escalations service of the fake controller: records what it was asked, answers what the test
// put in.
#ifndef MAILQUENCH_TESTS_UNIT_CLI_FAKE_ESCALATIONS_H_
#define MAILQUENCH_TESTS_UNIT_CLI_FAKE_ESCALATIONS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <vector>

#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {

// Used by one command at a time.
class FakeEscalations final : public v1::Escalations::Service {
 public:
  // Answers.
  v1::Escalation escalation;            // Of every call that gives one.
  std::vector<v1::Escalation> becomes;  // From an approval on, one after the other.
  v1::RaiseAlertsResponse raised;
  v1::TestAlertsResponse tested;
  v1::ListEscalationsResponse escalations;
  int most_that_fit = 10000;  // Escalations into one answer.
  v1::ListAlertsResponse alerts;
  v1::LintRulesResponse linted;
  v1::GetRulesResponse rules;
  v1::CreateSourceResponse created;
  v1::ListSourcesResponse sources;
  v1::AlertSource source;
  v1::ListNoticesResponse notices;
  v1::TestNotificationResponse sent;
  grpc::Status status;  // Of every call.
  grpc::Status approve_status;
  std::function<void()> before_answer;  // A controller that takes its time.

  // What was asked.
  std::vector<v1::RaiseAlertsRequest> raises;
  std::vector<v1::TestAlertsRequest> tests;
  std::vector<v1::ListEscalationsRequest> lists;
  std::vector<v1::ListAlertsRequest> histories;
  std::vector<v1::ApproveEscalationRequest> approvals;
  std::vector<v1::RejectEscalationRequest> rejections;
  std::vector<v1::ProposeRunRequest> proposals;
  std::vector<v1::LintRulesRequest> lints;
  std::vector<v1::ReloadRulesRequest> reloads;
  std::vector<v1::SetPauseRequest> pauses;
  std::vector<v1::CreateSourceRequest> creations;
  std::vector<v1::RevokeSourceRequest> revocations;
  std::vector<v1::ListNoticesRequest> notice_lists;
  std::vector<v1::TestNotificationRequest> notice_tests;

  grpc::Status RaiseAlerts(grpc::ServerContext*,
                           const v1::RaiseAlertsRequest*,
                           v1::RaiseAlertsResponse*) override;
  grpc::Status TestAlerts(grpc::ServerContext*,
                          const v1::TestAlertsRequest*,
                          v1::TestAlertsResponse*) override;
  grpc::Status ListEscalations(grpc::ServerContext*,
                               const v1::ListEscalationsRequest*,
                               v1::ListEscalationsResponse*) override;
  grpc::Status ListAlerts(grpc::ServerContext*,
                          const v1::ListAlertsRequest*,
                          v1::ListAlertsResponse*) override;
  grpc::Status ApproveEscalation(grpc::ServerContext*,
                                 const v1::ApproveEscalationRequest*,
                                 v1::Escalation*) override;
  grpc::Status RejectEscalation(grpc::ServerContext*,
                                const v1::RejectEscalationRequest*,
                                v1::Escalation*) override;
  grpc::Status ProposeRun(grpc::ServerContext*,
                          const v1::ProposeRunRequest*,
                          v1::Escalation*) override;
  grpc::Status LintRules(grpc::ServerContext*,
                         const v1::LintRulesRequest*,
                         v1::LintRulesResponse*) override;
  grpc::Status GetRules(grpc::ServerContext*,
                        const v1::GetRulesRequest*,
                        v1::GetRulesResponse*) override;
  grpc::Status ReloadRules(grpc::ServerContext*,
                           const v1::ReloadRulesRequest*,
                           v1::GetRulesResponse*) override;
  grpc::Status SetPause(grpc::ServerContext*,
                        const v1::SetPauseRequest*,
                        v1::GetRulesResponse*) override;
  grpc::Status CreateSource(grpc::ServerContext*,
                            const v1::CreateSourceRequest*,
                            v1::CreateSourceResponse*) override;
  grpc::Status ListSources(grpc::ServerContext*,
                           const v1::ListSourcesRequest*,
                           v1::ListSourcesResponse*) override;
  grpc::Status RevokeSource(grpc::ServerContext*,
                            const v1::RevokeSourceRequest*,
                            v1::AlertSource*) override;
  grpc::Status ListNotices(grpc::ServerContext*,
                           const v1::ListNoticesRequest*,
                           v1::ListNoticesResponse*) override;
  grpc::Status TestNotification(grpc::ServerContext*,
                                const v1::TestNotificationRequest*,
                                v1::TestNotificationResponse*) override;
  grpc::Status GetEscalation(grpc::ServerContext*,
                             const v1::GetEscalationRequest*,
                             v1::Escalation*) override;

 private:
  void Advance();

  template <class Answer, class Response>
  grpc::Status Say(const Answer& answer, Response* response) {
    if (before_answer) before_answer();
    *response = answer;
    return status;
  }
};

}  // namespace mailquench::cli

#endif  // MAILQUENCH_TESTS_UNIT_CLI_FAKE_ESCALATIONS_H_
