#include "tests/unit/cli/fake_controller.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/tree.h"
#include "common/status/error.h"

namespace mailquench::cli {

FakeController::FakeController() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(static_cast<v1::Fleet::Service*>(this));
  builder.RegisterService(static_cast<v1::Runs::Service*>(this));
  builder.RegisterService(static_cast<v1::Incidents::Service*>(this));
  builder.RegisterService(static_cast<v1::Quarantines::Service*>(this));
  builder.RegisterService(static_cast<v1::Blacklists::Service*>(this));
  builder.RegisterService(&escalations);
  builder.RegisterService(&mx);
  builder.RegisterService(&antivirus);
  server_ = builder.BuildAndStart();
}

FakeController::~FakeController() {
  server_->Shutdown();
}

std::shared_ptr<grpc::Channel> FakeController::Channel() const {
  return grpc::CreateChannel(absl::StrCat("127.0.0.1:", port_), grpc::InsecureChannelCredentials());
}

grpc::Status FakeController::ListHosts(grpc::ServerContext*,
                                       const v1::ListHostsRequest* request,
                                       v1::ListHostsResponse* response) {
  selectors.push_back(request->selector());
  *response = hosts;
  return grpc::Status::OK;
}
grpc::Status FakeController::GetHost(grpc::ServerContext*,
                                     const v1::GetHostRequest* request,
                                     v1::Host* response) {
  for (const auto& host : hosts.hosts()) {
    if (host.name() != request->host()) continue;
    *response = host;
    return grpc::Status::OK;
  }
  const auto error = ToProto(Error(absl::StatusCode::kNotFound, "HOST_NOT_FOUND",
                                   absl::StrCat("No host is named ", request->host(), ".")));
  return grpc::Status(grpc::StatusCode::NOT_FOUND, error.message(), error.SerializeAsString());
}
grpc::Status FakeController::SetLabels(grpc::ServerContext*,
                                       const v1::SetLabelsRequest*,
                                       v1::Host* response) {
  ++labels_set;
  *response = hosts.hosts(0);
  return grpc::Status::OK;
}
grpc::Status FakeController::AddManualHost(grpc::ServerContext*,
                                           const v1::AddManualHostRequest* request,
                                           v1::Host* response) {
  manual_hosts.push_back(*request);
  response->set_name(request->name());
  response->mutable_manual()->set_platform(request->platform());
  return grpc::Status::OK;
}
grpc::Status FakeController::EvictHost(grpc::ServerContext*,
                                       const v1::EvictHostRequest* request,
                                       v1::Host* response) {
  evicted.push_back(*request);
  *response = hosts.hosts(0);
  return grpc::Status::OK;
}
grpc::Status FakeController::ListManualSteps(grpc::ServerContext*,
                                             const v1::ListManualStepsRequest* request,
                                             v1::ListManualStepsResponse* response) {
  manual_asked.push_back(*request);
  if (manual_asked.size() <= manual_statuses.size() &&
      !manual_statuses[manual_asked.size() - 1].ok())
    return manual_statuses[manual_asked.size() - 1];
  *response = manual;
  return grpc::Status::OK;
}
grpc::Status FakeController::ConfirmManualStep(grpc::ServerContext*,
                                               const v1::ConfirmManualStepRequest* request,
                                               v1::Run* response) {
  confirmed.push_back(*request);
  if (confirmed.size() <= confirm_statuses.size()) return confirm_statuses[confirmed.size() - 1];
  *response = started;
  return grpc::Status::OK;
}
grpc::Status FakeController::PlanRun(grpc::ServerContext*,
                                     const v1::PlanRunRequest* request,
                                     v1::Plan* response) {
  planned.push_back(*request);
  *response = plan;
  return plan_status;
}
grpc::Status FakeController::StartRun(grpc::ServerContext*,
                                      const v1::StartRunRequest* request,
                                      v1::Run* response) {
  starts.push_back(*request);
  if (drifted_to.has_value()) {
    plan = *std::exchange(drifted_to, std::nullopt);
    const auto error = ToProto(
        Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED", "another plan by now"));
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, error.message(),
                        error.SerializeAsString());
  }
  if (starts.size() == start_fails_at) return grpc::Status(grpc::StatusCode::INTERNAL, "No.");
  *response = started;
  return grpc::Status::OK;
}
grpc::Status FakeController::WatchRun(grpc::ServerContext*,
                                      const v1::GetRunRequest*,
                                      grpc::ServerWriter<v1::RunEvent>* writer) {
  for (const auto& event : events) writer->Write(event);
  return grpc::Status::OK;
}
grpc::Status FakeController::GetIncident(grpc::ServerContext*,
                                         const v1::GetIncidentRequest*,
                                         v1::Incident* response) {
  *response = incident;
  return grpc::Status::OK;
}
grpc::Status FakeController::ListIncidents(grpc::ServerContext*,
                                           const v1::ListIncidentsRequest*,
                                           v1::ListIncidentsResponse* response) {
  *response->add_incidents() = incident;
  return grpc::Status::OK;
}
grpc::Status FakeController::OpenIncident(grpc::ServerContext*,
                                          const v1::OpenIncidentRequest*,
                                          v1::Incident* response) {
  ++incidents_opened;
  *response = incident;
  return grpc::Status::OK;
}
grpc::Status FakeController::ListQuarantines(grpc::ServerContext*,
                                             const v1::ListQuarantinesRequest*,
                                             v1::ListQuarantinesResponse* response) {
  *response = quarantines;
  return grpc::Status::OK;
}

grpc::Status FakeController::ListListings(grpc::ServerContext*,
                                          const v1::ListListingsRequest* request,
                                          v1::ListListingsResponse* response) {
  listings_asked.push_back(*request);
  *response = listings;
  return grpc::Status::OK;
}
grpc::Status FakeController::GetListing(grpc::ServerContext*,
                                        const v1::GetListingRequest* request,
                                        v1::Listing* response) {
  listings_got.push_back(request->listing_id());
  *response = listing;
  return delist_status;
}
grpc::Status FakeController::RequestDelisting(grpc::ServerContext*,
                                              const v1::RequestDelistingRequest* request,
                                              v1::Listing* response) {
  delistings.push_back(*request);
  *response = listing;
  return delist_status;
}
grpc::Status FakeController::AddListingNote(grpc::ServerContext*,
                                            const v1::AddListingNoteRequest* request,
                                            v1::Listing* response) {
  listing_notes.push_back(*request);
  *response = listing;
  return grpc::Status::OK;
}
grpc::Status FakeController::ListHistory(grpc::ServerContext*,
                                         const v1::ListBlacklistHistoryRequest* request,
                                         v1::ListBlacklistHistoryResponse* response) {
  histories.push_back(*request);
  *response = history;
  return grpc::Status::OK;
}

Ran RunCli(const FakeController* controller,
           const std::vector<std::string>& args,
           const std::string& typed,
           bool terminal) {
  char folder[] = "/tmp/mailquench-cli-XXXXXX";
  const std::string home = mkdtemp(folder);
  const std::string config = absl::StrCat(home, "/config.yaml");
  ContextFile file;
  file.current = "lab";
  file.contexts.push_back({"lab", "127.0.0.1:1", "", "", "", "", ""});
  if (!SaveContexts(config, file).ok()) return {-1, "", "cannot write the configuration"};
  std::istringstream in(typed);
  std::ostringstream out, err;
  Environment environment;
  environment.in = &in;
  environment.out = &out;
  environment.err = &err;
  environment.in_is_terminal = terminal;
  environment.err_is_terminal = terminal;
  environment.channel = [&](const Context&) -> absl::StatusOr<std::shared_ptr<grpc::Channel>> {
    if (controller == nullptr) return absl::InternalError("a channel was made without need");
    return controller->Channel();
  };
  environment.getenv = [&](const std::string& name) {
    return name == "MAILQUENCH_CONFIG" ? config : std::string();
  };
  Ran ran;
  ran.code = Main(args, environment);
  ran.out = out.str();
  ran.err = err.str();
  std::filesystem::remove_all(home);
  return ran;
}

}  // namespace mailquench::cli
