// The controller's durable memory: one SQLite file through SOCI, protocol messages as blobs beside
// their key columns. Every write is on the disk when it returns (WAL, synchronous=FULL).
#ifndef MAILQUENCH_CONTROLLER_STORE_STORE_H_
#define MAILQUENCH_CONTROLLER_STORE_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/store/records.h"
#include "mailquench/v1/antivirus.pb.h"
#include "mailquench/v1/audit.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/mx.pb.h"
#include "mailquench/v1/quarantines.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace soci {
class session;
}

namespace mailquench::controller {

class Checkpointer;

// Thread-safe. Errors: kNotFound where a row is asked for and missing; kInternal/STORE_FAILED with
// what the database said; what was stored before stays as it was.
class Store {
 public:
  // Creates the file where it is missing and applies the migrations that it lacks. A file of a
  // newer version is refused (kFailedPrecondition/STORE_IS_NEWER) and left as it is.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // How long each commit to the disk took. Called while the store is locked; set before it is used
  // by several threads.
  void OnCommit(std::function<void(absl::Duration)> committed) {
    committed_ = std::move(committed);
  }

  // All writes of `work` become durable together, or none does. May be nested; holds the lock.
  absl::Status Transaction(const std::function<absl::Status()>& work);
  // The lock alone: for who writes while it holds a lock of its own, which others take inside of a
  // change of the store. Theirs comes second, always.
  std::unique_lock<std::recursive_mutex> Hold() {
    return std::unique_lock<std::recursive_mutex>(mu_);
  }

  // Hosts. `serial` is that of the certificate of now.
  struct HostRow {
    v1::Host host;
    std::string serial;
  };
  absl::Status PutHost(const HostRow& row);
  absl::StatusOr<std::vector<HostRow>> AllHosts();
  // Ids of those that are evicted or banned.
  absl::StatusOr<std::set<std::string>> HostsNotActive();

  absl::Status InsertToken(const TokenRow& token);
  absl::Status UpdateToken(const TokenRow& token);
  absl::StatusOr<TokenRow> FindToken(const std::string& id);
  absl::StatusOr<std::vector<TokenRow>> AllTokens();

  // Runs. PutRun stores everything but the hosts' steps; PutStep stores one of those.
  absl::Status InsertRun(const v1::Run& run, const std::string& request_id);
  absl::Status PutRun(const v1::Run& run);
  absl::Status PutStep(const std::string& run_id,
                       const std::string& host_id,
                       const v1::HostStep& step);
  absl::StatusOr<v1::Run> FindRun(const std::string& run_id);  // With its steps.
  // With their steps, newest first.
  absl::StatusOr<std::vector<v1::Run>> RunsOfIncident(const std::string& incident_id);
  absl::StatusOr<std::string> RunOfRequest(const std::string& request_id);
  // Empty incident: all. Newest first.
  absl::StatusOr<std::vector<std::string>> RunIds(const std::string& incident_id,
                                                  bool running_only);
  absl::Status PutCommand(const CommandRow& row);
  absl::StatusOr<CommandRow> FindCommand(const std::string& command_id);
  absl::StatusOr<std::vector<CommandRow>> CommandsOfRun(const std::string& run_id);
  // Sent to this host and never answered.
  absl::StatusOr<std::vector<CommandRow>> OutstandingCommands(const std::string& sent_to);

  // Incidents. Obligations are rows of their own; FindIncident fills them in.
  absl::Status InsertIncident(const v1::Incident& incident, const std::string& request_id);
  absl::Status PutIncident(const v1::Incident& incident);
  absl::StatusOr<v1::Incident> FindIncident(const std::string& incident_id);
  absl::StatusOr<std::string> IncidentOfRequest(const std::string& request_id);
  absl::StatusOr<std::vector<v1::Incident>> AllIncidents(bool include_closed);
  // Host id: the open incidents that cover it, by a run or by what is owed there; newest first.
  absl::StatusOr<std::map<std::string, std::vector<std::string>>> OpenIncidentsByHost();
  absl::Status PutObligation(const std::string& incident_id, const v1::Obligation& obligation);
  absl::StatusOr<v1::Obligation> FindObligation(const std::string& obligation_id,
                                                std::string* incident_id);
  absl::StatusOr<std::vector<v1::Obligation>> ObligationsOfHost(const std::string& host_id);

  absl::Status PutQuarantine(const v1::FleetQuarantine& quarantine);
  absl::Status DeleteQuarantinesOf(const std::string& host_id);
  // Empty incident: all.
  absl::StatusOr<std::vector<v1::FleetQuarantine>> Quarantines(const std::string& incident_id);

  // Blacklists. A listing is one row from first to last sight.
  absl::Status PutListing(const v1::Listing& listing);
  absl::StatusOr<v1::Listing> FindListing(const std::string& listing_id);
  // Empty subject: of all. By subject, oldest first.
  absl::StatusOr<std::vector<v1::Listing>> ListingsOf(const std::string& subject,
                                                      bool with_cleared);
  // The last answer of each subject and zone; one that is older than what is there is dropped.
  absl::Status PutAnswers(const std::vector<v1::BlacklistAnswer>& answers);
  absl::StatusOr<std::vector<v1::BlacklistAnswer>> AnswersOf(const std::string& subject);
  absl::StatusOr<std::vector<AnswerTime>> AllAnswerTimes();
  absl::Status PutBlacklistHealth(const std::string& zone, const v1::BlacklistHealth& health);
  absl::StatusOr<std::map<std::string, v1::BlacklistHealth>> AllBlacklistHealth();  // By zone.
  // Gives the change its sequence, which rises for ever.
  absl::Status AddChange(const std::string& incident_id, v1::BlacklistChange* change);
  // The newest that match, oldest first; empty fields match all. `limit`: more than 0.
  absl::StatusOr<std::vector<v1::BlacklistChange>> Changes(
      const v1::ListBlacklistHistoryRequest& request);
  // For those who follow them: the oldest after this sequence.
  absl::StatusOr<std::vector<v1::BlacklistChange>> ChangesAfter(std::int64_t sequence, int limit);
  // Drops what is older than `before`, and all but the newest `most`. The last one always stays.
  absl::Status PruneChanges(absl::Time before, std::int64_t most);
  // Questions asked of an operator's lists. `day`: "2026-11-26".
  absl::Status AddQuotaUse(const std::string& list_operator,
                           const std::string& day,
                           std::int64_t used);
  absl::StatusOr<std::map<std::string, std::int64_t>> QuotaUse(const std::string& day);

  // Alerts: the durable inbox. A repeat of an event key is not kept again; says of each whether it
  // was new. A repeat of one that fires on, which came before `rules_since` and which no rule
  // wanted, is new again.
  absl::StatusOr<std::vector<bool>> InsertAlerts(const std::vector<AlertEvent>& events,
                                                 absl::Time rules_since = absl::InfinitePast());
  // Those of them that were kept with a note, and with which nobody has done anything since, are to
  // be decided after all.
  absl::Status ReopenAlerts(const std::vector<AlertEvent>& events);
  absl::StatusOr<std::vector<v1::AlertRecord>> UndoneAlerts(int limit);  // Oldest first.
  absl::StatusOr<std::int64_t> CountUndoneAlerts();
  // What became of it; the alert itself stays as it came.
  absl::Status PutAlert(const v1::AlertRecord& record);
  // The oldest `limit` of those that are not done become done with this note. How many there were.
  absl::StatusOr<std::int64_t> FinishAlerts(int limit, const std::string& note);
  // Newest first; empty fields match all. `limit`: more than 0.
  absl::StatusOr<std::vector<v1::AlertRecord>> Alerts(const v1::ListAlertsRequest& request);
  // Firing ones that no end came for; of this escalation, or of this fingerprint. Newest first.
  absl::StatusOr<std::vector<v1::AlertRecord>> FiringOfEscalation(const std::string& escalation_id);
  absl::StatusOr<std::vector<v1::AlertRecord>> FiringOfFingerprint(const std::string& fingerprint);
  // Resolved ones of this fingerprint that came after this one.
  absl::StatusOr<std::vector<v1::AlertRecord>> EndsAfter(const v1::AlertRecord& record);
  // When the newest `limit` alerts of this fingerprint came.
  absl::StatusOr<std::vector<absl::Time>> AlertTimes(const std::string& fingerprint, int limit);
  // Those that are done and came before `before`, and have no open escalation.
  absl::Status PruneAlerts(absl::Time before);

  // `request_id`: "" or of ProposeRun.
  absl::Status InsertEscalation(const v1::Escalation& escalation, const std::string& request_id);
  absl::Status PutEscalation(const v1::Escalation& escalation);
  // By id, or a beginning of it that is no other's.
  absl::StatusOr<v1::Escalation> FindEscalation(const std::string& escalation_id);
  absl::StatusOr<std::string> EscalationOfRequest(const std::string& request_id);
  absl::StatusOr<std::vector<v1::Escalation>> Escalations(
      const v1::ListEscalationsRequest& request);
  // Those that are open, and those that ended since; oldest first.
  absl::StatusOr<std::vector<v1::Escalation>> OpenEscalations(absl::Time ended_since);
  absl::Status PruneEscalations(absl::Time ended_before);

  absl::Status PutAlertSource(const v1::AlertSource& source, const std::string& hash);
  absl::StatusOr<std::vector<AlertSourceRow>> AllAlertSources();

  // With one delivery for each channel. `severity`: its rank, the worst is the highest. False: this
  // notice id is there already.
  absl::StatusOr<bool> InsertNotice(const v1::Notice& notice,
                                    int severity,
                                    const std::vector<std::string>& channels);
  // Of this channel, due now: the worst first, then the oldest.
  absl::StatusOr<std::vector<DueNotice>> DueNotices(const std::string& channel,
                                                    absl::Time now,
                                                    int limit);
  // Of this channel, due now: of each severity the one that was tried least, then the oldest. The
  // worst is the first.
  absl::StatusOr<std::vector<DueNotice>> LeastTriedNotices(const std::string& channel,
                                                           absl::Time now);
  // All that wait for this channel, due or not, oldest first.
  absl::StatusOr<std::vector<DueNotice>> WaitingNotices(const std::string& channel, int limit);
  absl::StatusOr<std::vector<std::string>> ChannelsWithOpenDeliveries();
  absl::Status PutDelivery(const std::string& notice_id, const v1::NoticeDelivery& delivery);
  absl::StatusOr<std::vector<v1::NoticeRecord>> NoticeRecords(
      const v1::ListNoticesRequest& request);
  absl::StatusOr<std::int64_t> CountOpenDeliveries();
  absl::StatusOr<std::int64_t> CountGivenUp(absl::Time since);
  absl::Status PruneNotices(absl::Time before);  // None that is still to be delivered.

  // Antivirus. Of a host of which nothing is known the record has its id alone; of no inventory it
  // is empty.
  absl::Status PutHostAntivirus(const v1::HostAntivirus& record);
  absl::StatusOr<v1::HostAntivirus> FindHostAntivirus(const std::string& host_id);
  absl::StatusOr<std::map<std::string, v1::HostAntivirus>> AllHostAntivirus();  // By host id.
  absl::Status PutInventory(const v1::Inventory& inventory);
  absl::StatusOr<v1::Inventory> FindInventory();
  // Switches of mail routes. InsertSwitch stores its records too, PutSwitch everything but those,
  // PutSwitchRecord one of them.
  absl::Status InsertSwitch(const v1::MxSwitch& one);
  absl::Status PutSwitch(const v1::MxSwitch& one);
  absl::Status PutSwitchRecord(const std::string& switch_id,
                               int position,
                               const v1::SwitchRecord& record);
  // By id, or a beginning of it that is no other's; with its records.
  absl::StatusOr<v1::MxSwitch> FindSwitch(const std::string& switch_id);
  // Newest first; with those that have ended 1,000 at most, else every one.
  absl::StatusOr<std::vector<std::string>> SwitchIds(bool include_ended);

  // Single values, by name; "" where there is none.
  absl::Status PutValue(const std::string& name, const std::string& value);
  absl::StatusOr<std::string> FindValue(const std::string& name);

  // `entry` is complete, its sequence unused.
  absl::Status InsertAudit(const v1::AuditEntry& entry);
  absl::StatusOr<std::vector<v1::AuditEntry>> AuditEntries(std::int64_t after, std::int64_t limit);
  // The last one; an entry with sequence 0 where there is none.
  absl::StatusOr<v1::AuditEntry> LastAudit();

 private:
  Store();
  template <typename F>
  absl::Status Guard(const char* what, F work);
  template <typename F>
  absl::Status EachBlob(const char* what, const std::string& query, const std::string& key, F each);
  template <typename F>
  absl::Status EachKeyedBlob(const char* what,
                             const std::string& query,
                             const std::string& key,
                             F each);
  absl::Status Write(const char* what,
                     const std::string& statement,
                     const std::vector<std::string>& texts,
                     const std::vector<std::int64_t>& numbers,
                     const std::string& body);
  absl::StatusOr<std::vector<DueNotice>> OutboxOf(const std::string& channel,
                                                  const std::string& which);
  absl::StatusOr<std::vector<v1::AlertRecord>> AlertRows(const std::string& condition,
                                                         const std::string& key);
  absl::Status Migrate(const std::string& path);
  absl::Status BeginCheckpoints(const std::string& path);

  std::function<void(absl::Duration)> committed_;
  std::recursive_mutex mu_;
  int depth_ = 0;
  std::unique_ptr<soci::session> sql_;
  struct Prepared;
  std::map<std::string, std::unique_ptr<Prepared>> prepared_;  // By statement; ends before sql_.
  std::unique_ptr<Checkpointer> checkpointer_;                 // Ends before sql_, too.
  std::int64_t written_ = 0;                                   // Rows, by the last Write().
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_STORE_H_
