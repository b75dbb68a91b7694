#include "agent/mail/exchange/exchange_mail_system.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/exchange/blocked_senders.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/reply_log.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/exchange/version_words.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/host.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
// Transport's own limits are shares of a volume; below this any of them is near.
constexpr std::int64_t kLittleRoom = std::int64_t{2} * 1024 * 1024 * 1024;

absl::Status NoMove() {
  return Error(absl::StatusCode::kUnimplemented, "NO_MOVE",
               absl::StrCat(kNoMove, "; nothing was done"));
}

ExchangeOptions Complete(ExchangeOptions options, const Installation& installation) {
  options.service.state_directory = options.state_directory;
  options.queue.server = installation.server;
  options.queue.role = installation.role;
  options.queue.disk.remembered = JoinPath(options.state_directory, "exchange-quarantines");
  options.isolation.file = JoinPath(options.state_directory, "exchange-isolation");
  options.settings.server = installation.server;
  options.settings.role = installation.role;
  if (!options.settings.own_addresses) options.settings.own_addresses = OwnAddresses;
  return options;
}

SurveyOptions SurveyOf(const Installation& installation, const std::string& state_directory) {
  SurveyOptions out;
  out.server = installation.server;
  out.at_stop = JoinPath(state_directory, "exchange-at-stop");
  return out;
}
}  // namespace

ExchangeMailSystem::ExchangeMailSystem(Installation installation,
                                       Shell& shell,
                                       ServiceManager& services,
                                       ExchangeOptions options)
    : installation_(std::move(installation)),
      shell_(shell),
      services_(services),
      options_(Complete(std::move(options), installation_)),
      survey_(SurveyOf(installation_, options_.state_directory)),
      remembered_paths_(JoinPath(options_.state_directory, "exchange-paths")),
      service_(
          services,
          shell,
          installation_,
          [this] { return Settings().Listeners(); },
          options_.service),
      isolation_(installation_, shell, services, service_, options_.queue, options_.isolation),
      belonging_(shell, installation_, JoinPath(options_.state_directory, "exchange-belonging")) {}

std::unique_ptr<ExchangeMailSystem> ExchangeMailSystem::Own(
    Installation installation,
    std::unique_ptr<Shell> shell,
    std::unique_ptr<ServiceManager> services,
    ExchangeOptions options) {
  auto out = std::make_unique<ExchangeMailSystem>(std::move(installation), *shell, *services,
                                                  std::move(options));
  out->own_shell_ = std::move(shell);
  out->own_services_ = std::move(services);
  return out;
}

absl::Time ExchangeMailSystem::CallDeadline() const {
  return absl::Now() + options_.call_wait;
}

absl::Status ExchangeMailSystem::Check(const InstanceNames& instances) const {
  for (const std::string& name : instances) {
    if (!absl::EqualsIgnoreCase(name, installation_.server))
      return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                   absl::StrCat("no Exchange server '", Printable(name), "' is on this host, but ",
                                installation_.server, "; nothing was done"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TransportPaths> ExchangeMailSystem::Paths() const {
  return FindPaths(installation_, remembered_paths_);
}

absl::Status ExchangeMailSystem::IsStopped(const char* why) {
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  if (!runs) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING",
               absl::StrCat("Transport of ", installation_.server, " runs, and ", why));
}

absl::Status ExchangeMailSystem::IsRunning(const char* why) {
  const absl::StatusOr<ServiceInfo> info = services_.Query(kTransport);
  MQ_RETURN_IF_ERROR(info.status());
  if (info->state == ServiceState::kRunning) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_STOPPED",
               absl::StrCat("Transport of ", installation_.server, " does not run, and ", why));
}

absl::StatusOr<Inventory> ExchangeMailSystem::Inspect() {
  LiftForgotten();
  // Where the folders are is wanted when nobody answers any more.
  LearnPaths(shell_, installation_, remembered_paths_, CallDeadline()).IgnoreError();
  const auto belonging = belonging_.Get(options_.belonging_age, CallDeadline());
  return TakeInventory(shell_, installation_, Settings().Listeners(), belonging, CallDeadline());
}

absl::StatusOr<v1::ServiceStatusResult> ExchangeMailSystem::Status(const InstanceNames& instances) {
  MQ_RETURN_IF_ERROR(Check(instances));
  LiftForgotten();
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  v1::ServiceStatusResult result;
  v1::ServiceStatusResult::Instance& entry = *result.add_instances();
  entry.set_name(installation_.server);
  entry.set_running(runs);
  entry.set_config_directory(Join(installation_.path, {"Bin"}));
  const absl::StatusOr<TransportPaths> paths = Paths();
  if (paths.ok()) entry.set_queue_directory(paths->queue);
  entry.set_version(VersionWords(installation_));
  std::string notice = paths.ok() ? "" : std::string(paths.status().message());
  const std::vector<Component> components = service_.Components();
  if (components.empty()) notice = "the states of its components could not be read";
  for (const Component& one : components) {
    entry.add_components(Words(one));
    if (runs && !one.active() && one.name != kRecovery)
      absl::StrAppend(&notice, notice.empty() ? "" : "; ", Words(one), ": it takes no mail");
  }
  const std::string cut_off = isolation_.WhyCutOff();
  if (!cut_off.empty()) absl::StrAppend(&notice, notice.empty() ? "" : "; ", cut_off);
  entry.set_notice(notice);
  return result;
}

absl::StatusOr<ServiceGlance> ExchangeMailSystem::Glance() {
  ServiceGlance glance;
  MQ_ASSIGN_OR_RETURN(glance.running, service_.Runs());
  const absl::StatusOr<TransportPaths> paths = Paths();
  if (paths.ok()) glance.queue_directories.push_back(paths->queue);
  return glance;
}

absl::StatusOr<v1::ServiceStopResult> ExchangeMailSystem::Stop(const InstanceNames& instances,
                                                               const CallContext& context) {
  MQ_RETURN_IF_ERROR(Check(instances));
  const std::lock_guard<std::mutex> lock(changing_);
  // A stop is never kept from stopping.
  if (const absl::Status ended = EndIsolation(false, context); !ended.ok())
    context.progress(absl::StrCat("warning: ", ended.message()));
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  const absl::StatusOr<TransportPaths> paths = Paths();
  std::optional<v1::InstanceSurvey> counted;
  if (paths.ok()) counted = CountBeforeStop(context);
  MQ_RETURN_IF_ERROR(service_.Stop(context));
  if (counted.has_value()) KeepCount(*std::move(counted), *paths, context);
  v1::ServiceStopResult result;
  if (runs)
    result.add_stopped(installation_.server);
  else
    result.add_already_stopped(installation_.server);
  return result;
}

absl::StatusOr<v1::ServiceStartResult> ExchangeMailSystem::Start(const InstanceNames& instances,
                                                                 const CallContext& context) {
  MQ_RETURN_IF_ERROR(Check(instances));
  const std::lock_guard<std::mutex> lock(changing_);
  MQ_RETURN_IF_ERROR(EndIsolation(false, context));
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  const absl::StatusOr<TransportPaths> paths = Paths();
  // Without its settings Transport would not start either; then it says so itself.
  if (paths.ok()) {
    if (!runs && IsHalfSwept(*paths, options_.queue.disk)) {
      context.progress("completing a quarantine that was cut short");
      const absl::StatusOr<std::string> finished = FinishSweeps(*paths, options_.queue, context);
      if (!finished.ok())
        return Prepend(finished.status(),
                       "Transport was not started, since a quarantine of its queues was cut short "
                       "and cannot be completed");
      if (!finished->empty()) context.progress(absl::StrCat("warning: ", *finished));
    }
    MQ_RETURN_IF_ERROR(RefillSweeps(*paths, options_.queue, context));
  }
  MQ_RETURN_IF_ERROR(service_.Start(context));
  RemoveFile(survey_.at_stop).IgnoreError();
  v1::ServiceStartResult result;
  if (runs)
    result.add_already_running(installation_.server);
  else
    result.add_started(installation_.server);
  return result;
}

absl::Status ExchangeMailSystem::CheckSweep(const InstanceNames& instances) {
  MQ_RETURN_IF_ERROR(Check(instances));
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  // Its folders are not where they should be, and the sweep puts that right first.
  if (IsHalfSwept(paths, options_.queue.disk)) return absl::OkStatus();
  return CheckFolders(paths, options_.queue.disk);
}

absl::StatusOr<v1::QueueQuarantineResult> ExchangeMailSystem::Quarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  // The queue that is in place may be another's.
  if (!isolation_.WhyCutOff().empty()) {
    const std::lock_guard<std::mutex> lock(changing_);
    MQ_RETURN_IF_ERROR(EndIsolation(request.has_filter(), context));
  }
  v1::QueueQuarantineResult result;
  Taken taken;
  if (request.has_filter()) {
    MQ_RETURN_IF_ERROR(
        IsRunning("it alone can give single messages up; no message was touched; "
                  "start it, or set its whole queue aside"));
    MQ_ASSIGN_OR_RETURN(taken, TakeMatching(shell_, paths, request, options_.queue, context));
  } else {
    MQ_RETURN_IF_ERROR(
        IsStopped("a whole queue is set aside only while it does not; no queue was "
                  "touched; stop it first, or name what to set aside"));
    std::optional<v1::InstanceSurvey> known;
    const absl::StatusOr<v1::QueueSurveyResult> survey = Survey({}, context);
    if (survey.ok() && !survey->instances(0).partial()) known = survey->instances(0);
    MQ_ASSIGN_OR_RETURN(*result.mutable_notice(), FinishSweeps(paths, options_.queue, context));
    MQ_ASSIGN_OR_RETURN(taken, Sweep(paths, request, known, options_.queue, context));
  }
  *result.add_quarantines() = taken.info;
  absl::StrAppend(result.mutable_notice(),
                  result.notice().empty() || taken.notice.empty() ? "" : " ", taken.notice);
  const std::int64_t nanos = absl::ToInt64Nanoseconds(taken.swap_time);
  result.mutable_swap_time()->set_seconds(nanos / 1000000000);
  result.mutable_swap_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
  if (request.has_filter()) return result;
  // Looked at anew: who started it may have done so at any moment of the sweep.
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.Runs());
  if (!runs) return result;
  return Error(absl::StatusCode::kAborted, "SERVICE_CAME_BACK",
               "the queue is set aside, but somebody started Transport while that was done, and it "
               "runs; end what starts it (Managed Availability, a watchdog), stop it, then repeat");
}

absl::StatusOr<v1::QuarantineAnalyseResult> ExchangeMailSystem::PreviewQuarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  if (request.has_filter()) {
    MQ_RETURN_IF_ERROR(IsRunning("it alone can show single messages; start it"));
    return PreviewMatching(shell_, request.filter(), kPreviewSamples, options_.queue, context);
  }
  MQ_ASSIGN_OR_RETURN(const v1::QueueSurveyResult survey, Survey({}, context));
  const v1::InstanceSurvey& one = survey.instances(0);
  v1::QuarantineAnalyseResult result;
  result.set_matching(one.messages());
  result.set_matching_bytes(one.bytes());
  *result.mutable_picture() = one.picture();
  result.set_notice(one.notice());
  result.mutable_quarantine()->set_instance(installation_.server);
  result.mutable_quarantine()->set_messages(one.messages());
  result.mutable_quarantine()->set_bytes(one.bytes());
  return result;
}

absl::StatusOr<v1::QuarantineListResult> ExchangeMailSystem::ListQuarantines() {
  // Also where the config is damaged: what was set aside is still here.
  const absl::StatusOr<TransportPaths> paths = Paths();
  MQ_ASSIGN_OR_RETURN(std::vector<v1::QuarantineInfo> list,
                      ListHomes(paths.ok() ? QuarantineRoots(*paths) : std::vector<std::string>(),
                                options_.queue.disk));
  v1::QuarantineListResult result;
  for (v1::QuarantineInfo& info : list) *result.add_quarantines() = std::move(info);
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> ExchangeMailSystem::Analyse(
    const v1::QuarantineAnalyse& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  return AnalyseQuarantine(paths, request, options_.queue, context);
}

absl::StatusOr<v1::QuarantineReleaseResult> ExchangeMailSystem::Release(
    const v1::QuarantineRelease& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  MQ_ASSIGN_OR_RETURN(
      const OpenQuarantine open,
      OpenById(QuarantineRoots(paths), request.quarantine_id(), options_.queue.disk));
  std::unique_lock<std::mutex> lock(changing_);
  MQ_RETURN_IF_ERROR(EndIsolation(true, context));
  const bool lift =
      request.isolate() && HasDatabase(open) && !IsReleaseBegun(open, context.command_id);
  if (!lift) lock.unlock();
  MQ_RETURN_IF_ERROR(
      IsRunning("it takes what is released out of its Replay folder itself; nothing "
                "was released; start it, then repeat"));
  if (lift) {
    MQ_ASSIGN_OR_RETURN(const Lifted lifted,
                        isolation_.Lift(paths, open, request.filter(), context));
    context.progress(absl::StrCat(
        lifted.matching, " messages were lifted out of the database",
        lifted.stuck == 0 ? ""
                          : absl::StrCat(", ", lifted.stuck,
                                         " could not be and stay in it: ", lifted.first_trouble)));
    lock.unlock();
  }
  return ReleaseQuarantine(shell_, paths, request, options_.queue, context);
}

absl::StatusOr<std::vector<std::string>> ExchangeMailSystem::ReleaseWarnings(
    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(
      const BlockedSenders blocked,
      BlockedSenders::Read(shell_, installation_.role,
                           std::min(context.deadline, absl::Now() + options_.call_wait)));
  std::vector<std::string> out;
  for (const std::string& one : blocked.Names())
    out.push_back(absl::StrCat(one,
                               " is blocked: its mail stays in the quarantine, since the rule of "
                               "that block would reject it; unblock it first"));
  return out;
}

absl::StatusOr<v1::QuarantineDiscardResult> ExchangeMailSystem::Discard(
    const v1::QuarantineDiscard& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  return DiscardQuarantine(paths, request, options_.queue, context);
}

absl::StatusOr<v1::QuarantineMoveResult> ExchangeMailSystem::PreviewMove(
    const v1::QuarantineMove& /*request*/) {
  return NoMove();
}

absl::StatusOr<v1::QuarantineMoveResult> ExchangeMailSystem::Move(
    const v1::QuarantineMove& /*request*/, const CallContext& /*context*/) {
  return NoMove();
}

std::string ExchangeMailSystem::SpaceNotice(const InstanceNames& /*instances*/) {
  const absl::StatusOr<TransportPaths> paths = Paths();
  if (!paths.ok()) return "";
  const absl::StatusOr<std::int64_t> free = FreeBytes(paths->queue);
  if (!free.ok() || *free >= kLittleRoom) return "";
  return absl::StrCat(
      "The volume of ", paths->queue, " has ", *free / 1024 / 1024,
      " MiB left: near that Transport refuses mail (back pressure), and what is set "
      "aside stays on it.");
}

absl::StatusOr<ReadLog> ExchangeMailSystem::ReadDeliveryReplies(absl::Time since,
                                                                const ReplyVisitor& visit,
                                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const TransportPaths paths, Paths());
  return ReadReplies(paths.tracking, since, visit, context);
}

}  // namespace mailquench::agent::exchange
