#include <condition_variable>
#include <deque>
#include <mutex>

#include "common/status/error.h"
#include "controller/api/authorization.h"
#include "controller/api/seat.h"
#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::controller {
namespace {

constexpr int kMaxWatchers = 32;
constexpr int kMaxPlanners = 16;  // Of those who act.
constexpr int kMaxViewers = 8;
constexpr std::size_t kMaxEvents = 256;

// What the engine said and the watcher has not read yet. Each event holds the whole run, so that a
// slow watcher that misses old ones still ends up with the truth.
class Mailbox {
 public:
  void Put(const v1::RunEvent& event) {
    std::lock_guard<std::mutex> lock(mu_);
    if (events_.size() >= kMaxEvents) events_.pop_front();
    events_.push_back(event);
    changed_.notify_one();
  }
  // False: none within `wait`.
  bool Take(std::chrono::milliseconds wait, v1::RunEvent* event) {
    std::unique_lock<std::mutex> lock(mu_);
    if (!changed_.wait_for(lock, wait, [this] { return !events_.empty(); })) return false;
    *event = std::move(events_.front());
    events_.pop_front();
    return true;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<v1::RunEvent> events_;  // Guarded by mu_.
};

class RunsService final : public v1::Runs::Service {
 public:
  RunsService(Core* core, Gate* gate, const std::atomic<bool>* stopping)
      : core_(core), gate_(gate), stopping_(stopping) {}

  grpc::Status ListPlaybooks(grpc::ServerContext* context,
                             const v1::ListPlaybooksRequest* request,
                             v1::ListPlaybooksResponse* response) override {
    return Serve(context, "/mailquench.v1.Runs/ListPlaybooks", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListPlaybooks(*request); });
  }
  grpc::Status PlanRun(grpc::ServerContext* context,
                       const v1::PlanRunRequest* request,
                       v1::Plan* response) override {
    return Serve(
        context, "/mailquench.v1.Runs/PlanRun", gate_, response,
        [&](const rpc::Peer& peer) -> absl::StatusOr<v1::Plan> {
          const auto operations = core_->OperationsOf(*request);
          if (!operations.ok()) return operations.status();
          const absl::Status allowed = CheckDryRun(peer.id, *operations);
          gate_->NoteRefusal(peer, "/mailquench.v1.Runs/PlanRun", allowed);
          MQ_RETURN_IF_ERROR(allowed);
          // It waits for agents, and no viewer may hold the threads of those who act.
          const bool viewer = peer.id.role == identity::Role::kViewer;
          std::atomic<int> nobody{0};
          const Seat seat(request->skip_agents() ? &nobody : viewer ? &viewers_ : &planners_);
          if (seat.number() > (viewer ? kMaxViewers : kMaxPlanners))
            return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_DRY_RUNS",
                         "too many dry runs are under way already; nothing was asked, try "
                         "again in a moment");
          return core_->PlanRun(*request, peer.id.name);
        });
  }
  grpc::Status StartRun(grpc::ServerContext* context,
                        const v1::StartRunRequest* request,
                        v1::Run* response) override {
    return Serve(context, "/mailquench.v1.Runs/StartRun", gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<v1::Run> {
                   const auto operations = core_->OperationsOf(request->plan());
                   if (!operations.ok()) return operations.status();
                   const absl::Status allowed = CheckOperations(peer.id, *operations);
                   gate_->NoteRefusal(peer, "/mailquench.v1.Runs/StartRun", allowed);
                   MQ_RETURN_IF_ERROR(allowed);
                   return core_->StartRun(*request, peer.id.name);
                 });
  }
  grpc::Status GetRun(grpc::ServerContext* context,
                      const v1::GetRunRequest* request,
                      v1::Run* response) override {
    return Serve(context, "/mailquench.v1.Runs/GetRun", gate_, response,
                 [&](const rpc::Peer&) { return core_->GetRun(*request); });
  }
  grpc::Status ListRuns(grpc::ServerContext* context,
                        const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override {
    return Serve(context, "/mailquench.v1.Runs/ListRuns", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListRuns(*request); });
  }
  grpc::Status CancelRun(grpc::ServerContext* context,
                         const v1::CancelRunRequest* request,
                         v1::Run* response) override {
    return Serve(context, "/mailquench.v1.Runs/CancelRun", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->CancelRun(*request, peer.id.name); });
  }
  grpc::Status ListManualSteps(grpc::ServerContext* context,
                               const v1::ListManualStepsRequest* request,
                               v1::ListManualStepsResponse* response) override {
    return Serve(context, "/mailquench.v1.Runs/ListManualSteps", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListManualSteps(*request); });
  }
  grpc::Status ConfirmManualStep(grpc::ServerContext* context,
                                 const v1::ConfirmManualStepRequest* request,
                                 v1::Run* response) override {
    return Serve(
        context, "/mailquench.v1.Runs/ConfirmManualStep", gate_, response,
        [&](const rpc::Peer& peer) { return core_->ConfirmManualStep(*request, peer.id.name); });
  }
  grpc::Status WatchRun(grpc::ServerContext* context,
                        const v1::GetRunRequest* request,
                        grpc::ServerWriter<v1::RunEvent>* writer) override {
    const auto peer = gate_->Authorize(*context, "/mailquench.v1.Runs/WatchRun");
    if (!peer.ok()) return rpc::ToGrpc(peer.status());
    const Seat seat(&watchers_);
    if (seat.number() > kMaxWatchers) {
      return rpc::ToGrpc(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS",
                               "too many calls watch runs already; ask for the run with GetRun"));
    }
    return Watch(context, *peer, request->run_id(), writer);
  }

 private:
  grpc::Status Watch(grpc::ServerContext* context,
                     const rpc::Peer& peer,
                     const std::string& run_id,
                     grpc::ServerWriter<v1::RunEvent>* writer) {
    Mailbox mailbox;
    const auto subscription =
        core_->Subscribe(run_id, [&mailbox](const v1::RunEvent& event) { mailbox.Put(event); });
    if (!subscription.ok()) return rpc::ToGrpc(subscription.status());
    grpc::Status status;
    v1::RunEvent event;
    while (true) {
      if (context->IsCancelled()) {
        status = grpc::Status::CANCELLED;
        break;
      }
      if (stopping_->load()) {
        status =
            rpc::ToGrpc(Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                              "the controller is shutting down; the run goes on when it is back"));
        break;
      }
      // Before each event, and at least at each turn of the wait.
      if (const absl::Status revoked = gate_->CheckRevoked(peer); !revoked.ok()) {
        status = rpc::ToGrpc(revoked);
        break;
      }
      if (!mailbox.Take(std::chrono::milliseconds(200), &event)) continue;
      if (!writer->Write(event)) break;
      if (event.run().state() != v1::RUN_STATE_RUNNING &&
          event.run().state() != v1::RUN_STATE_UNSPECIFIED) {
        break;
      }
    }
    core_->Unsubscribe(*subscription);
    return status;
  }

  Core* const core_;
  Gate* const gate_;
  const std::atomic<bool>* const stopping_;
  std::atomic<int> watchers_{0};
  std::atomic<int> planners_{0};
  std::atomic<int> viewers_{0};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRunsService(Core* core,
                                               Gate* gate,
                                               const std::atomic<bool>* stopping) {
  return std::make_unique<RunsService>(core, gate, stopping);
}

}  // namespace mailquench::controller
