#include "common/operation/names.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"

namespace mailquench {
namespace {
std::string DottedName(const std::string& field) {
  std::string out = field;
  const std::size_t underscore = out.find('_');
  if (underscore != std::string::npos) out[underscore] = '.';
  return out;
}
}  // namespace

std::string OperationName(const v1::Operation& operation) {
  const auto* oneof = v1::Operation::descriptor()->oneof_decl(0);
  const auto* field = operation.GetReflection()->GetOneofFieldDescriptor(operation, oneof);
  return field == nullptr ? "" : DottedName(field->name());
}

v1::OperationClass ClassOf(const v1::Operation& operation) {
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
    case v1::Operation::kQuarantineScan:  // What it notes of messages changes none of them.
    case v1::Operation::kAntivirusClear:
      return v1::OPERATION_CLASS_OBSERVE;
    case v1::Operation::kAntivirusScan:
      return operation.antivirus_scan().remove() ? v1::OPERATION_CLASS_REVERSIBLE
                                                 : v1::OPERATION_CLASS_OBSERVE;
    case v1::Operation::kServiceStop:
    case v1::Operation::kServiceStart:
    case v1::Operation::kQueueQuarantine:
    case v1::Operation::kQuarantineRelease:
    case v1::Operation::kQuarantineMove:
    case v1::Operation::kRelayLock:
    case v1::Operation::kNdrSilence:
    case v1::Operation::kSenderBlock:
    case v1::Operation::kSenderUnblock:
    case v1::Operation::kRestore:
    case v1::Operation::kContain:
    case v1::Operation::kShadowSuspend:
    case v1::Operation::kEgressSet:
    case v1::Operation::kAntivirusUpdate:
    case v1::Operation::kDelistFetch:  // It asks for what was wanted; the host stays as it is.
      return v1::OPERATION_CLASS_REVERSIBLE;
    case v1::Operation::kQuarantineDiscard:
      return v1::OPERATION_CLASS_IRREVERSIBLE;
    case v1::Operation::KIND_NOT_SET:
      break;
  }
  return v1::OPERATION_CLASS_UNSPECIFIED;
}

std::vector<std::string> AllOperationNames() {
  std::vector<std::string> names;
  const auto* oneof = v1::Operation::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i)
    names.push_back(DottedName(oneof->field(i)->name()));
  return names;
}

absl::StatusOr<v1::Operation> MakeOperation(const std::string& name, const std::string& json) {
  const auto* oneof = v1::Operation::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    if (DottedName(oneof->field(i)->name()) != name) continue;
    v1::Operation operation;
    auto* message = operation.GetReflection()->MutableMessage(&operation, oneof->field(i));
    if (json.empty()) return operation;
    const auto status = google::protobuf::util::JsonStringToMessage(json, message);
    if (!status.ok())
      return Error(absl::StatusCode::kInvalidArgument, "BAD_ARGUMENTS",
                   absl::StrCat("the arguments of ", name, " are not valid: ",
                                std::string(status.message()), "; nothing was done"));
    return operation;
  }
  return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_OPERATION",
               absl::StrCat("there is no operation '", name, "'; nothing was done. Known: ",
                            absl::StrJoin(AllOperationNames(), ", ")));
}

std::string OutcomeName(v1::Outcome outcome) {
  return absl::AsciiStrToLower(absl::StripPrefix(v1::Outcome_Name(outcome), "OUTCOME_"));
}

}  // namespace mailquench
