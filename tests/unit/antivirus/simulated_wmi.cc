#include "tests/unit/antivirus/simulated_wmi.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kUint8 = 0;  // Of WmiParameter's variant.
constexpr std::size_t kString = 2;

absl::Status NotThere(const std::string& what, const char* code) {
  return absl::NotFoundError(absl::StrCat(what, ": WMI error ", code));
}
}  // namespace

std::string CimText(absl::Time time) {
  return absl::StrCat(absl::FormatTime("%Y%m%d%H%M%E6S", time, absl::UTCTimeZone()), "+000");
}

SimulatedWmi::SimulatedWmi() {
  std::map<std::string, Class>& defender = spaces_[kDefenderSpace];
  // MSFT_MpComputerStatus: those of Windows 8.1, and AMRunningMode, DefenderSignaturesOutOfDate,
  // IsTamperProtected of Get-MpComputerStatus since.
  defender["MSFT_MpComputerStatus"].properties = {"ComputerID",
                                                  "ComputerState",
                                                  "AMProductVersion",
                                                  "AMServiceVersion",
                                                  "AMEngineVersion",
                                                  "AMServiceEnabled",
                                                  "AMRunningMode",
                                                  "AntivirusEnabled",
                                                  "AntivirusSignatureVersion",
                                                  "AntivirusSignatureAge",
                                                  "AntivirusSignatureLastUpdated",
                                                  "DefenderSignaturesOutOfDate",
                                                  "FullScanStartTime",
                                                  "FullScanEndTime",
                                                  "FullScanAge",
                                                  "QuickScanStartTime",
                                                  "QuickScanEndTime",
                                                  "QuickScanAge",
                                                  "RealTimeProtectionEnabled",
                                                  "OnAccessProtectionEnabled",
                                                  "IsTamperProtected"};
  defender["MSFT_MpPreference"].properties = {"ComputerID", "ExclusionPath", "ExclusionExtension",
                                              "ExclusionProcess", "ExclusionIpAddress"};
  defender["MSFT_MpThreat"].properties = {
      "SchemaVersion", "ThreatID",     "ThreatName", "SeverityID",       "CategoryID",
      "TypeID",        "RollupStatus", "Resources",  "DidThreatExecute", "IsActive"};
  defender["MSFT_MpThreatDetection"].properties = {
      "DetectionID",           "ThreatID",
      "ProcessName",           "DomainUser",
      "DetectionSourceTypeID", "Resources",
      "InitialDetectionTime",  "LastThreatStatusChangeTime",
      "RemediationTime",       "CurrentThreatExecutionStatusID",
      "ThreatStatusID",        "ThreatStatusErrorCode",
      "CleaningActionID",      "AMProductVersion",
      "ActionSuccess",         "AdditionalActionsBitMask"};
  defender["MSFT_MpScan"].methods["Start"].parameters = {{"ScanType", kUint8},
                                                         {"ScanPath", kString}};
  defender["MSFT_MpSignature"].methods["Update"].parameters = {{"UpdateSource", kUint8}};
  spaces_[kCenterSpace]["AntiVirusProduct"].properties = {
      "displayName",  "instanceGuid", "pathToSignedProductExe", "pathToSignedReportingExe",
      "productState", "timestamp"};
}

void SimulatedWmi::Put(const std::string& name_space,
                       const std::string& class_name,
                       std::vector<WmiRow> rows) {
  Class& to = spaces_.at(name_space).at(class_name);
  for (const WmiRow& row : rows) {
    for (const auto& [name, texts] : row)
      EXPECT_TRUE(to.properties.count(name) == 1) << class_name << " has no property " << name;
  }
  to.rows = std::move(rows);
}

void SimulatedWmi::Set(const std::string& class_name, const std::string& method, Method body) {
  spaces_.at(kDefenderSpace).at(class_name).methods.at(method).body = std::move(body);
}

void SimulatedWmi::RemoveClass(const std::string& name_space, const std::string& class_name) {
  spaces_.at(name_space).erase(class_name);
}

void SimulatedWmi::RemoveNamespace(const std::string& name_space) {
  spaces_.erase(name_space);
}

absl::StatusOr<std::vector<WmiRow>> SimulatedWmi::Query(const std::string& name_space,
                                                        const std::string& query,
                                                        absl::Duration /*timeout*/) {
  const auto space = spaces_.find(name_space);
  if (space == spaces_.end()) return NotThere("open the namespace " + name_space, "0x8004100e");
  const std::vector<std::string> words = absl::StrSplit(query, ' ');
  if (words.size() != 4 || words[0] != "SELECT" || words[1] != "*" || words[2] != "FROM")
    return absl::InvalidArgumentError(absl::StrCat(query, ": WMI error 0x80041017"));
  const auto failure = failures_.find(words[3]);
  if (failure != failures_.end()) return failure->second;
  const auto found = space->second.find(words[3]);
  if (found == space->second.end()) return NotThere(query, "0x80041010");
  return found->second.rows;
}

absl::StatusOr<WmiAnswer> SimulatedWmi::Call(const std::string& name_space,
                                             const std::string& class_name,
                                             const std::string& method,
                                             const std::vector<WmiParameter>& parameters,
                                             const std::function<absl::Status()>& still_wanted) {
  const auto space = spaces_.find(name_space);
  if (space == spaces_.end()) return NotThere("open the namespace " + name_space, "0x8004100e");
  const auto of = space->second.find(class_name);
  if (of == space->second.end()) return NotThere("look up the class " + class_name, "0x80041002");
  const auto shape = of->second.methods.find(method);
  if (shape == of->second.methods.end())
    return NotThere(absl::StrCat("look up the method ", class_name, ".", method), "0x80041002");
  Arguments arguments;
  for (const WmiParameter& one : parameters) {
    const auto known = shape->second.parameters.find(one.name);
    if (known == shape->second.parameters.end())
      return NotThere(absl::StrCat("set the parameter ", one.name), "0x80041002");
    if (known->second != one.value.index())
      return absl::InvalidArgumentError(
          absl::StrCat("set the parameter ", one.name, ": WMI error 0x80041005"));
    arguments[one.name] = one.value.index() == kString
                              ? std::get<std::string>(one.value)
                              : absl::StrCat(std::get<std::uint8_t>(one.value));
  }
  std::string call = absl::StrCat(class_name, ".", method);
  for (const auto& [name, value] : arguments) absl::StrAppend(&call, " ", name, "=", value);
  calls.push_back(call);
  for (int i = 0; i < looks; ++i) {
    MQ_RETURN_IF_ERROR(still_wanted());
  }
  return shape->second.body == nullptr ? WmiAnswer() : shape->second.body(arguments);
}

absl::StatusOr<ServiceInfo> ListedServices::Query(const std::string& name) {
  const auto found = states.find(name);
  if (found == states.end())
    return Error(absl::StatusCode::kNotFound, "NO_SERVICE", "there is no service " + name);
  ServiceInfo info;
  info.state = found->second;
  return info;
}

}  // namespace mailquench::agent
