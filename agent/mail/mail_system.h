// What an agent can ask of the mail system of its host, whatever it is. Implementations: postfix/,
// smtpsvc/, exchange/, none/. Plain calls that block; called from the executor's one worker
// thread, never from a reaction of the wire. Everything here is idempotent: called again after a
// crash it completes what was begun.
#ifndef MAILQUENCH_AGENT_MAIL_MAIL_SYSTEM_H_
#define MAILQUENCH_AGENT_MAIL_MAIL_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

using InstanceNames = std::vector<std::string>;  // Empty: all.

// What a call may use while it works.
struct CallContext {
  std::string command_id;  // Names what the call leaves behind; the same after a crash.
  absl::Time deadline = absl::InfiniteFuture();
  std::function<void(const std::string&)> progress = [](const std::string&) {};
  // Asked between two messages, with the deadline: an error ends what a repeat can continue.
  std::function<absl::Status()> still_wanted = [] { return absl::OkStatus(); };
  // Told before an error that ends the call halfway: what was done until then.
  std::function<void(const v1::OperationResult&)> done_so_far = [](const v1::OperationResult&) {};
  // Around a restart that a change needs: recorded before the stop and after the start, so that a
  // repeat knows an instance that a crash in between has left stopped.
  std::function<absl::Status(const std::string& instance, bool begins)> restart =
      [](const std::string&, bool) { return absl::OkStatus(); };
  std::function<bool(const std::string& instance)> restart_cut_short = [](const std::string&) {
    return false;
  };
};

// A change of settings that has been computed and validated, not yet written. Goes into the journal
// before Apply().
struct SettingsChange {
  // One file that the change replaces. `before` and `after` are whole contents; absent is a missing
  // file. Of mail systems whose settings are in no files it is a setting,
  // "metabase:SERVER/PROPERTY", "connector:NAME/PROPERTY", with a text for its value. Whoever named
  // the object chose NAME: it is a text, no path; one that is not one line of UTF-8 is refused.
  struct File {
    std::string instance;
    std::string path;
    std::string before;
    bool before_absent = false;
    std::string after;
    bool after_absent = false;
  };
  v1::ChangeResult result;     // Without snapshot_id.
  std::vector<File> files;     // Empty: nothing to change.
  bool verify_closed = false;  // After it, no listener that is not exempt may relay for a stranger.
};

struct RestorePlan {
  v1::RestoreResult result;
  SettingsChange change;
};

// Gives the survey that was begun. Called once, on any thread, also while the queues are set aside.
// At the context's deadline it gives what it has read, marked as partial.
using Surveyor = std::function<absl::StatusOr<v1::QueueSurveyResult>(const CallContext&)>;

// What a stranger who connects sees, and what the host is made of.
struct Inventory {
  std::string platform;
  std::string version;
  std::vector<v1::Capability> capabilities;
  std::vector<std::string> listeners;
  std::vector<std::string> trusted_ranges;
  std::vector<std::string> egress_addresses;  // That mail leaves from, as the host sees them.
  std::vector<std::string> mail_domains;      // At most kMaxMailDomains.
  bool mail_domains_cut = false;
  std::vector<std::string> helo_names;
  std::string organisation;     // Hosts with the same one share settings; empty: it shares none.
  std::string transport_group;  // Hosts with the same one keep copies of each other's mail.
  std::vector<std::string> transport_members;  // Short names of its servers, itself among them.
  bool transport_group_unknown = false;        // Whether it belongs to one could not be found out.
};
constexpr std::size_t kMaxMailDomains = 200;

// A remote server's refusal of a delivery, as the mail system's own log has it. The texts are the
// server's: hostile bytes, good until the visitor returns.
struct DeliveryReply {
  absl::Time time;
  absl::string_view server;   // Its name; "" where the log has none.
  absl::string_view address;  // Its numeric address.
  absl::string_view text;     // What it said, from the code on.
  bool rejected = false;      // For good; else the message waits for another try.
};
using ReplyVisitor = std::function<void(const DeliveryReply&)>;

// One message of a quarantine as RFC 5322 bytes, taken out of whatever file it is in. Read by one
// thread at a time, any.
class QuarantinedMessage {
 public:
  virtual ~QuarantinedMessage() = default;
  // As ScanKey() of agent/quarantine/scan_record.h makes it.
  virtual const std::string& key() const = 0;
  virtual std::int64_t bytes() const = 0;  // About; -1: not known.
  // The next bytes; 0 is the end. kDataLoss: its file is no complete message.
  virtual absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) = 0;
  virtual absl::Status Rewind() = 0;
  // Who sent it and what about: hostile text made harmless.
  virtual v1::MessageSample Sample() = 0;
};
using QuarantinedVisitor = std::function<absl::Status(std::unique_ptr<QuarantinedMessage>)>;

// What each heartbeat says of the service.
struct ServiceGlance {
  bool running = false;                        // Every instance.
  std::vector<std::string> queue_directories;  // As far as they are known.
};

// How much of the log was read.
struct ReadLog {
  std::vector<v1::MailLogFile> files;
  std::string partial_reason;         // Empty: all of the window that is there.
  std::vector<std::string> not_read;  // Compressed files that may reach into the window.
};

class MailSystem {
 public:
  virtual ~MailSystem() = default;

  virtual absl::StatusOr<Inventory> Inspect() = 0;

  virtual absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames& instances) = 0;
  // Of all instances; quicker than Status where that asks more. Errors: those of Status, and
  // kNotFound where there is no instance.
  virtual absl::StatusOr<ServiceGlance> Glance() {
    const absl::StatusOr<v1::ServiceStatusResult> status = Status({});
    if (!status.ok()) return status.status();
    if (status->instances().empty())
      return absl::NotFoundError("this host has no instance of its mail system");
    ServiceGlance glance;
    glance.running = true;
    for (const v1::ServiceStatusResult::Instance& one : status->instances()) {
      glance.running = glance.running && one.running();
      if (!one.queue_directory().empty()) glance.queue_directories.push_back(one.queue_directory());
    }
    return glance;
  }
  // Waits until the service has really ended, or until the deadline (kDeadlineExceeded; it may end
  // later).
  virtual absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames& instances,
                                                     const CallContext& context) = 0;
  // A success says that it takes mail. Where it runs and takes none, that is an error, and the
  // instance's notice in Status says why.
  virtual absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames& instances,
                                                       const CallContext& context) = 0;

  virtual absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames& instances,
                                                       const CallContext& context) = 0;
  // Takes hold of the queues as they are now, so that what stops and moves them need not wait for
  // the survey's end. Quick. kUnimplemented where a mail system cannot.
  virtual absl::StatusOr<Surveyor> BeginSurvey(const InstanceNames& /*instances*/) {
    return absl::UnimplementedError("this mail system is surveyed at rest only");
  }
  // Messages in all queues; counts files, reads none.
  virtual absl::StatusOr<std::int64_t> CountQueued(const InstanceNames& instances) = 0;
  // Messages a second that leave all queues, less those that come, as the mail system itself says
  // it; below zero: they fill. None where it says nothing of the kind.
  virtual absl::StatusOr<std::optional<double>> Velocity(const InstanceNames& /*instances*/) {
    return std::optional<double>();
  }

  // Sets mail aside. Without a filter every chosen instance must be stopped (kFailedPrecondition),
  // else it works on the running system. The quarantine's id is made from context.command_id and
  // the instance.
  virtual absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                               const CallContext& context) = 0;
  // Counts and samples of what Quarantine would take.
  virtual absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(
      const v1::QueueQuarantine& request, const CallContext& context) = 0;
  virtual absl::StatusOr<v1::QuarantineListResult> ListQuarantines() = 0;
  virtual absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse& request,
                                                              const CallContext& context) = 0;
  virtual absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease& request,
                                                              const CallContext& context) = 0;
  // The folder with the manifest of a quarantine, where what a scan finds is kept. Errors:
  // kNotFound/UNKNOWN_QUARANTINE, kUnimplemented, those of ReadQuarantined().
  virtual absl::StatusOr<std::string> QuarantineHome(const std::string& /*quarantine_id*/) {
    return absl::UnimplementedError(
        "messages of a quarantine cannot be read one by one on this mail system; nothing was "
        "scanned");
  }
  // Opens each message for which `wanted` is true, also one that Read() will find broken, and hands
  // it out. Memory does not grow with their number. Errors: kNotFound/UNKNOWN_QUARANTINE,
  // kFailedPrecondition (a database that only its server reads; a volume that is away),
  // kUnimplemented, those of `visit` and of the context.
  virtual absl::Status ReadQuarantined(
      const std::string& quarantine_id,
      const std::function<bool(const std::string& key)>& /*wanted*/,
      const QuarantinedVisitor& /*visit*/,
      const CallContext& /*context*/) {
    return QuarantineHome(quarantine_id).status();
  }
  // Whether Release wants every instance stopped: whoever calls it stops and starts them.
  virtual bool ReleasesStopped() const { return false; }
  // Whether Release obeys `isolate`: it cuts the host off, proves that, and releases nothing where
  // it cannot; it ends the isolation itself, also of a release that a crash, or still_wanted, has
  // cut short. Elsewhere a release that asks for it is refused.
  virtual bool IsolatesReleases() const { return false; }
  // What a person must know before he asks for one; "" mostly.
  virtual std::string IsolationCaveat() const { return ""; }
  // What the dry run of one warns of beside that.
  virtual absl::StatusOr<std::vector<std::string>> ReleaseWarnings(const CallContext& /*context*/) {
    return std::vector<std::string>();
  }
  virtual absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard& request,
                                                              const CallContext& context) = 0;
  // What can be told of a whole sweep while they still run: what Quarantine would refuse once they
  // are stopped. Nothing is touched.
  virtual absl::Status CheckSweep(const InstanceNames& /*instances*/) { return absl::OkStatus(); }
  // Whether who reads through a queue or a quarantine may keep a sweep waiting: such reading makes
  // way then.
  virtual bool ScansDelaySweeps() const { return false; }
  // The dry run: what Move would copy, and the room that is there for it. Refuses what Move
  // refuses.
  virtual absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(
      const v1::QuarantineMove& request) = 0;
  // `directory` is absolute and admitted by this host's own list, or "home". At every moment the
  // quarantine is whole in one of the two places; all the other calls find it there.
  virtual absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                        const CallContext& context) = 0;
  // One sentence where a queue's file system has less room than the mail system wants, else "":
  // mail that is set aside stays on it.
  virtual std::string SpaceNotice(const InstanceNames& /*instances*/) { return ""; }

  // Each computes and validates a change; nothing is written. An empty `files` means: already so.
  virtual absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) = 0;
  virtual absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) = 0;
  // Whether, for want of such a setting, notifications are silenced by setting queued ones aside at
  // each watch while a contain is outstanding. PlanNdrSilence() is kUnimplemented then.
  virtual bool SilencesByWatch() const { return false; }
  // Servers keep copies of mail for each other no more.
  virtual absl::StatusOr<SettingsChange> PlanShadowSuspend(const v1::ShadowSuspend& /*request*/) {
    return absl::UnimplementedError(
        "servers of this mail system keep no copies of mail for each other; nothing was changed");
  }
  // From which address, under which name and through whom mail leaves. The notice names what still
  // goes another way. Errors: those of ReadEgressRequest() and CheckOwnAddresses().
  virtual absl::StatusOr<SettingsChange> PlanEgress(const v1::EgressSet& /*request*/) {
    return absl::UnimplementedError(
        "the way out of this mail system cannot be set from here; nothing was changed");
  }
  // Whether such an operation changes what all hosts of Inventory::organisation share, so that one
  // of them does it for all.
  virtual bool OrganisationWide(v1::Operation::KindCase /*kind*/) const { return false; }
  virtual absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) = 0;
  virtual absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock& request) = 0;
  // `settings`: of the changes that go, oldest first, as recorded. `staying`: of later ones that
  // stay (blocks); where both touched one entry, what goes is undone below what stays.
  virtual absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                                  const std::vector<v1::RestoreDecision>& decisions,
                                                  const std::vector<v1::Setting>& staying) = 0;
  // Those of the recorded settings whose value of now is not what was last recorded as set. Only
  // reads, and is quick.
  virtual absl::StatusOr<std::vector<v1::Setting>> Drifted(
      const std::vector<v1::Setting>& /*recorded, oldest first*/) {
    return std::vector<v1::Setting>();
  }
  // Writes the files (each whole and atomically; a file that is neither `before` nor `after` is
  // kAborted and nothing is overwritten), and, where the service runs, makes it take them and asks
  // every listener in a real dialogue. Where that fails the files are put back as they were and the
  // error says so.
  virtual absl::Status Apply(const SettingsChange& change, const CallContext& context) = 0;
  // The effective settings of every listener are those of the lock, as far as can be told with the
  // service stopped.
  virtual absl::Status VerifyLocked(const v1::RelayLock& request) = 0;

  // Shows every reply 4xx and 5xx of a remote server to a delivery since `since`, the newest part
  // of the log first. Where the deadline, or another limit, ends it before, the result says so.
  // Errors: kUnimplemented, kFailedPrecondition/NO_MAIL_LOG, those of still_wanted.
  virtual absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                                      const ReplyVisitor& visit,
                                                      const CallContext& context) = 0;

  virtual absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe& request,
                                                     const CallContext& context) = 0;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_MAIL_SYSTEM_H_
