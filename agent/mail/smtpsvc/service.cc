#include "agent/mail/smtpsvc/service.h"

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/services/dependents.h"
#include "agent/mail/services/progress.h"
#include "agent/mail/smtpsvc/auto_start.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kDependentsListed, "smtpsvc.stop.dependents_listed");
MQ_DEFINE_FAULT_POINT(kDependentsStopped, "smtpsvc.stop.dependents_stopped");

constexpr std::int64_t kMostCounted = 1000;
constexpr std::uint32_t kStartCommand = 1, kStopCommand = 2;

absl::Status CameBack(const std::string& what) {
  return Error(absl::StatusCode::kAborted, "SERVICE_CAME_BACK",
               absl::StrCat(what,
                            " was stopped twice and runs again: something on this host starts it "
                            "(a watchdog, IISADMIN's recovery, a person); no queue was touched; "
                            "end what starts it, then repeat"));
}

// As it takes its time: what it reads meanwhile may be why.
ServiceProgress TalkOf(const CallContext& context,
                       const char* doing,
                       const std::vector<VirtualServer>& servers) {
  return Talk(context, absl::StrCat(kService, " has been ", doing),
              [&servers] { return BadmailNotice(servers); });
}
}  // namespace

std::string BadmailNotice(const std::vector<VirtualServer>& servers) {
  std::vector<std::string> notices;
  std::set<std::string> seen;
  for (const VirtualServer& server : servers) {
    if (server.badmail.empty() || !seen.insert(server.badmail).second) continue;
    std::int64_t files = 0;
    const absl::Status walked = ForEachEntry(
        server.badmail,
        [&files](const FolderEntry&) -> absl::StatusOr<bool> { return ++files < kMostCounted; });
    if (walked.ok() && files >= kMostCounted)
      notices.push_back(absl::StrCat("Badmail of virtual server ", server.name, " holds at least ",
                                     files, " files, which it reads"));
  }
  return absl::StrJoin(notices, ", ");
}

absl::StatusOr<ServiceState> SmtpService::State() {
  const absl::StatusOr<ServiceInfo> info = services_.Query(kService);
  if (absl::IsNotFound(info.status()))
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SERVICE",
                 "this host has no service SMTPSVC; nothing was done; install Windows' SMTP "
                 "server, or give this agent its right mail_system");
  MQ_RETURN_IF_ERROR(info.status());
  return info->state;
}

absl::StatusOr<bool> SmtpService::ServiceRuns() {
  MQ_ASSIGN_OR_RETURN(const ServiceState state, State());
  return state != ServiceState::kStopped;
}

absl::StatusOr<std::vector<bool>> SmtpService::Running(const std::vector<VirtualServer>& servers) {
  MQ_ASSIGN_OR_RETURN(const ServiceState state, State());
  // While the service comes and goes the states of its servers are not to be relied on.
  const bool settled = state == ServiceState::kRunning || state == ServiceState::kPaused;
  std::vector<bool> running;
  for (const VirtualServer& server : servers)
    running.push_back(state != ServiceState::kStopped &&
                      (!settled || server.state != VirtualServerState::kStopped));
  return running;
}

std::string SmtpService::DependentsFile() const {
  return options_.state_directory.empty()
             ? ""
             : absl::StrCat(options_.state_directory, "/smtpsvc-dependents");
}

absl::Status SmtpService::StopDependents(const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> dependents,
                      services_.RunningDependents(kService));
  if (dependents.empty()) return absl::OkStatus();
  const std::string file = DependentsFile();
  if (!file.empty()) MQ_RETURN_IF_ERROR(ListDependents(file, dependents));
  MQ_FAULT_POINT(kDependentsListed);
  for (const std::string& name : dependents) {
    context.progress(absl::StrCat("stopping ", name, ", which depends on ", kService));
    const absl::Status stopped =
        services_.Stop(name, context.deadline,
                       [&](const ServiceInfo&, absl::Duration) { return context.still_wanted(); });
    if (!stopped.ok())
      return Prepend(stopped,
                     absl::StrCat("service ", name, " depends on ", kService, " and did not stop; ",
                                  kService, " runs on and no queue was touched"));
  }
  MQ_FAULT_POINT(kDependentsStopped);
  return absl::OkStatus();
}

absl::StatusOr<bool> SmtpService::StaysStopped() {
  const absl::Time until = absl::Now() + options_.settle;
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const bool runs, ServiceRuns());
    if (runs) return false;
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, options_.between_looks));
  }
}

absl::Status SmtpService::StopService(const std::vector<VirtualServer>& servers,
                                      const CallContext& context) {
  const absl::Time began = absl::Now();
  // Twice: a recovery action starts it once, somebody who fights for it again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    MQ_RETURN_IF_ERROR(StopDependents(context));
    const absl::Status stopped =
        services_.Stop(kService, context.deadline, TalkOf(context, "stopping", servers));
    if (ReasonOf(stopped) == "SERVICE_STOP_TIMED_OUT") {
      const std::string badmail = BadmailNotice(servers);
      return Error(
          absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT",
          absl::StrCat(kService, " was told to stop and had not after ",
                       Seconds(absl::Now() - began), badmail.empty() ? "" : "; ", badmail,
                       "; it may still stop by itself; no queue and no setting was touched; wait "
                       "for its end or end inetinfo.exe, then repeat with more time"));
    }
    if (!stopped.ok())
      return Prepend(stopped, absl::StrCat(kService, " did not stop; no queue was touched"));
    MQ_ASSIGN_OR_RETURN(const bool stays, StaysStopped());
    if (stays) return absl::OkStatus();
    context.progress(absl::StrCat(kService, " was started again by somebody; stopping it again"));
  }
  return CameBack(kService);
}

absl::Status SmtpService::Command(const VirtualServer& server, std::uint32_t command) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> now,
                      metabase_.Read(server.name, Property::kServerCommand, /*inherited=*/false));
  MetabaseValue value = MakeDword(command, now.has_value() ? now->attributes : 0,
                                  now.has_value() ? now->user_type : 1);
  return metabase_.Write(server.name, Property::kServerCommand, value);
}

absl::StatusOr<bool> SmtpService::WaitForState(const VirtualServer& server,
                                               VirtualServerState wanted,
                                               const CallContext& context,
                                               const char* doing) {
  const absl::Time began = absl::Now();
  const absl::Time until = std::min(context.deadline, began + options_.server_wait);
  absl::Time next_words = began + kBetweenWords;
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const VirtualServerState state, StateOf(metabase_, server.name));
    if (state == wanted) return true;
    MQ_RETURN_IF_ERROR(context.still_wanted());
    const absl::Time now = absl::Now();
    if (now >= until) return false;
    if (now >= next_words) {
      next_words = now + kBetweenWords;
      context.progress(absl::StrCat("virtual server ", server.name, " has been ", doing, " for ",
                                    Seconds(now - began)));
    }
    absl::SleepFor(std::min(options_.between_looks, until - now));
  }
}

absl::Status SmtpService::StopServer(const VirtualServer& server, const CallContext& context) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    MQ_ASSIGN_OR_RETURN(const VirtualServerState state, StateOf(metabase_, server.name));
    if (state != VirtualServerState::kStopped)
      MQ_RETURN_IF_ERROR(Prepend(Command(server, kStopCommand),
                                 absl::StrCat("virtual server ", server.name,
                                              " could not be told to stop; nothing was touched")));
    MQ_ASSIGN_OR_RETURN(const bool stopped,
                        WaitForState(server, VirtualServerState::kStopped, context, "stopping"));
    if (!stopped)
      return Error(
          absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT",
          absl::StrCat("virtual server ", server.name,
                       " was told to stop and has not in its time; it may still stop by itself; "
                       "no queue and no setting was touched; stop the whole service instead"));
    absl::SleepFor(options_.settle);
    MQ_ASSIGN_OR_RETURN(const VirtualServerState again, StateOf(metabase_, server.name));
    if (again == VirtualServerState::kStopped) return absl::OkStatus();
  }
  return CameBack(absl::StrCat("virtual server ", server.name));
}

absl::Status SmtpService::Stop(const std::vector<VirtualServer>& servers,
                               bool all,
                               const CallContext& context) {
  if (all) return StopService(servers, context);
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, Running(servers));
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (running[i]) MQ_RETURN_IF_ERROR(StopServer(servers[i], context));
  }
  return absl::OkStatus();
}

absl::Status SmtpService::StartServer(const VirtualServer& server, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const VirtualServerState state, StateOf(metabase_, server.name));
  if (state == VirtualServerState::kStarted) return absl::OkStatus();
  // One that the service is starting by itself needs no word, and takes it without harm.
  if (state != VirtualServerState::kStarting)
    MQ_RETURN_IF_ERROR(Prepend(Command(server, kStartCommand),
                               absl::StrCat("virtual server ", server.name,
                                            " could not be told to start; it stays stopped")));
  MQ_ASSIGN_OR_RETURN(const bool started,
                      WaitForState(server, VirtualServerState::kStarted, context, "starting"));
  if (started) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "SERVER_NOT_STARTED",
               absl::StrCat("virtual server ", server.name,
                            " was told to start and does not run; the system's event log says why "
                            "(source SMTPSVC: a taken port, a folder that it may not write to)"));
}

absl::Status SmtpService::Start(const std::vector<VirtualServer>& servers,
                                const CallContext& context) {
  for (const VirtualServer& server : servers) {
    MQ_ASSIGN_OR_RETURN(const std::string queue,
                        DirectoryOf(server, server.queue, "QueueDirectory"));
    const absl::Status there =
        ForEachEntry(queue, [](const FolderEntry&) -> absl::StatusOr<bool> { return false; });
    // A link is the operator's own and IIS follows it.
    if (absl::IsNotFound(there))
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                   absl::StrCat("virtual server ", server.name, ": its queue folder ", queue,
                                " is missing, and it would not start without; nothing was "
                                "started; complete the quarantine that took it, or make it"));
  }
  MQ_ASSIGN_OR_RETURN(const bool ran, ServiceRuns());
  // Those that are not to run must not run for a moment: they may hold spam and an open relay.
  const AutoStart auto_start(metabase_, options_.state_directory);
  absl::Status first = auto_start.PutBack();
  if (first.ok() && !ran) {
    MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> others, OthersThan(servers));
    first = auto_start.Hold(others);
  }
  if (!first.ok()) {
    auto_start.PutBack().IgnoreError();  // What fails here is in the file, for the next start.
    return Prepend(first, absl::StrCat("nothing was started: ServerAutoStart could not be set"));
  }
  first = services_.Start(kService, context.deadline, TalkOf(context, "starting", servers));
  if (!first.ok()) {
    auto_start.PutBack().IgnoreError();
    return first;
  }
  for (const VirtualServer& server : servers) first.Update(StartServer(server, context));
  if (!ran) {
    first.Update(StopOthers(servers, context));
    absl::SleepFor(options_.settle);  // One may have begun to start before it was told.
    first.Update(StopOthers(servers, context));
  }
  first.Update(auto_start.PutBack());
  if (!DependentsFile().empty())
    first.Update(StartDependents(services_, DependentsFile(), kService, context));
  return first;
}

absl::StatusOr<std::vector<VirtualServer>> SmtpService::OthersThan(
    const std::vector<VirtualServer>& servers) {
  MQ_ASSIGN_OR_RETURN(std::vector<VirtualServer> all, FindVirtualServers(metabase_, {}));
  std::erase_if(all, [&](const VirtualServer& other) {
    return std::any_of(servers.begin(), servers.end(),
                       [&](const VirtualServer& one) { return one.name == other.name; });
  });
  return all;
}

absl::Status SmtpService::StopOthers(const std::vector<VirtualServer>& servers,
                                     const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> others, OthersThan(servers));
  absl::Status first;
  for (const VirtualServer& other : others) {
    if (other.state != VirtualServerState::kStopped) first.Update(StopServer(other, context));
  }
  return first;
}

}  // namespace mailquench::agent::smtpsvc
