#include "controller/antivirus/postures.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/antivirus/inventory.h"
#include "controller/fleet/selectors.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr int kFindingsKept = 100;
constexpr absl::Duration kWaiver = absl::Hours(24);
constexpr absl::Duration kLongestWaiver = absl::Hours(24 * 30);

bool IsBelow(const std::string& path, const std::string& root) {
  return path == root || absl::StartsWith(path, absl::StrCat(root, "/")) ||
         absl::StartsWith(path, absl::StrCat(root, "\\")) ||
         ((absl::EndsWith(root, "/") || absl::EndsWith(root, "\\")) &&
          absl::StartsWith(path, root));
}

std::string ProductOf(const v1::AntivirusScanResult& scan) {
  return scan.product().product().empty() ? scan.product().adapter() : scan.product().product();
}

bool IsOpen(const v1::AntivirusFinding& finding) {
  return finding.action() != "quarantined" && finding.action() != "removed";
}

// Whether a scan that found nothing there speaks for the file: it went to its end, is of the
// product that had found it, was to look there, and did. What it could not read it has not cleared.
bool Clears(const v1::AntivirusScan& asked,
            const v1::AntivirusScanResult& scan,
            const v1::AntivirusFinding& finding) {
  if (!finding.product().empty() && finding.product() != ProductOf(scan)) return false;
  const bool named =
      asked.kind() == v1::SCAN_KIND_PATHS &&
      std::any_of(asked.paths().begin(), asked.paths().end(),
                  [&](const std::string& root) { return IsBelow(finding.path(), root); });
  if (asked.kind() != v1::SCAN_KIND_FULL && !named) return false;
  if (scan.unread() > scan.unread_samples_size()) return false;  // It may be among those.
  for (const std::string& unread : scan.unread_samples()) {
    if (absl::StartsWith(unread, absl::StrCat(finding.path(), ": "))) return false;
  }
  return std::none_of(scan.not_entered().begin(), scan.not_entered().end(),
                      [&](const std::string& root) { return IsBelow(finding.path(), root); });
}

// What a scan leaves open of what was known before.
void TakeScan(const v1::AntivirusScan* asked,
              const v1::OperationReport& report,
              absl::Time time,
              v1::HostAntivirus* known) {
  const v1::AntivirusScanResult& scan = report.result().antivirus_scan();
  // One that comes late clears nothing: another has looked since.
  const bool whole = report.outcome() == v1::OUTCOME_SUCCEEDED && !scan.partial() &&
                     asked != nullptr && time >= TimeOf(known->scan_time());
  google::protobuf::RepeatedPtrField<v1::AntivirusFinding> open;
  std::set<std::string> seen, handled;
  for (const v1::AntivirusFinding& finding : scan.findings()) {
    if (!IsOpen(finding)) {
      handled.insert(finding.path());
    } else if (seen.insert(finding.path()).second) {
      v1::AntivirusFinding* const one = open.Add();
      *one = finding;
      one->set_product(ProductOf(scan));
    }
  }
  for (const v1::AntivirusFinding& finding : known->findings()) {
    if (seen.count(finding.path()) > 0 || handled.count(finding.path()) > 0) continue;
    if (!whole || !Clears(*asked, scan, finding)) *open.Add() = finding;
  }
  // Those that were not named are known by their number alone, and go with a full scan that read
  // all.
  const std::int64_t before = known->finding_count() - known->findings_size();
  const std::int64_t now = scan.finding_count() - scan.findings_size();
  const bool full = whole && asked->kind() == v1::SCAN_KIND_FULL && scan.unread() == 0;
  const bool news = open.size() > 0 && known->finding_count() == 0;
  known->set_finding_count(open.size() + std::max<std::int64_t>({0, now, full ? 0 : before}));
  if (open.size() > kFindingsKept) open.DeleteSubrange(kFindingsKept, open.size() - kFindingsKept);
  *known->mutable_findings() = std::move(open);
  if (whole) StampTime(time, known->mutable_scan_time());
  if (news) known->clear_waived_by();  // Nobody has waived that.
}

v1::Host Online() {
  v1::Host host;
  host.set_online(true);
  return host;
}

}  // namespace

absl::Status AntivirusPostures::Reported(const std::string& host_id,
                                         const v1::Operation* operation,
                                         const v1::OperationReport& report) {
  const v1::OperationResult& result = report.result();
  const bool status = result.has_antivirus_status() && report.outcome() == v1::OUTCOME_SUCCEEDED;
  if (!status && !result.has_antivirus_update() && !result.has_antivirus_scan())
    return absl::OkStatus();
  const auto held = store_->Hold();  // One change of a record at a time.
  MQ_ASSIGN_OR_RETURN(v1::HostAntivirus known, store_->FindHostAntivirus(host_id));
  // A host's clock that is ahead must not make its next reports old.
  const absl::Time time =
      report.has_end_time() ? std::min(TimeOf(report.end_time()), clock_->Now()) : clock_->Now();
  if (status && time >= TimeOf(known.status_time())) {
    *known.mutable_status() = result.antivirus_status();
    StampTime(time, known.mutable_status_time());
  }
  if (result.has_antivirus_update() && result.antivirus_update().after_size() > 0 &&
      time >= TimeOf(known.status_time())) {
    *known.mutable_status()->mutable_products() = result.antivirus_update().after();
    StampTime(time, known.mutable_status_time());
  }
  if (result.has_antivirus_scan())
    TakeScan(operation != nullptr ? &operation->antivirus_scan() : nullptr, report, time, &known);
  // A waiver is until the antivirus is well again: the next trouble is another one.
  if (PostureOf(Online(), known, policy_, clock_->Now()).state == v1::POSTURE_STATE_UP_TO_DATE)
    known.clear_waived_by();
  return store_->PutHostAntivirus(known);
}

v1::PostureRow AntivirusPostures::RowOf(const v1::Host& host,
                                        const v1::HostAntivirus& known,
                                        absl::Time now) const {
  v1::PostureRow row;
  row.set_host_id(host.host_id());
  row.set_name(host.name());
  if (const auto kind = host.labels().find("kind"); kind != host.labels().end())
    row.set_kind(kind->second);
  if (const auto site = host.labels().find("site"); site != host.labels().end())
    row.set_site(site->second);
  const HostPosture posture = PostureOf(host, known, policy_, now);
  row.set_state(posture.state);
  row.set_why(posture.why);
  row.set_before(posture.before);
  *row.mutable_products() = known.status().products();
  if (known.has_status_time()) *row.mutable_status_time() = known.status_time();
  if (known.has_scan_time()) *row.mutable_scan_time() = known.scan_time();
  row.set_findings(known.finding_count());
  if (IsWaived(known, now)) {
    row.set_waived_by(known.waived_by());
    row.set_waive_reason(known.waive_reason());
    *row.mutable_waive_end_time() = known.waive_end_time();
  }
  return row;
}

absl::StatusOr<v1::Posture> AntivirusPostures::Get(const v1::GetPostureRequest& request) {
  MQ_ASSIGN_OR_RETURN(const Selector selector, Selector::Parse(request.selector()));
  const absl::Time now = clock_->Now();
  const FleetCopy fleet = hosts_->Fleet();
  MQ_ASSIGN_OR_RETURN(const auto known, store_->AllHostAntivirus());
  MQ_ASSIGN_OR_RETURN(const v1::Inventory inventory, store_->FindInventory());
  v1::Posture posture;
  std::vector<const v1::Host*> hosts;
  std::map<std::string, int> row_of;  // By host id.
  for (const v1::Host& host : *fleet) {
    if (host.state() != v1::HOST_STATE_ACTIVE) continue;
    hosts.push_back(&host);
    std::map<std::string, std::string> labels(host.labels().begin(), host.labels().end());
    labels.emplace("name", host.name());
    if (!request.selector().empty() && !selector.Matches(labels)) continue;
    const auto its = known.find(host.host_id());
    row_of[host.host_id()] = posture.rows_size();
    *posture.add_rows() = RowOf(host, its == known.end() ? v1::HostAntivirus() : its->second, now);
  }
  const std::vector<int> matches = MatchInventory(inventory, hosts);
  for (int i = 0; i < inventory.machines_size(); ++i) {
    const v1::InventoryMachine& machine = inventory.machines(i);
    const int match = matches[static_cast<std::size_t>(i)];
    if (match >= 0) {
      const auto row = row_of.find(hosts[static_cast<std::size_t>(match)]->host_id());
      if (row == row_of.end()) continue;
      if (!machine.kind().empty()) posture.mutable_rows(row->second)->set_kind(machine.kind());
      if (!machine.site().empty()) posture.mutable_rows(row->second)->set_site(machine.site());
    } else if (request.selector().empty()) {
      v1::PostureRow* const row = posture.add_rows();
      row->set_name(machine.name());
      row->set_kind(machine.kind());
      row->set_site(machine.site());
      row->set_state(v1::POSTURE_STATE_NOT_ENROLLED);
      row->set_why("in the inventory, and no host of the fleet");
    }
  }
  std::stable_sort(posture.mutable_rows()->begin(), posture.mutable_rows()->end(),
                   [](const v1::PostureRow& a, const v1::PostureRow& b) {
                     const int left = PostureRank(a.state()), right = PostureRank(b.state());
                     return left != right ? left < right : a.name() < b.name();
                   });
  for (const v1::PostureRow& row : posture.rows())
    ++(*posture.mutable_counts())[PostureName(row.state())];
  posture.set_inventory(inventory.machines_size());
  if (inventory.has_import_time()) *posture.mutable_inventory_time() = inventory.import_time();
  posture.mutable_max_signature_age()->set_seconds(absl::ToInt64Seconds(policy_.max_signature_age));
  return posture;
}

absl::StatusOr<v1::ImportInventoryResponse> AntivirusPostures::Import(
    const v1::ImportInventoryRequest& request, const std::string& actor) {
  MQ_RETURN_IF_ERROR(CheckInventory(request));
  v1::Inventory inventory;
  *inventory.mutable_machines() = request.machines();
  for (v1::InventoryMachine& machine : *inventory.mutable_machines())
    machine.set_site(Harmless(machine.site()));
  inventory.set_source(Harmless(request.source()).substr(0, 1024));
  inventory.set_imported_by(actor);
  StampTime(clock_->Now(), inventory.mutable_import_time());
  MQ_RETURN_IF_ERROR(store_->PutInventory(inventory));
  v1::ImportInventoryResponse response;
  response.set_machines(inventory.machines_size());
  const FleetCopy fleet = hosts_->Fleet();
  std::vector<const v1::Host*> hosts;
  for (const v1::Host& host : *fleet) {
    if (host.state() == v1::HOST_STATE_ACTIVE) hosts.push_back(&host);
  }
  const std::vector<int> matches = MatchInventory(inventory, hosts);
  response.set_not_enrolled(
      static_cast<std::int32_t>(std::count(matches.begin(), matches.end(), -1)));
  const std::set<int> enrolled(matches.begin(), matches.end());
  response.set_enrolled_only(
      static_cast<std::int32_t>(hosts.size() - enrolled.size() + enrolled.count(-1)));
  return response;
}

absl::StatusOr<v1::PostureRow> AntivirusPostures::Waive(const v1::WaiveHostRequest& request,
                                                        const std::string& actor) {
  if (request.reason().empty())
    return Error(absl::StatusCode::kInvalidArgument, "NO_REASON",
                 "a waiver needs a reason; nothing was waived");
  const absl::Duration life =
      request.has_life() ? absl::Seconds(request.life().seconds()) : kWaiver;
  if (life <= absl::ZeroDuration() || life > kLongestWaiver)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_DURATION",
                 "a waiver holds for 1s to 30d; nothing was waived");
  MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(request.host()));
  const auto held = store_->Hold();  // One change of a record at a time.
  MQ_ASSIGN_OR_RETURN(v1::HostAntivirus known, store_->FindHostAntivirus(host.host_id()));
  const absl::Time now = clock_->Now();
  known.set_waived_by(actor);
  known.set_waive_reason(Harmless(request.reason()).substr(0, 1024));
  StampTime(now + life, known.mutable_waive_end_time());
  MQ_RETURN_IF_ERROR(store_->PutHostAntivirus(known));
  return RowOf(host, known, now);
}

absl::StatusOr<std::string> AntivirusPostures::Blocker(const std::string& host_id) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(host_id));
  MQ_ASSIGN_OR_RETURN(const v1::HostAntivirus known, store_->FindHostAntivirus(host_id));
  return RestoreBlocker(host, known, policy_, clock_->Now());
}

v1::OperationReport AntivirusPostures::Clear(const v1::Command& command) {
  v1::OperationReport report;
  report.set_command_id(command.command_id());
  report.set_operation("antivirus.clear");
  StampTime(clock_->Now(), report.mutable_start_time());
  StampTime(clock_->Now(), report.mutable_end_time());
  report.set_outcome(v1::OUTCOME_SUCCEEDED);
  const auto look = [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(command.host_id()));
    MQ_ASSIGN_OR_RETURN(const v1::HostAntivirus known,
                        store_->FindHostAntivirus(command.host_id()));
    const absl::Time now = clock_->Now();
    const HostPosture posture = PostureOf(host, known, policy_, now);
    v1::AntivirusClearResult* const result = report.mutable_result()->mutable_antivirus_clear();
    result->set_state(PostureName(posture.state));
    result->set_why(posture.why);
    if (posture.state == v1::POSTURE_STATE_UP_TO_DATE) return absl::OkStatus();
    if (IsWaived(known, now)) {
      result->set_waived(absl::StrCat("by ", known.waived_by(), ": ", known.waive_reason()));
      return absl::OkStatus();
    }
    return Error(
        absl::StatusCode::kFailedPrecondition, "ANTIVIRUS_NOT_WELL",
        absl::StrCat("the antivirus of ", host.name(), " is ", result->state(), " (", posture.why,
                     "); nothing was changed; `mailquench antivirus update` "
                     "and `scan` mend it, `mailquench antivirus waive` goes past it"));
  };
  if (const absl::Status status = look(); !status.ok()) {
    report.set_outcome(v1::OUTCOME_FAILED);
    *report.mutable_error() = ToProto(status);
  }
  return report;
}

}  // namespace mailquench::controller
