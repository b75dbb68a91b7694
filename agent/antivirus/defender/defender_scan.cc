// Scans by Defender: MSFT_MpScan.Start, which comes back when the scan has ended, and what Defender
// then has in its history.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/antivirus/defender/codes.h"
#include "agent/antivirus/defender/defender_antivirus.h"
#include "common/status/error.h"

namespace mailquench::agent::defender {
namespace {
// ScanType
constexpr std::uint8_t kQuickScan = 1;
constexpr std::uint8_t kFullScan = 2;
constexpr std::uint8_t kCustomScan = 3;

constexpr char kActsItself[] =
    "Defender does with what it finds what its own settings say, and tells no number of files.";
constexpr char kActsNot[] =
    "Defender is passive: another product protects this host, and Defender removes nothing. It "
    "tells no number of files.";

void Say(const std::string& sentence, v1::AntivirusScanResult& result) {
  result.set_notice(absl::StrCat(result.notice(), result.notice().empty() ? "" : " ", sentence));
}

// The context has ended it, and not Defender or WMI.
bool IsCalledOff(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return !status.ok() && reason != "SCAN_FAILED" && reason != "WMI_FAILED";
}
}  // namespace

absl::Status DefenderAntivirus::ScanOnce(v1::ScanKind kind,
                                         const std::string& path,
                                         const WorkContext& context,
                                         std::string& more_to_do) {
  const std::uint8_t type = kind == v1::SCAN_KIND_FULL    ? kFullScan
                            : kind == v1::SCAN_KIND_PATHS ? kCustomScan
                                                          : kQuickScan;
  std::vector<WmiParameter> parameters = {{"ScanType", type}};
  // It does not know a path with slashes.
  if (type == kCustomScan)
    parameters.push_back({"ScanPath", absl::StrReplaceAll(path, {{"/", "\\"}})});
  const std::string doing = type == kFullScan     ? "scans the whole host"
                            : type == kCustomScan ? absl::StrCat("scans ", Shown(path, kMaxPath))
                                                  : "scans where malware usually is";
  MQ_ASSIGN_OR_RETURN(const WmiAnswer answer,
                      Call("MSFT_MpScan", "Start", parameters, doing, context));
  if (answer.code == 0) return absl::OkStatus();
  if (IsOnlyMoreToDo(answer.code)) {
    more_to_do = absl::StrCat("Defender ended with ", Described(answer), ".");
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kFailedPrecondition, "SCAN_FAILED",
               absl::StrCat("Defender's scan failed with ", Described(answer),
                            "; look into the event log Microsoft-Windows-Windows "
                            "Defender/Operational of the host, then ask again"));
}

absl::Status DefenderAntivirus::TakeThreats(const ThreatScope& scope,
                                            bool passive,
                                            const WorkContext& context,
                                            v1::AntivirusScanResult& result) {
  const absl::Time enough = absl::Now() + options_.settle;
  while (true) {
    MQ_ASSIGN_OR_RETURN(Threats threats, ReadThreats(*wmi_, scope));
    // Nobody waits any more for one that was cancelled.
    if (threats.unsettled && !passive && absl::Now() < enough && CheckWork(context).ok()) {
      std::this_thread::sleep_for(absl::ToChronoMilliseconds(options_.look_every));
      continue;
    }
    result.set_finding_count(threats.count);
    for (v1::AntivirusFinding& one : threats.findings) *result.add_findings() = std::move(one);
    return absl::OkStatus();
  }
}

absl::Status DefenderAntivirus::Scan(const ScanOrder& order,
                                     const WorkContext& context,
                                     v1::AntivirusScanResult& result) {
  const absl::Time begin = absl::Now();
  const v1::AntivirusScan& request = order.request;
  *result.mutable_product() = Status();
  const v1::AntivirusProduct& product = result.product();
  if (!product.running()) return NotRunning(product, "nothing was scanned");
  MQ_RETURN_IF_ERROR(CheckLeftOut(order));
  std::vector<std::string> paths;
  if (request.kind() == v1::SCAN_KIND_PATHS)
    paths.assign(request.paths().begin(), request.paths().end());
  absl::Status ended;
  std::string more_to_do;
  std::size_t read = 0;
  for (const std::string& path : paths.empty() ? std::vector<std::string>{""} : paths) {
    const absl::Status scanned = ScanOnce(request.kind(), path, context, more_to_do);
    if (scanned.ok()) {
      ++read;
      continue;
    }
    ended = scanned;
    if (ReasonOf(scanned) != "SCAN_FAILED") break;
    if (path.empty()) break;
    // The other paths may well be readable.
    result.set_unread(result.unread() + 1);
    if (result.unread_samples_size() < kMaxUnreadSamples)
      result.add_unread_samples(
          absl::StrCat(Shown(path, kMaxPath), ": ", Shown(scanned.message())));
  }
  if (ReasonOf(ended) == "SCAN_FAILED" && read > 0) ended = absl::OkStatus();
  Say(product.passive() ? kActsNot : kActsItself, result);
  if (!more_to_do.empty()) Say(more_to_do, result);
  const absl::Status told = TakeThreats({begin, paths}, product.passive(), context, result);
  *result.mutable_time() = google::protobuf::util::TimeUtil::MicrosecondsToDuration(
      absl::ToInt64Microseconds(absl::Now() - begin));
  result.set_partial(!ended.ok() || !told.ok() || result.unread() > 0);
  if (result.unread() > 0) Say(absl::StrCat(result.unread(), " paths were not scanned."), result);
  if (!told.ok()) {
    const std::string unknown =
        absl::StrCat("what Defender has found cannot be read: ", Shown(told.message(), kMaxPath));
    if (ended.ok())
      return Error(told.code(), "FINDINGS_NOT_READ",
                   absl::StrCat("Defender has scanned, and ", unknown,
                                "; look into its history on the host (Get-MpThreatDetection)"));
    Say(absl::StrCat(unknown, "."), result);
  }
  if (!IsCalledOff(ended)) return ended;
  return Error(ended.code(), ReasonOf(ended),
               absl::StrCat(ended.message(),
                            "; Defender is not stopped by that and may go on scanning by itself: "
                            "what it finds then is in its own history"));
}

}  // namespace mailquench::agent::defender
