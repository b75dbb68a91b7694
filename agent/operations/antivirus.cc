// antivirus.status, .update, .scan: the products of the host, asked under the executor's clock and
// cancellation.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/antivirus/scan_paths.h"
#include "agent/operations/executor.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

constexpr int kMostPaths = 100;

// When each product scanned last, a line each: no product says it of what others asked for.
std::string ScanTimesPath(const std::string& state_dir) {
  return absl::StrCat(state_dir, "/antivirus-scans");
}

std::map<std::string, std::int64_t> ScanTimes(const std::string& state_dir) {
  std::map<std::string, std::int64_t> times;
  const auto text = ReadFile(ScanTimesPath(state_dir), 65536);
  if (!text.ok()) return times;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::size_t space = line.rfind(' ');
    std::int64_t micros = 0;
    if (space != absl::string_view::npos && absl::SimpleAtoi(line.substr(space + 1), &micros))
      times[std::string(line.substr(0, space))] = micros;
  }
  return times;
}
}  // namespace

WorkContext Executor::WorkOf(const CallContext& context) {
  WorkContext work;
  // The products wait by the system's clock.
  work.deadline = absl::Now() + (context.deadline - clock_.Now());
  work.progress = context.progress;
  work.still_wanted = context.still_wanted;
  return work;
}

absl::Status Executor::AdmitScan(const v1::AntivirusScan& request) const {
  if (request.kind() != v1::SCAN_KIND_PATHS) {
    if (request.paths().empty()) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "PATHS_NOT_WANTED",
                 "paths belong to a scan of paths; nothing was scanned");
  }
  if (request.paths().empty() || request.paths_size() > kMostPaths)
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_PATHS",
        absl::StrCat("a scan of paths names 1 to ", kMostPaths, " of them; nothing was scanned"));
  for (const std::string& path : request.paths()) {
    const bool allowed =
        std::any_of(options_.scan_roots.begin(), options_.scan_roots.end(),
                    [&](const std::string& root) { return IsBelowRoot(path, root); });
    if (allowed) continue;
    return Error(absl::StatusCode::kPermissionDenied, "PATH_NOT_ALLOWED",
                 absl::StrCat("this host scans no path '", Harmless(path),
                              "' on request; nothing was scanned. Its own list, scan_roots in "
                              "agent.yaml, ",
                              options_.scan_roots.empty()
                                  ? "is empty: name a folder there"
                                  : absl::StrCat("has ", absl::StrJoin(options_.scan_roots, ", ")),
                              "; a quick or a full scan needs none"));
  }
  return absl::OkStatus();
}

std::vector<v1::AntivirusProduct> Executor::ProductsOf(const std::vector<AntivirusSet::Seen>& seen,
                                                       const WorkContext& work) {
  std::vector<v1::AntivirusProduct> products;
  const std::map<std::string, std::int64_t> times = ScanTimes(options_.state_dir);
  const auto add = [&](v1::AntivirusProduct product) {
    const auto time = times.find(product.adapter());
    if (!product.has_scan_time() && time != times.end())
      *product.mutable_scan_time() = TimeUtil::MicrosecondsToTimestamp(time->second);
    products.push_back(std::move(product));
  };
  for (const AntivirusSet::Seen& one : seen) {
    for (const v1::AntivirusProduct& product : one.products) add(product);
  }
  if (antivirus_.second_opinion() != nullptr) {
    v1::AntivirusProduct second = antivirus_.second_opinion()->Status(work);
    second.set_second_opinion(true);
    add(std::move(second));
  }
  return products;
}

absl::StatusOr<v1::AntivirusStatusResult> Executor::DoAntivirusStatus(const CallContext& context) {
  v1::AntivirusStatusResult result;
  const WorkContext work = WorkOf(context);
  const std::vector<AntivirusSet::Seen> seen = antivirus_.Look(work);
  for (v1::AntivirusProduct& one : ProductsOf(seen, work)) *result.add_products() = std::move(one);
  // What was cut short knows too little of them.
  MQ_RETURN_IF_ERROR(CheckWork(work));
  if (seen.empty())
    result.set_notice(
        "No antivirus is known on this host: none of those that the agent looks for, and none is "
        "described in agent.yaml (antivirus_adapters).");
  return result;
}

absl::Status Executor::DoAntivirusUpdate(const CallContext& context,
                                         bool& changed,
                                         v1::OperationResult& out) {
  v1::AntivirusUpdateResult& result = *out.mutable_antivirus_update();
  const WorkContext work = WorkOf(context);
  const std::vector<AntivirusSet::Seen> seen = antivirus_.Look(work);
  MQ_RETURN_IF_ERROR(CheckWork(work));
  MQ_RETURN_IF_ERROR(AntivirusSet::ToScan(seen).status());
  for (v1::AntivirusProduct& one : ProductsOf(seen, work)) *result.add_before() = std::move(one);
  changed = false;
  absl::Status failed;
  std::vector<std::string> sentences;
  bool any = false;
  for (const AntivirusSet::Seen& one : seen) {
    const absl::StatusOr<Updated> updated = one.antivirus->Update(work);
    if (updated.ok()) {
      any = true;
      changed = changed || updated->changed;
      sentences.push_back(updated->sentence);
    } else {
      sentences.emplace_back(updated.status().message());
      // One that updates itself alone is no failure where another one does it.
      if (failed.ok() || absl::IsUnimplemented(failed)) failed = updated.status();
    }
  }
  for (v1::AntivirusProduct& one : ProductsOf(antivirus_.Look(work), work))
    *result.add_after() = std::move(one);
  result.set_notice(absl::StrJoin(sentences, " "));
  if (any && absl::IsUnimplemented(failed)) return absl::OkStatus();
  return failed;
}

absl::Status Executor::DoAntivirusScan(const v1::AntivirusScan& request,
                                       const CallContext& context,
                                       v1::OperationResult& out) {
  v1::AntivirusScanResult& result = *out.mutable_antivirus_scan();
  const WorkContext work = WorkOf(context);
  ScanOrder order;
  Antivirus* product = antivirus_.second_opinion();
  if (!request.second_opinion()) {
    std::vector<AntivirusSet::Seen> seen = antivirus_.Look(work);
    MQ_RETURN_IF_ERROR(CheckWork(work));
    MQ_ASSIGN_OR_RETURN(const AntivirusSet::Seen chosen, AntivirusSet::ToScan(std::move(seen)));
    product = chosen.antivirus;
    order.product = chosen.products.front();
  } else if (product == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SECOND_OPINION",
                 "this host's agent.yaml names no second_opinion; nothing was scanned");
  }
  order.request = request;
  // A product that removes what it finds there would take mail away, and what was set aside is
  // scanned by quarantine.scan.
  const absl::StatusOr<ServiceGlance> glance = mail_.Glance();
  if (glance.ok()) order.left_out = glance->queue_directories;
  order.left_out_known = glance.ok() || absl::IsNotFound(glance.status());
  order.left_out.insert(order.left_out.end(), options_.quarantine_roots.begin(),
                        options_.quarantine_roots.end());
  const absl::Status scanned = product->Scan(order, work, result);
  result.mutable_product()->set_second_opinion(request.second_opinion());
  if (scanned.ok()) NoteScanTime(result.product().adapter());
  return scanned;
}

void Executor::NoteScanTime(const std::string& adapter) {
  const std::lock_guard<std::mutex> lock(scan_times_mu_);
  std::map<std::string, std::int64_t> times = ScanTimes(options_.state_dir);
  times[adapter] = absl::ToUnixMicros(clock_.Now());
  std::string text;
  for (const auto& [name, micros] : times) absl::StrAppend(&text, name, " ", micros, "\n");
  const absl::Status written = WriteFileAtomically(ScanTimesPath(options_.state_dir), text, 0600);
  if (!written.ok()) spdlog::warn("the time of the scan is not kept: {}", written.ToString());
}

}  // namespace mailquench::agent
