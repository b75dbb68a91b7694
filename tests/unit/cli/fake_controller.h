// A controller in this process that records what it was asked and answers from what the test put
// in.
#ifndef MAILQUENCH_TESTS_UNIT_CLI_FAKE_CONTROLLER_H_
#define MAILQUENCH_TESTS_UNIT_CLI_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/core/session.h"
#include "mailquench/v1/blacklist.grpc.pb.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"
#include "mailquench/v1/quarantines.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"
#include "tests/unit/cli/fake_escalations.h"
#include "tests/unit/cli/fake_mx.h"

namespace mailquench::cli {

class FakeController : public v1::Fleet::Service,
                       public v1::Runs::Service,
                       public v1::Incidents::Service,
                       public v1::Quarantines::Service,
                       public v1::Blacklists::Service {
 public:
  FakeController();
  ~FakeController() override;

  std::shared_ptr<grpc::Channel> Channel() const;

  FakeEscalations escalations;
  FakeMx mx;
  FakeAntivirus antivirus;

  // Answers.
  v1::Plan plan;
  v1::Run started;                   // Of StartRun.
  std::vector<v1::RunEvent> events;  // Of WatchRun.
  v1::ListHostsResponse hosts;
  v1::Incident incident;
  v1::ListQuarantinesResponse quarantines;
  v1::Listing listing;
  v1::ListListingsResponse listings;
  v1::ListBlacklistHistoryResponse history;
  grpc::Status delist_status;
  grpc::Status plan_status;
  v1::ListManualStepsResponse manual;
  std::vector<grpc::Status> confirm_statuses;  // One a call; after them OK.
  std::vector<grpc::Status> manual_statuses;   // Of ListManualSteps, likewise.
  // The first StartRun finds that the plan is this one by now.
  std::optional<v1::Plan> drifted_to;
  std::size_t start_fails_at = 0;  // The StartRun of this number is refused; 0: none.

  // What was asked.
  std::vector<v1::PlanRunRequest> planned;
  std::vector<v1::StartRunRequest> starts;
  std::vector<std::string> selectors;
  std::vector<v1::ListListingsRequest> listings_asked;
  std::vector<std::string> listings_got;
  std::vector<v1::RequestDelistingRequest> delistings;
  std::vector<v1::AddListingNoteRequest> listing_notes;
  std::vector<v1::ListBlacklistHistoryRequest> histories;
  std::vector<v1::AddManualHostRequest> manual_hosts;
  std::vector<v1::ListManualStepsRequest> manual_asked;
  std::vector<v1::ConfirmManualStepRequest> confirmed;
  std::vector<v1::EvictHostRequest> evicted;
  int incidents_opened = 0;
  int labels_set = 0;

  grpc::Status ListHosts(grpc::ServerContext*,
                         const v1::ListHostsRequest*,
                         v1::ListHostsResponse*) override;
  grpc::Status GetHost(grpc::ServerContext*, const v1::GetHostRequest*, v1::Host*) override;
  grpc::Status SetLabels(grpc::ServerContext*, const v1::SetLabelsRequest*, v1::Host*) override;
  grpc::Status AddManualHost(grpc::ServerContext*,
                             const v1::AddManualHostRequest*,
                             v1::Host*) override;
  grpc::Status EvictHost(grpc::ServerContext*, const v1::EvictHostRequest*, v1::Host*) override;
  grpc::Status ListManualSteps(grpc::ServerContext*,
                               const v1::ListManualStepsRequest*,
                               v1::ListManualStepsResponse*) override;
  grpc::Status ConfirmManualStep(grpc::ServerContext*,
                                 const v1::ConfirmManualStepRequest*,
                                 v1::Run*) override;
  grpc::Status PlanRun(grpc::ServerContext*, const v1::PlanRunRequest*, v1::Plan*) override;
  grpc::Status StartRun(grpc::ServerContext*, const v1::StartRunRequest*, v1::Run*) override;
  grpc::Status WatchRun(grpc::ServerContext*,
                        const v1::GetRunRequest*,
                        grpc::ServerWriter<v1::RunEvent>*) override;
  grpc::Status GetIncident(grpc::ServerContext*,
                           const v1::GetIncidentRequest*,
                           v1::Incident*) override;
  grpc::Status ListIncidents(grpc::ServerContext*,
                             const v1::ListIncidentsRequest*,
                             v1::ListIncidentsResponse*) override;
  grpc::Status OpenIncident(grpc::ServerContext*,
                            const v1::OpenIncidentRequest*,
                            v1::Incident*) override;
  grpc::Status ListQuarantines(grpc::ServerContext*,
                               const v1::ListQuarantinesRequest*,
                               v1::ListQuarantinesResponse*) override;
  grpc::Status ListListings(grpc::ServerContext*,
                            const v1::ListListingsRequest*,
                            v1::ListListingsResponse*) override;
  grpc::Status GetListing(grpc::ServerContext*,
                          const v1::GetListingRequest*,
                          v1::Listing*) override;
  grpc::Status RequestDelisting(grpc::ServerContext*,
                                const v1::RequestDelistingRequest*,
                                v1::Listing*) override;
  grpc::Status AddListingNote(grpc::ServerContext*,
                              const v1::AddListingNoteRequest*,
                              v1::Listing*) override;
  grpc::Status ListHistory(grpc::ServerContext*,
                           const v1::ListBlacklistHistoryRequest*,
                           v1::ListBlacklistHistoryResponse*) override;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// One command line against a fake controller (or none).
struct Ran {
  int code = 0;
  std::string out, err;
};
Ran RunCli(const FakeController* controller,
           const std::vector<std::string>& args,
           const std::string& typed = "",
           bool terminal = false);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_TESTS_UNIT_CLI_FAKE_CONTROLLER_H_
