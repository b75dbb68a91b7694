#include "controller/api/authorization.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

absl::Status Denied(const identity::SpiffeId& caller, const std::string& what) {
  return Error(absl::StatusCode::kPermissionDenied, "NOT_AUTHORIZED",
               absl::StrCat(caller.ToUri(), " may not ", what, "; nothing was done"));
}

bool IsIrreversible(const v1::Operation& operation) {
  switch (operation.kind_case()) {
    case v1::Operation::kServiceStatus:
    case v1::Operation::kServiceStop:
    case v1::Operation::kServiceStart:
    case v1::Operation::kQueueSurvey:
    case v1::Operation::kQueueQuarantine:
    case v1::Operation::kQuarantineList:
    case v1::Operation::kQuarantineAnalyse:
    case v1::Operation::kQuarantineRelease:
    case v1::Operation::kQuarantineMove:
    case v1::Operation::kRelayLock:
    case v1::Operation::kNdrSilence:
    case v1::Operation::kSenderBlock:
    case v1::Operation::kSenderUnblock:
    case v1::Operation::kRestore:
    case v1::Operation::kRelayProbe:
    case v1::Operation::kQueueWatch:
    case v1::Operation::kContain:
    case v1::Operation::kShadowSuspend:
    case v1::Operation::kDelistFetch:
    case v1::Operation::kBlacklistClear:
    case v1::Operation::kMailBlockers:
    case v1::Operation::kAntivirusStatus:
    case v1::Operation::kAntivirusUpdate:
    case v1::Operation::kAntivirusScan:
    case v1::Operation::kQuarantineScan:
    case v1::Operation::kAntivirusClear:
    case v1::Operation::kEgressSet:
      return false;
    case v1::Operation::kQuarantineDiscard:
    case v1::Operation::KIND_NOT_SET:  // What is not known is treated as the worst.
      return true;
  }
  return true;
}

}  // namespace

const std::map<std::string, Need>& AuthorizationTable() {
  static const auto* const table = new std::map<std::string, Need>{
      {"/mailquench.v1.AgentLink/Connect", Need::kAgent},
      {"/mailquench.v1.Antivirus/GetPosture", Need::kViewer},
      {"/mailquench.v1.Antivirus/ImportInventory", Need::kResponder},
      {"/mailquench.v1.Antivirus/WaiveHost", Need::kResponder},
      {"/mailquench.v1.Audit/ListEntries", Need::kViewer},
      {"/mailquench.v1.Audit/Verify", Need::kViewer},
      {"/mailquench.v1.Blacklists/AddListingNote", Need::kResponder},
      {"/mailquench.v1.Blacklists/Check", Need::kResponder},
      {"/mailquench.v1.Blacklists/DropListing", Need::kResponder},
      {"/mailquench.v1.Blacklists/Explain", Need::kViewer},
      {"/mailquench.v1.Blacklists/GetListing", Need::kViewer},
      {"/mailquench.v1.Blacklists/GetStatus", Need::kViewer},
      {"/mailquench.v1.Blacklists/ListHistory", Need::kViewer},
      {"/mailquench.v1.Blacklists/ListListings", Need::kViewer},
      {"/mailquench.v1.Blacklists/ListLists", Need::kViewer},
      {"/mailquench.v1.Blacklists/RequestDelisting", Need::kResponder},
      {"/mailquench.v1.Enrolment/Enrol", Need::kToken},
      {"/mailquench.v1.Escalations/ApproveEscalation", Need::kResponder},  // And CheckOperations().
      {"/mailquench.v1.Escalations/CreateSource", Need::kAdmin},
      {"/mailquench.v1.Escalations/GetEscalation", Need::kViewer},
      {"/mailquench.v1.Escalations/GetRules", Need::kViewer},
      {"/mailquench.v1.Escalations/LintRules", Need::kViewer},
      {"/mailquench.v1.Escalations/ListAlerts", Need::kViewer},
      {"/mailquench.v1.Escalations/ListEscalations", Need::kViewer},
      {"/mailquench.v1.Escalations/ListNotices", Need::kViewer},
      {"/mailquench.v1.Escalations/ListSources", Need::kViewer},
      {"/mailquench.v1.Escalations/ProposeRun", Need::kResponder},
      {"/mailquench.v1.Escalations/RaiseAlerts", Need::kResponder},
      {"/mailquench.v1.Escalations/RejectEscalation", Need::kResponder},
      {"/mailquench.v1.Escalations/ReloadRules", Need::kAdmin},
      {"/mailquench.v1.Escalations/RevokeSource", Need::kAdmin},
      {"/mailquench.v1.Escalations/SetPause", Need::kResponder},
      {"/mailquench.v1.Escalations/TestAlerts", Need::kViewer},
      {"/mailquench.v1.Escalations/TestNotification", Need::kResponder},
      {"/mailquench.v1.Fleet/AddManualHost", Need::kAdmin},
      {"/mailquench.v1.Fleet/BanHost", Need::kAdmin},
      {"/mailquench.v1.Fleet/CreateToken", Need::kAdmin},
      {"/mailquench.v1.Fleet/EvictHost", Need::kAdmin},
      {"/mailquench.v1.Fleet/GetHost", Need::kViewer},
      {"/mailquench.v1.Fleet/ListHosts", Need::kViewer},
      {"/mailquench.v1.Fleet/ListTokens", Need::kViewer},
      {"/mailquench.v1.Fleet/RevokeToken", Need::kAdmin},
      {"/mailquench.v1.Fleet/SetLabels", Need::kResponder},
      {"/mailquench.v1.Fleet/SetMailIdentity", Need::kResponder},
      {"/mailquench.v1.Fleet/WhoAmI", Need::kViewer},
      {"/mailquench.v1.Incidents/AddCause", Need::kResponder},
      {"/mailquench.v1.Incidents/AddNote", Need::kResponder},
      {"/mailquench.v1.Incidents/CloseIncident", Need::kResponder},
      {"/mailquench.v1.Incidents/GetIncident", Need::kViewer},
      {"/mailquench.v1.Incidents/ListIncidents", Need::kViewer},
      {"/mailquench.v1.Incidents/OpenIncident", Need::kResponder},
      {"/mailquench.v1.Incidents/ResolveCause", Need::kResponder},
      {"/mailquench.v1.Incidents/WaiveObligation", Need::kResponder},
      {"/mailquench.v1.Mx/GetSwitch", Need::kViewer},
      {"/mailquench.v1.Mx/ListSwitches", Need::kViewer},
      {"/mailquench.v1.Mx/NoteRecord", Need::kResponder},
      {"/mailquench.v1.Mx/PlanSwitch", Need::kResponder},
      {"/mailquench.v1.Mx/Preflight", Need::kResponder},
      {"/mailquench.v1.Mx/RevertSwitch", Need::kAdmin},
      {"/mailquench.v1.Mx/ShowDomain", Need::kViewer},
      {"/mailquench.v1.Mx/StartSwitch", Need::kAdmin},
      {"/mailquench.v1.Mx/WaiveCheck", Need::kAdmin},
      {"/mailquench.v1.Mx/WatchSwitch", Need::kViewer},
      {"/mailquench.v1.Quarantines/ListQuarantines", Need::kViewer},
      {"/mailquench.v1.Runs/CancelRun", Need::kResponder},
      {"/mailquench.v1.Runs/ConfirmManualStep", Need::kResponder},
      {"/mailquench.v1.Runs/GetRun", Need::kViewer},
      {"/mailquench.v1.Runs/ListManualSteps", Need::kViewer},
      {"/mailquench.v1.Runs/ListPlaybooks", Need::kViewer},
      {"/mailquench.v1.Runs/ListRuns", Need::kViewer},
      {"/mailquench.v1.Runs/PlanRun", Need::kViewer},  // Agents only look; see CheckDryRun().
      {"/mailquench.v1.Runs/StartRun", Need::kResponder},
      {"/mailquench.v1.Runs/WatchRun", Need::kViewer},
  };
  return *table;
}

absl::Status CheckAccess(const identity::SpiffeId& caller, const std::string& method) {
  const auto found = AuthorizationTable().find(method);
  if (found == AuthorizationTable().end()) return Denied(caller, absl::StrCat("call ", method));
  const bool is_operator = caller.kind == identity::Kind::kOperator;
  bool allowed = false;
  switch (found->second) {
    case Need::kViewer:
      allowed = is_operator && caller.role >= identity::Role::kViewer;
      break;
    case Need::kResponder:
      allowed = is_operator && caller.role >= identity::Role::kResponder;
      break;
    case Need::kAdmin:
      allowed = is_operator && caller.role >= identity::Role::kAdmin;
      break;
    case Need::kAgent:
      allowed = caller.kind == identity::Kind::kAgent;
      break;
    case Need::kToken:
      break;
  }
  return allowed ? absl::OkStatus() : Denied(caller, absl::StrCat("call ", method));
}

absl::Status CheckOperations(const identity::SpiffeId& caller,
                             const std::vector<v1::Operation>& operations) {
  if (caller.kind == identity::Kind::kOperator && caller.role >= identity::Role::kAdmin) {
    return absl::OkStatus();
  }
  for (const v1::Operation& operation : operations) {
    if (IsIrreversible(operation)) {
      return Denied(caller, "start a run with an irreversible operation, which needs an admin");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDryRun(const identity::SpiffeId& caller,
                         const std::vector<v1::Operation>& operations) {
  if (caller.kind == identity::Kind::kOperator && caller.role >= identity::Role::kResponder) {
    return absl::OkStatus();
  }
  for (const v1::Operation& operation : operations) {
    if (IsIrreversible(operation)) {
      return Denied(caller, "plan a run with an irreversible operation, which needs a responder");
    }
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
