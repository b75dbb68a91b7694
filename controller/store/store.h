// The controller's durable memory: one SQLite file through SOCI, protocol messages as blobs beside
// their key columns. Every write is on the disk when it returns (WAL, synchronous=FULL).
#ifndef MAILQUENCH_CONTROLLER_STORE_STORE_H_
#define MAILQUENCH_CONTROLLER_STORE_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/store/records.h"
#include "mailquench/v1/audit.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/quarantines.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace soci {
class session;
}

namespace mailquench::controller {

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

  // All writes of `work` become durable together, or none does. May be nested; holds the lock.
  absl::Status Transaction(const std::function<absl::Status()>& work);

  // Hosts. `serial` is that of the certificate of now.
  struct HostRow {
    v1::Host host;
    std::string serial;
  };
  absl::Status PutHost(const HostRow& row);
  absl::StatusOr<std::vector<HostRow>> AllHosts();

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
  absl::Status Write(const char* what,
                     const std::string& statement,
                     const std::vector<std::string>& texts,
                     const std::vector<std::int64_t>& numbers,
                     const std::string& body);
  absl::Status Migrate(const std::string& path);

  std::recursive_mutex mu_;
  int depth_ = 0;
  std::unique_ptr<soci::session> sql_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_STORE_H_
