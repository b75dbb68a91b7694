#include "cli/core/antivirus_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/output/printer.h"

namespace mailquench::cli {
namespace {
constexpr int kShownFindings = 5;  // Findings, exclusions; the rest is counted.

std::string ProductOf(const v1::AntivirusProduct& one) {
  std::vector<std::string> parts;
  parts.push_back(absl::StrCat(one.product().empty() ? one.adapter() : one.product(),
                               one.engine_version().empty() ? "" : " ", one.engine_version(),
                               one.second_opinion() ? " (second opinion)" : "",
                               one.running() ? "" : " DOES NOT RUN"));
  if (one.has_signature_time())
    parts.push_back(absl::StrCat(
        "signatures", one.signature_version().empty() ? "" : " ", one.signature_version(),
        one.signature_time_of_file() ? ", newest file " : " of ", HumanTime(one.signature_time())));
  else
    parts.emplace_back("age of signatures not known");
  if (one.out_of_date()) parts.emplace_back("OUT OF DATE by its own word");
  if (one.real_time() == v1::PROTECTION_ON) parts.emplace_back("real-time protection on");
  if (one.real_time() == v1::PROTECTION_OFF) parts.emplace_back("real-time protection OFF");
  if (one.passive()) parts.emplace_back("passive: another product protects");
  if (one.has_scan_time()) parts.push_back(absl::StrCat("scanned ", HumanTime(one.scan_time())));
  if (one.exclusions_size() > 0)
    parts.push_back(absl::StrCat(one.exclusions_size(), " exclusions"));
  if (!one.problem().empty()) parts.push_back(absl::StrCat("WARN ", one.problem()));
  return absl::StrJoin(parts, ", ");
}

void AddMore(std::int64_t all, std::vector<std::string>* parts) {
  if (all > kShownFindings) parts->push_back(absl::StrCat("and ", all - kShownFindings, " more"));
}
}  // namespace

std::string DescribeStatus(const v1::AntivirusStatusResult& result) {
  std::vector<std::string> parts;
  for (const v1::AntivirusProduct& one : result.products()) parts.push_back(ProductOf(one));
  if (!result.notice().empty()) parts.push_back(absl::StrCat("WARN ", result.notice()));
  return parts.empty() ? "no antivirus" : absl::StrJoin(parts, "; ");
}

std::string DescribeUpdate(const v1::AntivirusUpdateResult& result) {
  std::vector<std::string> parts;
  if (!result.notice().empty()) parts.push_back(result.notice());
  for (const v1::AntivirusProduct& one : result.after()) parts.push_back(ProductOf(one));
  return absl::StrJoin(parts, " ");
}

std::string DescribeScan(const v1::AntivirusScanResult& result) {
  std::vector<std::string> parts;
  parts.push_back(absl::StrCat(result.files(), " files scanned",
                               result.product().product().empty() ? "" : " by ",
                               result.product().product(), ", ", result.finding_count(),
                               result.finding_count() == 1 ? " finding" : " findings"));
  for (int i = 0; i < std::min(result.findings_size(), kShownFindings); ++i)
    parts.push_back(absl::StrCat(result.findings(i).signature(), " in ", result.findings(i).path(),
                                 ", ", result.findings(i).action()));
  AddMore(result.finding_count(), &parts);
  if (result.unread() > 0) {
    std::string unread = absl::StrCat(result.unread(), " not scanned");
    if (result.unread_samples_size() > 0)
      absl::StrAppend(&unread, ", as ", result.unread_samples(0));
    parts.push_back(unread);
  }
  if (result.partial()) parts.emplace_back("WARN in part");
  if (!result.notice().empty()) parts.push_back(result.notice());
  return absl::StrJoin(parts, "; ");
}

std::string DescribeScan(const v1::QuarantineScanResult& result) {
  std::vector<std::string> parts;
  parts.push_back(absl::StrCat(result.scanned(), " messages scanned, ", result.clean(), " clean, ",
                               result.infected(), " with findings"));
  for (int i = 0; i < std::min(result.findings_size(), kShownFindings); ++i) {
    const v1::InfectedMessage& one = result.findings(i);
    parts.push_back(absl::StrCat(
        one.queue_id(), " ", one.signature(), one.sender().empty() ? "" : " from ", one.sender(),
        one.subject().empty() ? "" : absl::StrCat(" '", one.subject(), "'")));
  }
  AddMore(result.infected(), &parts);
  if (result.not_scanned() > 0) {
    std::string unread = absl::StrCat(result.not_scanned(), " could not be scanned");
    if (result.not_scanned_samples_size() > 0)
      absl::StrAppend(&unread, ", as ", result.not_scanned_samples(0));
    parts.push_back(unread);
  }
  if (result.infected() + result.not_scanned() > 0 && !result.partial())
    parts.emplace_back("a release leaves these");
  if (result.partial()) parts.emplace_back("WARN in part");
  if (!result.notice().empty()) parts.push_back(result.notice());
  return absl::StrJoin(parts, "; ");
}

}  // namespace mailquench::cli
