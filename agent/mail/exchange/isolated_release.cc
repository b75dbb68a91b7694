#include "agent/mail/exchange/isolated_release.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/borrowed_queue.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kRecorded, "exchange.isolation.recorded");
MQ_DEFINE_FAULT_POINT(kCut, "exchange.isolation.cut");
MQ_DEFINE_FAULT_POINT(kStopped, "exchange.isolation.stopped");
MQ_DEFINE_FAULT_POINT(kStarted, "exchange.isolation.started");
MQ_DEFINE_FAULT_POINT(kProven, "exchange.isolation.proven");
MQ_DEFINE_FAULT_POINT(kSaved, "exchange.isolation.saved");
MQ_DEFINE_FAULT_POINT(kLiftedOut, "exchange.isolation.lifted");
MQ_DEFINE_FAULT_POINT(kQueueBack, "exchange.isolation.back");
MQ_DEFINE_FAULT_POINT(kOpen, "exchange.isolation.open");

// Within a host nothing is filtered: what delivers into its mailboxes stands still, and what
// submits from them, too.
constexpr char kDelivery[] = "MSExchangeDelivery", kSubmission[] = "MSExchangeSubmission";

absl::Status Quiet(const ServiceInfo& /*info*/, absl::Duration /*waited*/) {
  return absl::OkStatus();
}
}  // namespace

IsolatedRelease::IsolatedRelease(const Installation& installation,
                                 Shell& shell,
                                 ServiceManager& services,
                                 TransportService& transport,
                                 QueueOptions queue,
                                 IsolationOptions options)
    : installation_(installation),
      shell_(shell),
      services_(services),
      transport_(transport),
      queue_(std::move(queue)),
      options_(std::move(options)),
      rules_(shell, installation) {}

std::vector<std::string> IsolatedRelease::Deliverers() const {
  if (installation_.role == Role::kEdge) return {};
  return {kDelivery, kSubmission};
}

// Ends what was begun, wanted or not.
CallContext IsolatedRelease::Patient(const CallContext& context) const {
  CallContext out = context;
  out.still_wanted = [] { return absl::OkStatus(); };
  out.deadline = std::max(context.deadline, absl::Now() + options_.undo_wait);
  return out;
}

std::string IsolatedRelease::WhyCutOff() const {
  const absl::StatusOr<IsolationRecord> record = ReadIsolation(options_.file);
  if (absl::IsNotFound(record.status())) return "";
  if (!record.ok()) return std::string(record.status().message());
  return absl::StrCat("this host is cut off from all others since ",
                      absl::FormatTime(record->began), ", for a release of quarantine ",
                      record->quarantine_id,
                      " that did not end; the next start, status or release ends that");
}

absl::Status IsolatedRelease::CheckCutOff(const CallContext& context) {
  MQ_RETURN_IF_ERROR(rules_.Verify(std::min(context.deadline, absl::Now() + queue_.call_wait)));
  std::vector<std::string> still = Deliverers();
  if (installation_.role == Role::kMailbox) still.emplace_back(kFrontEnd);
  for (const std::string& name : still) {
    const absl::StatusOr<ServiceInfo> info = services_.Query(name);
    if (absl::IsNotFound(info.status())) continue;
    MQ_RETURN_IF_ERROR(info.status());
    if (info->state != ServiceState::kStopped)
      return Error(absl::StatusCode::kFailedPrecondition, "ISOLATION_NOT_PROVEN",
                   absl::StrCat(name, " runs, which somebody started while this host was cut off"));
  }
  return absl::OkStatus();
}

absl::Status IsolatedRelease::StartAlone(IsolationRecord& record, const CallContext& context) {
  MQ_RETURN_IF_ERROR(CheckCutOff(context));
  record.may_hold_mail = true;
  MQ_RETURN_IF_ERROR(WriteIsolation(options_.file, record));
  MQ_RETURN_IF_ERROR(Prepend(services_.Start(kTransport, context.deadline, Quiet),
                             "Transport did not start while this host was cut off"));
  MQ_FAULT_POINT(kStarted);
  return WaitForCalm(shell_, queue_, context);
}

absl::Status IsolatedRelease::SaveAndStop(const OpenQuarantine& open,
                                          IsolationRecord& record,
                                          const CallContext& context) {
  // A file that somebody put into Pickup, say: it would go with the database.
  MQ_ASSIGN_OR_RETURN(const Lifted saved,
                      LiftMessages(shell_, open, nullptr, record.began, queue_, context));
  record.may_hold_mail = saved.stuck_came > 0;
  MQ_RETURN_IF_ERROR(WriteIsolation(options_.file, record));
  MQ_FAULT_POINT(kSaved);
  return transport_.Stop(context);
}

absl::StatusOr<Lifted> IsolatedRelease::Run(const TransportPaths& paths,
                                            const OpenQuarantine& open,
                                            const v1::MessageFilter& filter,
                                            const WayOut& way_out,
                                            IsolationRecord& record,
                                            const CallContext& context) {
  const BorrowedQueue queue(record.folders, queue_.swap, queue_.disk, context);
  context.progress("copying the database");
  MQ_RETURN_IF_ERROR(queue.MakeCopy(open));
  // While it still runs: where this cannot be done nothing was stopped.
  MQ_RETURN_IF_ERROR(rules_.Put(way_out.ports,
                                absl::StrCat("For a release of quarantine ", record.quarantine_id),
                                std::min(context.deadline, absl::Now() + queue_.call_wait)));
  MQ_RETURN_IF_ERROR(rules_.Verify(std::min(context.deadline, absl::Now() + queue_.call_wait)));
  MQ_FAULT_POINT(kCut);
  record.stopping = true;
  MQ_RETURN_IF_ERROR(WriteIsolation(options_.file, record));
  MQ_RETURN_IF_ERROR(transport_.Stop(context));
  for (const std::string& name : record.stopped)
    MQ_RETURN_IF_ERROR(services_.Stop(name, context.deadline, Quiet));
  MQ_FAULT_POINT(kStopped);
  MQ_RETURN_IF_ERROR(queue.PutAside());
  context.progress("this host is cut off; a probe shows whether anything leaves it");
  MQ_RETURN_IF_ERROR(StartAlone(record, context));
  MQ_RETURN_IF_ERROR(ProveIsolation(shell_, installation_.server, paths.replay, way_out.smart_hosts,
                                    QuarantineId(record.command_id, record.quarantine_id),
                                    options_.probe, context));
  MQ_FAULT_POINT(kProven);
  MQ_RETURN_IF_ERROR(SaveAndStop(open, record, context));
  if (record.may_hold_mail)
    return Error(absl::StatusCode::kAborted, "CAME_MEANWHILE",
                 "mail came in while this host was cut off and could not be lifted out of its "
                 "queue; nothing was released, and that queue is kept; end what puts mail into "
                 "Pickup, then repeat");
  MQ_RETURN_IF_ERROR(queue.PutIn());
  context.progress("nothing leaves this host; a copy of the database is opened on it");
  MQ_RETURN_IF_ERROR(StartAlone(record, context));
  // Should the rules go meanwhile, nothing leaves all the same.
  const Cmdlet suspend{"Suspend-Queue",
                       {{"Server", installation_.server},
                        {"Filter", "MessageCount -gt 0 -and DeliveryType -ne 'ShadowRedundancy'"},
                        {"Confirm", false}}};
  const absl::Status suspended =
      shell_.Run({{suspend}, {}, false}, std::min(context.deadline, absl::Now() + queue_.call_wait))
          .status();
  if (!suspended.ok())
    context.progress(
        absl::StrCat("warning: not all queues could be suspended, the firewall alone "
                     "holds them: ",
                     suspended.message()));
  MQ_ASSIGN_OR_RETURN(const Lifted lifted,
                      LiftMessages(shell_, open, &filter, record.began, queue_, context));
  MQ_FAULT_POINT(kLiftedOut);
  MQ_RETURN_IF_ERROR(CheckCutOff(context));
  MQ_RETURN_IF_ERROR(SaveAndStop(open, record, context));
  return lifted;
}

absl::StatusOr<Lifted> IsolatedRelease::Lift(const TransportPaths& paths,
                                             const OpenQuarantine& open,
                                             const v1::MessageFilter& filter,
                                             const CallContext& context) {
  const absl::Time call = std::min(context.deadline, absl::Now() + queue_.call_wait);
  MQ_RETURN_IF_ERROR(CheckShadow(shell_, installation_, call));
  MQ_ASSIGN_OR_RETURN(const WayOut way_out, FindWayOut(shell_, installation_, call));
  MQ_RETURN_IF_ERROR(rules_.CheckThere(call));
  if (paths.replay.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "REPLAY_OFF",
                 "this server watches no Replay folder, through which the probe and all that is "
                 "released would go; nothing was touched; set ReplayDirectoryPath, then repeat");
  IsolationRecord record;
  record.command_id = context.command_id;
  record.quarantine_id = open.manifest.quarantine_id;
  record.began = absl::Now();
  record.folders = {{kQueueLabel, paths.queue}};
  if (paths.logs != paths.queue) record.folders.emplace_back(kLogsLabel, paths.logs);
  for (const std::string& name : Deliverers()) {
    const absl::StatusOr<ServiceInfo> info = services_.Query(name);
    if (absl::IsNotFound(info.status())) continue;
    MQ_RETURN_IF_ERROR(info.status());
    if (info->state != ServiceState::kStopped) record.stopped.push_back(name);
  }
  context.progress(absl::StrCat("note: ", kIsolationCaveat));
  MQ_RETURN_IF_ERROR(WriteIsolation(options_.file, record));
  MQ_FAULT_POINT(kRecorded);
  absl::StatusOr<Lifted> lifted = Run(paths, open, filter, way_out, record, context);
  bool stopped = false;
  const CallContext patient = Patient(context);
  absl::Status ended = Undo(paths, patient, &stopped);
  if (ended.ok() && stopped) ended = transport_.Start(patient);
  if (lifted.ok()) MQ_RETURN_IF_ERROR(ended);
  if (!ended.ok())
    return Prepend(lifted.status(), absl::StrCat("(and then: ", ended.message(), ")"));
  return lifted;
}

absl::Status IsolatedRelease::Undo(const TransportPaths& paths,
                                   const CallContext& context,
                                   bool* stopped) {
  absl::Status undone = UndoAll(paths, context, stopped);
  if (undone.ok()) return undone;
  return Error(absl::StatusCode::kUnavailable, "STILL_CUT_OFF",
               absl::StrCat("the isolation of this host could not be ended: ", undone.message(),
                            "; it takes and sends no mail until then; mend that, then start "
                            "Transport through this agent"),
               {{"cause", ReasonOf(undone)}});
}

absl::Status IsolatedRelease::UndoAll(const TransportPaths& paths,
                                      const CallContext& context,
                                      bool* stopped) {
  absl::StatusOr<IsolationRecord> record = ReadIsolation(options_.file);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(record.status());
  if (record->stopping) {
    *stopped = true;
    const absl::StatusOr<ServiceInfo> info = services_.Query(kTransport);
    if (record->may_hold_mail && info.ok() && info->state == ServiceState::kRunning) {
      const absl::StatusOr<OpenQuarantine> open =
          OpenById(QuarantineRoots(paths), record->quarantine_id, queue_.disk);
      const absl::StatusOr<Lifted> saved =
          open.ok() ? LiftMessages(shell_, *open, nullptr, record->began, queue_, context)
                    : absl::StatusOr<Lifted>(open.status());
      if (saved.ok() && saved->stuck_came == 0) {
        record->may_hold_mail = false;
        MQ_RETURN_IF_ERROR(WriteIsolation(options_.file, *record));
      }
    }
    MQ_RETURN_IF_ERROR(transport_.Stop(context));
  }
  std::string kept;
  const BorrowedQueue queue(record->folders, queue_.swap, queue_.disk, context);
  MQ_RETURN_IF_ERROR(queue.PutBack(record->may_hold_mail, &kept));
  if (!kept.empty())
    context.progress(
        absl::StrCat("warning: mail that came in while this host was cut off may be "
                     "in the queue database in ",
                     kept, ", which was kept"));
  MQ_FAULT_POINT(kQueueBack);
  MQ_RETURN_IF_ERROR(rules_.Remove(std::min(context.deadline, absl::Now() + queue_.call_wait)));
  MQ_FAULT_POINT(kOpen);
  for (const std::string& name : record->stopped)
    MQ_RETURN_IF_ERROR(Prepend(services_.Start(name, context.deadline, Quiet),
                               absl::StrCat(name, " did not start")));
  return RemoveFile(options_.file);
}

}  // namespace mailquench::agent::exchange
