#include "agent/antivirus/defender/defender_antivirus.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/antivirus/defender/codes.h"
#include "agent/antivirus/defender/wmi_values.h"
#include "agent/antivirus/scan_paths.h"
#include "common/status/error.h"

namespace mailquench::agent::defender {
namespace {
using google::protobuf::util::TimeUtil;

constexpr char kProduct[] = "Microsoft Defender Antivirus";
constexpr char kService[] = "WinDefend";
constexpr absl::Duration kAsk = absl::Seconds(30);
constexpr absl::Duration kSayEvery = absl::Seconds(30);

// AMRunningMode: Normal, Passive Mode (also Passive), SxS Passive Mode, EDR Block Mode, Not
// running; Server 2016 may lack it.
bool IsPassive(const WmiRow& status) {
  const std::string mode = TextOf(status, "AMRunningMode");
  return absl::StrContains(absl::AsciiStrToLower(mode), "passive") ||
         absl::EqualsIgnoreCase(mode, "EDR Block Mode");
}

void SetTime(absl::Time time, google::protobuf::Timestamp* to) {
  *to = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

void TakeSignatures(const WmiRow& status, v1::AntivirusProduct& product) {
  product.set_engine_version(Shown(TextOf(status, "AMEngineVersion")));
  product.set_signature_version(Shown(TextOf(status, "AntivirusSignatureVersion")));
  product.set_out_of_date(FlagOf(status, "DefenderSignaturesOutOfDate").value_or(false));
  const auto time = TimeOf(status, "AntivirusSignatureLastUpdated");
  if (time.has_value()) SetTime(*time, product.mutable_signature_time());
}

void TakeScanTime(const WmiRow& status, v1::AntivirusProduct& product) {
  absl::Time newest = absl::InfinitePast();
  for (const std::string kind : {"QuickScan", "FullScan"}) {
    if (NumberOf(status, kind + "Age").value_or(0) == kNever) continue;
    newest = std::max(newest, TimeOf(status, kind + "EndTime").value_or(absl::InfinitePast()));
  }
  if (newest != absl::InfinitePast()) SetTime(newest, product.mutable_scan_time());
}

std::vector<std::string> TakeState(const WmiRow& status, v1::AntivirusProduct& product) {
  std::vector<std::string> problems;
  const bool service = FlagOf(status, "AMServiceEnabled").value_or(false);
  const bool antivirus = FlagOf(status, "AntivirusEnabled").value_or(false);
  // Some versions call the antivirus off while it is passive; it scans all the same.
  product.set_passive(service && IsPassive(status));
  product.set_running(service && (antivirus || product.passive()));
  if (!service)
    problems.emplace_back("its service is off, as where another product has taken its place");
  else if (!product.running())
    problems.emplace_back("its antivirus is off");
  const std::optional<bool> real_time = FlagOf(status, "RealTimeProtectionEnabled");
  // Off by what passive is, and no fault.
  if (product.passive())
    product.set_real_time(v1::PROTECTION_NONE);
  else if (real_time.has_value())
    product.set_real_time(*real_time ? v1::PROTECTION_ON : v1::PROTECTION_OFF);
  if (product.running() && !product.has_signature_time())
    problems.emplace_back("it tells no time of its signatures");
  return problems;
}
}  // namespace

absl::Status DefenderAntivirus::NotRunning(const v1::AntivirusProduct& product,
                                           absl::string_view left) {
  return Error(absl::StatusCode::kFailedPrecondition, "ANTIVIRUS_NOT_RUNNING",
               absl::StrCat(kProduct, " does not run", product.problem().empty() ? "" : ": ",
                            product.problem(), "; ", left, "; start it, then ask again"));
}

// The one object of a class that has one.
absl::StatusOr<WmiRow> DefenderAntivirus::Only(const std::string& class_name) {
  MQ_ASSIGN_OR_RETURN(
      std::vector<WmiRow> rows,
      wmi_->Query(kDefenderNamespace, absl::StrCat("SELECT * FROM ", class_name), kAsk));
  if (rows.empty())
    return absl::NotFoundError(absl::StrCat("WMI has no object of the class ", class_name));
  return std::move(rows.front());
}

bool DefenderAntivirus::IsPresent(const WorkContext& /*context*/) {
  const absl::StatusOr<WmiRow> status = Only("MSFT_MpComputerStatus");
  if (status.ok()) return true;
  const absl::StatusOr<ServiceInfo> service = services_->Query(kService);
  if (absl::IsNotFound(service.status())) return false;
  // Windows 7 has a service of this name, and no antivirus. One that runs where WMI does not know
  // it is there, and WMI is damaged.
  if (absl::IsNotFound(status.status()))
    return service.ok() && service->state == ServiceState::kRunning;
  return true;
}

absl::StatusOr<Exclusions> DefenderAntivirus::ReadExclusions() {
  MQ_ASSIGN_OR_RETURN(const WmiRow preference, Only("MSFT_MpPreference"));
  return ExclusionsOf(preference);
}

v1::AntivirusProduct DefenderAntivirus::Status(const WorkContext& /*context*/) {
  v1::AntivirusProduct product;
  product.set_adapter("defender");
  product.set_product(kProduct);
  const absl::StatusOr<WmiRow> status = Only("MSFT_MpComputerStatus");
  if (!status.ok()) {
    const absl::StatusOr<ServiceInfo> service = services_->Query(kService);
    const bool stopped = service.ok() && service->state != ServiceState::kRunning;
    product.set_problem(Shown(absl::StrCat(stopped ? "its service WinDefend does not run; " : "",
                                           std::string(status.status().message())),
                              kMaxPath));
    return product;
  }
  TakeSignatures(*status, product);
  TakeScanTime(*status, product);
  std::vector<std::string> problems = TakeState(*status, product);
  const absl::StatusOr<Exclusions> exclusions = ReadExclusions();
  if (!exclusions.ok()) {
    problems.push_back(absl::StrCat("its exclusions cannot be read: ",
                                    std::string(exclusions.status().message())));
  } else {
    for (const std::string& one : exclusions->words) product.add_exclusions(one);
    if (exclusions->hidden)
      problems.emplace_back(
          "its exclusions cannot be seen: the agent is no administrator here, or a policy hides "
          "them");
    if (exclusions->count > exclusions->words.size())
      problems.push_back(absl::StrCat("it has ", exclusions->count, " exclusions, of which ",
                                      exclusions->words.size(), " are listed"));
  }
  product.set_problem(Shown(absl::StrJoin(problems, "; "), kMaxPath));
  return product;
}

absl::StatusOr<WmiAnswer> DefenderAntivirus::Call(const std::string& class_name,
                                                  const std::string& method,
                                                  const std::vector<WmiParameter>& parameters,
                                                  const std::string& doing,
                                                  const WorkContext& context) {
  const absl::Time begin = absl::Now();
  absl::Time said = begin;
  absl::Status over;
  context.progress(absl::StrCat(kProduct, " ", doing));
  absl::StatusOr<WmiAnswer> answer =
      wmi_->Call(kDefenderNamespace, class_name, method, parameters, [&] {
        const absl::Time now = absl::Now();
        if (now - said >= kSayEvery) {
          said = now;
          // It tells no percentage.
          const absl::Duration since = absl::Trunc(now - begin, absl::Seconds(1));
          context.progress(
              absl::StrCat(kProduct, " ", doing, ", since ", absl::FormatDuration(since)));
        }
        over = CheckWork(context);
        return over;
      });
  if (answer.ok() || !over.ok()) return answer;
  return Error(answer.status().code(), "WMI_FAILED",
               absl::StrCat("Windows has not let Defender do its work: ",
                            Shown(answer.status().message(), kMaxPath),
                            "; look whether WMI and Defender are well on the host, and whether the "
                            "agent runs as LocalSystem"));
}

absl::StatusOr<Updated> DefenderAntivirus::Update(const WorkContext& context) {
  const v1::AntivirusProduct before = Status();
  if (!before.running()) return NotRunning(before, "nothing was updated");
  // Without a source it takes the order that its settings name.
  MQ_ASSIGN_OR_RETURN(const WmiAnswer answer,
                      Call("MSFT_MpSignature", "Update", {}, "asks for new signatures", context));
  if (answer.code != 0) {
    const std::string what = absl::StrCat(kProduct, " was not updated: ", Described(answer),
                                          "; the old signatures stay");
    if (IsAccessDenied(answer.code))
      return Error(absl::StatusCode::kPermissionDenied, "NO_RIGHTS",
                   absl::StrCat(what, "; run the agent as LocalSystem"));
    if (IsSourceAway(answer.code))
      return Error(absl::StatusCode::kUnavailable, "UPDATE_SOURCE_AWAY",
                   absl::StrCat(what, "; look at the way from this host to its source of updates"));
    return Error(absl::StatusCode::kFailedPrecondition, "UPDATE_FAILED",
                 absl::StrCat(what,
                              "; look into the event log Microsoft-Windows-Windows "
                              "Defender/Operational of the host"));
  }
  const v1::AntivirusProduct after = Status();
  if (after.signature_version() == before.signature_version())
    return Updated{false, absl::StrCat(kProduct, " has the newest signatures already (",
                                       after.signature_version(), ").")};
  return Updated{true, absl::StrCat(kProduct, " has signatures ", after.signature_version(),
                                    " now, ", before.signature_version(), " before.")};
}

absl::Status DefenderAntivirus::CheckLeftOut(const ScanOrder& order) {
  const v1::AntivirusScan& request = order.request;
  // A quick scan looks where programs are started from.
  if (request.kind() != v1::SCAN_KIND_FULL && request.kind() != v1::SCAN_KIND_PATHS)
    return absl::OkStatus();
  std::vector<std::string> entered;
  for (const std::string& folder : order.left_out) {
    // Named, or something in it: it is wanted.
    const auto above = [&](const std::string& path) {
      return IsWithinWindows(folder, path) && !IsWithinWindows(path, folder);
    };
    if (request.kind() == v1::SCAN_KIND_FULL ||
        std::any_of(request.paths().begin(), request.paths().end(), above))
      entered.push_back(folder);
  }
  if (entered.empty()) return absl::OkStatus();
  const absl::StatusOr<Exclusions> exclusions = ReadExclusions();
  std::vector<std::string> open;
  for (const std::string& folder : entered) {
    if (!exclusions.ok() || !Covers(*exclusions, folder)) open.push_back(Shown(folder, kMaxPath));
  }
  if (open.empty()) return absl::OkStatus();
  const bool unseen = !exclusions.ok() || exclusions->hidden;
  return Error(
      absl::StatusCode::kFailedPrecondition, "FOLDERS_NOT_EXCLUDED",
      absl::StrCat(
          "Defender removes what it finds, and would enter ", absl::StrJoin(open, ", "),
          unseen ? ", as far as its exclusions can be seen" : ", which its exclusions do not name",
          "; nothing was scanned; exclude these folders of mail by their path, "
          "or ask for a quick scan"));
}

}  // namespace mailquench::agent::defender
