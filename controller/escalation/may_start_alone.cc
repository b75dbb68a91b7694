// Which operations a rule may start without a person.
#include "absl/strings/str_cat.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "controller/escalation/rules.h"

namespace mailquench::controller {
namespace {

// Why a person has to want it; "": nobody has to. A new operation is asked about here before it
// compiles.
std::string PersonsPart(const v1::Operation& operation) {
  switch (operation.kind_case()) {
    case v1::Operation::kServiceStatus:
    case v1::Operation::kQueueSurvey:
    case v1::Operation::kQuarantineList:
    case v1::Operation::kQuarantineAnalyse:
    case v1::Operation::kRelayProbe:
    case v1::Operation::kQueueWatch:
    case v1::Operation::kMailBlockers:
    case v1::Operation::kBlacklistClear:
    case v1::Operation::kAntivirusStatus:
    case v1::Operation::kQuarantineScan:
    case v1::Operation::kAntivirusClear:
      // They only look. Those below hold mail or senders back, and can be undone.
    case v1::Operation::kServiceStop:
    case v1::Operation::kQueueQuarantine:
    case v1::Operation::kQuarantineMove:
    case v1::Operation::kRelayLock:
    case v1::Operation::kNdrSilence:
    case v1::Operation::kSenderBlock:
    case v1::Operation::kContain:
    case v1::Operation::kShadowSuspend:
      return "";
    case v1::Operation::kServiceStart:
    case v1::Operation::kQuarantineRelease:
    case v1::Operation::kSenderUnblock:
    case v1::Operation::kRestore:
      return "gives back what was taken away";
    case v1::Operation::kAntivirusUpdate:
      return "";
    case v1::Operation::kAntivirusScan:
      return operation.antivirus_scan().remove() ? "takes files away" : "";
    case v1::Operation::kEgressSet:
      return "sends mail another way";
    case v1::Operation::kQuarantineDiscard:
      return "cannot be undone";
    case v1::Operation::kDelistFetch:
      return "tells others that the attack is over";
    case v1::Operation::KIND_NOT_SET:
      break;
  }
  return "is not known to this controller";
}

}  // namespace

absl::Status MayStartAlone(const std::vector<v1::Operation>& operations) {
  std::string why = operations.empty() ? "a run without operations starts nothing" : "";
  for (const v1::Operation& operation : operations) {
    std::string part = PersonsPart(operation);
    // What the contract calls irreversible is never started alone, whatever stands above.
    if (part.empty() && ClassOf(operation) != v1::OPERATION_CLASS_OBSERVE &&
        ClassOf(operation) != v1::OPERATION_CLASS_REVERSIBLE)
      part = "cannot be undone";
    if (part.empty()) continue;
    const std::string name = OperationName(operation);
    why = absl::StrCat(name.empty() ? "an operation" : name, " ", part);
    break;
  }
  if (why.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "PERSON_NEEDED",
               absl::StrCat(why, ": that is a person's to start, and a rule may only propose it"));
}

}  // namespace mailquench::controller
