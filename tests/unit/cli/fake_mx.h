// The services Mx and Antivirus of the fake controller: what they were asked, and what a test has
// them answer.
#ifndef MAILQUENCH_TESTS_UNIT_CLI_FAKE_MX_H_
#define MAILQUENCH_TESTS_UNIT_CLI_FAKE_MX_H_

#include <grpcpp/grpcpp.h>

#include <vector>

#include "mailquench/v1/antivirus.grpc.pb.h"
#include "mailquench/v1/mx.grpc.pb.h"

namespace mailquench::cli {

// Used by one command at a time.
class FakeMx final : public v1::Mx::Service {
 public:
  // Answers.
  v1::DomainView view;
  v1::PreflightReport report;
  v1::MxSwitch one;                   // Of every call that gives one.
  std::vector<v1::MxSwitch> watched;  // Of WatchSwitch, one after the other.
  grpc::Status status, watch_status;  // Of every call but WatchSwitch, and of that.

  // What was asked.
  std::vector<v1::ShowDomainRequest> shows;
  std::vector<v1::PreflightRequest> preflights;
  std::vector<v1::PlanSwitchRequest> plans;
  std::vector<v1::StartSwitchRequest> starts;
  std::vector<v1::RevertSwitchRequest> reverts;
  std::vector<v1::WaiveCheckRequest> waivers;
  std::vector<v1::NoteRecordRequest> notes;
  std::vector<v1::ListSwitchesRequest> lists;

  grpc::Status ShowDomain(grpc::ServerContext*,
                          const v1::ShowDomainRequest* request,
                          v1::DomainView* answer) override {
    return Take(*request, &shows, view, answer);
  }
  grpc::Status Preflight(grpc::ServerContext*,
                         const v1::PreflightRequest* request,
                         v1::PreflightReport* answer) override {
    return Take(*request, &preflights, report, answer);
  }
  grpc::Status PlanSwitch(grpc::ServerContext*,
                          const v1::PlanSwitchRequest* request,
                          v1::MxSwitch* answer) override {
    return Take(*request, &plans, one, answer);
  }
  grpc::Status StartSwitch(grpc::ServerContext*,
                           const v1::StartSwitchRequest* request,
                           v1::MxSwitch* answer) override {
    return Take(*request, &starts, one, answer);
  }
  grpc::Status RevertSwitch(grpc::ServerContext*,
                            const v1::RevertSwitchRequest* request,
                            v1::MxSwitch* answer) override {
    return Take(*request, &reverts, one, answer);
  }
  grpc::Status GetSwitch(grpc::ServerContext*,
                         const v1::GetSwitchRequest*,
                         v1::MxSwitch* answer) override {
    *answer = one;
    return status;
  }
  grpc::Status WatchSwitch(grpc::ServerContext*,
                           const v1::GetSwitchRequest*,
                           grpc::ServerWriter<v1::MxSwitch>* writer) override {
    for (const v1::MxSwitch& now : watched) writer->Write(now);
    return watch_status;
  }
  grpc::Status ListSwitches(grpc::ServerContext*,
                            const v1::ListSwitchesRequest* request,
                            v1::ListSwitchesResponse* answer) override {
    v1::ListSwitchesResponse all;
    *all.add_switches() = one;
    return Take(*request, &lists, all, answer);
  }
  grpc::Status WaiveCheck(grpc::ServerContext*,
                          const v1::WaiveCheckRequest* request,
                          v1::MxSwitch* answer) override {
    return Take(*request, &waivers, one, answer);
  }
  grpc::Status NoteRecord(grpc::ServerContext*,
                          const v1::NoteRecordRequest* request,
                          v1::MxSwitch* answer) override {
    return Take(*request, &notes, one, answer);
  }

 private:
  template <class Request, class Answer>
  grpc::Status Take(const Request& request,
                    std::vector<Request>* asked,
                    const Answer& has,
                    Answer* answer) {
    asked->push_back(request);
    *answer = has;
    return status;
  }
};

class FakeAntivirus final : public v1::Antivirus::Service {
 public:
  v1::Posture posture;
  v1::ImportInventoryResponse imported;
  v1::PostureRow row;

  std::vector<v1::GetPostureRequest> gets;
  std::vector<v1::ImportInventoryRequest> imports;
  std::vector<v1::WaiveHostRequest> waivers;

  grpc::Status GetPosture(grpc::ServerContext*,
                          const v1::GetPostureRequest* request,
                          v1::Posture* answer) override {
    gets.push_back(*request);
    *answer = posture;
    return grpc::Status::OK;
  }
  grpc::Status ImportInventory(grpc::ServerContext*,
                               const v1::ImportInventoryRequest* request,
                               v1::ImportInventoryResponse* answer) override {
    imports.push_back(*request);
    *answer = imported;
    return grpc::Status::OK;
  }
  grpc::Status WaiveHost(grpc::ServerContext*,
                         const v1::WaiveHostRequest* request,
                         v1::PostureRow* answer) override {
    waivers.push_back(*request);
    *answer = row;
    return grpc::Status::OK;
  }
};

}  // namespace mailquench::cli

#endif  // MAILQUENCH_TESTS_UNIT_CLI_FAKE_MX_H_
