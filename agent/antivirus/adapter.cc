#include "agent/antivirus/adapter.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/antivirus/pinned_program.h"
#include "agent/antivirus/scan_place.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

// std::regex goes as deep as a line is long.
constexpr std::size_t kSearched = 1000;
constexpr char kPath[] = "{path}";
constexpr char kProgram[] = "{program}";

std::vector<std::string> FirstGroups(const LinePattern& pattern, const std::string& line) {
  std::smatch match;
  const std::string part = line.substr(0, kSearched);
  std::vector<std::string> groups;
  if (!std::regex_search(part, match, pattern.expression)) return groups;
  for (std::size_t i = 1; i < match.size(); ++i) groups.push_back(match[i].str());
  return groups;
}

std::string FirstOf(const std::optional<LinePattern>& pattern,
                    const std::vector<std::string>& lines) {
  if (!pattern.has_value()) return "";
  for (const std::string& line : lines) {
    const std::vector<std::string> groups = FirstGroups(*pattern, line);
    if (!groups.empty()) return groups.front();
  }
  return "";
}

std::string WhyOf(const CommandResult& ran) {
  const std::string& last = ran.error_tail.empty() ? ran.last_line : ran.error_tail;
  return last.empty() ? "" : absl::StrCat(": ", Shown(last));
}

absl::Status NoSuch(const AdapterConfig& config, absl::string_view what) {
  return Error(
      absl::StatusCode::kUnimplemented, "NOT_DESCRIBED",
      absl::StrCat("agent.yaml describes no ", what, " of ", config.name, "; nothing was done"));
}

const std::string& MeaningOf(const AdapterCommand& command, const CommandResult& ran) {
  static const auto* const none = new std::string();
  const auto found = command.codes.find(ran.exit_code);
  return found == command.codes.end() ? *none : found->second;
}
}  // namespace

absl::StatusOr<LinePattern> MakePattern(const std::string& text, int groups) {
  LinePattern out;
  out.text = text;
  // The one place where an exception comes from: libstdc++ has no other answer to a bad pattern.
  try {
    out.expression = std::regex(text);
  } catch (const std::regex_error& error) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_PATTERN",
                 absl::StrCat("'", Shown(text), "' is no regular expression"));
  }
  if (static_cast<int>(out.expression.mark_count()) < groups)
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_PATTERN",
        absl::StrCat("'", Shown(text), "' has fewer than ", groups, " groups in parentheses"));
  return out;
}

const std::vector<std::string>& MeaningsOf(const std::string& kind) {
  static const auto* const status =
      new std::vector<std::string>{"running", "stopped", "out-of-date", "absent"};
  static const auto* const update = new std::vector<std::string>{"updated", "up-to-date"};
  static const auto* const scan = new std::vector<std::string>{"clean", "found", "partial"};
  return kind == "status" ? *status : kind == "update" ? *update : *scan;
}

bool Adapter::IsPresent(const WorkContext& context) {
  return !Look(context).empty();
}

v1::AntivirusProduct Adapter::Status(const WorkContext& context) {
  std::vector<v1::AntivirusProduct> seen = Look(context);
  if (!seen.empty()) return std::move(seen.front());
  v1::AntivirusProduct product;
  product.set_adapter(config_.name);
  product.set_product(config_.product);
  product.set_problem("it is not on this host");
  return product;
}

std::vector<v1::AntivirusProduct> Adapter::Look(const WorkContext& context) {
  v1::AntivirusProduct product;
  product.set_adapter(config_.name);
  product.set_product(config_.product);
  if (!config_.signature_file.empty()) {
    const absl::StatusOr<absl::Time> time = ModificationTime(config_.signature_file);
    if (time.ok())
      *product.mutable_signature_time() =
          TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(*time));
    product.set_signature_time_of_file(time.ok());
  }
  if (!config_.program.empty()) {
    const absl::Status pinned = PinnedProgram::Check(config_.program, config_.sha256);
    product.set_running(pinned.ok());
    if (!pinned.ok()) product.set_problem(Shown(pinned.message(), kMaxPath));
    return {product};
  }
  if (!config_.status.has_value()) {
    product.set_problem("agent.yaml describes no status of it");
    return {product};
  }
  const absl::StatusOr<CommandResult> ran =
      RunScannerCommand(config_.status->argv, config_.status->limit, context);
  if (absl::IsNotFound(ran.status())) return {};
  if (!ran.ok()) {
    product.set_problem(Shown(ran.status().message(), kMaxPath));
    return {product};
  }
  if (MeaningOf(*config_.status, *ran) == "absent") return {};
  const std::string& meaning = MeaningOf(*config_.status, *ran);
  product.set_running(meaning == "running" || meaning == "out-of-date");
  product.set_out_of_date(meaning == "out-of-date");
  if (meaning.empty())
    product.set_problem(absl::StrCat("its status ended with ", ran->exit_code, WhyOf(*ran)));
  product.set_engine_version(Shown(FirstOf(config_.engine_version, ran->lines)));
  product.set_signature_version(Shown(FirstOf(config_.signature_version, ran->lines)));
  const std::string time = FirstOf(config_.signature_time, ran->lines);
  if (!config_.signature_time.has_value()) return {product};
  absl::Time parsed;
  std::string why;
  if (absl::ParseTime(config_.time_format, time, absl::UTCTimeZone(), &parsed, &why)) {
    *product.mutable_signature_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(parsed));
    product.set_signature_time_of_file(false);
  } else if (product.problem().empty()) {
    product.set_problem(absl::StrCat("the time of its signatures is not told by '", Shown(time),
                                     "', read as ", config_.time_format));
  }
  return {product};
}

absl::StatusOr<Updated> Adapter::Update(const WorkContext& context) {
  if (!config_.update.has_value()) return NoSuch(config_, "update");
  context.progress(absl::StrCat(config_.name, " updates"));
  MQ_ASSIGN_OR_RETURN(const CommandResult ran,
                      RunScannerCommand(config_.update->argv, config_.update->limit, context));
  const std::string& meaning = MeaningOf(*config_.update, ran);
  if (meaning == "updated") return Updated{true, absl::StrCat(config_.product, " was updated.")};
  if (meaning == "up-to-date")
    return Updated{false, absl::StrCat(config_.product, " was up to date.")};
  return Error(absl::StatusCode::kFailedPrecondition, "UPDATE_FAILED",
               absl::StrCat("the update of ", config_.name, " ended with ", ran.exit_code,
                            WhyOf(ran), "; run it by hand on the host"));
}

absl::Status Adapter::Scan(const ScanOrder& order,
                           const WorkContext& context,
                           v1::AntivirusScanResult& result) {
  const absl::Time begin = absl::Now();
  if (config_.removes && !order.request.remove())
    return Error(absl::StatusCode::kFailedPrecondition, "SCAN_REMOVES",
                 absl::StrCat("a scan of ", config_.name,
                              " takes away what it finds, as agent.yaml says (removes), and this "
                              "one was to look only; nothing was scanned; ask with `remove`"));
  *result.mutable_product() = order.product.has_value() ? *order.product : Status(context);
  const v1::ScanKind kind = order.request.kind();
  const std::optional<AdapterCommand>& command = kind == v1::SCAN_KIND_FULL    ? config_.full
                                                 : kind == v1::SCAN_KIND_PATHS ? config_.paths
                                                                               : config_.quick;
  if (!command.has_value())
    return NoSuch(config_, kind == v1::SCAN_KIND_FULL    ? "full scan"
                           : kind == v1::SCAN_KIND_PATHS ? "scan of paths"
                                                         : "quick scan");
  MQ_RETURN_IF_ERROR(CheckPlaces(order));
  std::optional<PinnedProgram> pinned;
  if (!config_.program.empty()) {
    auto made = PinnedProgram::Make(config_.program, config_.sha256, config_.private_folder);
    MQ_RETURN_IF_ERROR(made.status());
    pinned.emplace(*std::move(made));
  }
  std::vector<std::string> paths(order.request.paths().begin(), order.request.paths().end());
  if (kind != v1::SCAN_KIND_PATHS) paths = {""};
  absl::Status ended;
  for (const std::string& path : paths) {
    // Again: the scan of the one before may have taken hours.
    if (kind == v1::SCAN_KIND_PATHS) ended = CheckPlaces(order);
    if (!ended.ok()) break;
    context.progress(absl::StrCat(config_.name, " scans", path.empty() ? "" : " ", Shown(path)));
    ended = RunScan(*command, path, pinned.has_value() ? pinned->copy() : "",
                    order.request.remove(), context, result);
    if (!ended.ok()) break;
  }
  *result.mutable_time() =
      TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(absl::Now() - begin));
  result.set_partial(result.partial() || !ended.ok());
  if (!ended.ok())
    result.set_notice(absl::StrCat("It ended before its end: ", Shown(ended.message()), "."));
  else if (result.partial() && result.notice().empty())
    result.set_notice(absl::StrCat(config_.product, " says that it has not read all."));
  return ended;
}

absl::Status Adapter::CheckPlaces(const ScanOrder& order) const {
  if (order.request.kind() != v1::SCAN_KIND_PATHS) return absl::OkStatus();
  if (config_.removes && !order.left_out_known)
    return Error(absl::StatusCode::kUnavailable, "QUEUES_NOT_KNOWN",
                 absl::StrCat(config_.name,
                              " takes away what it finds, and where this host's mail queues are "
                              "could not be found out; nothing was scanned; ask again"));
  const std::vector<std::string> none;
  for (const std::string& path : order.request.paths())
    MQ_RETURN_IF_ERROR(CheckScanPlace(path, config_.removes ? order.left_out : none));
  return absl::OkStatus();
}

absl::Status Adapter::RunScan(const AdapterCommand& command,
                              const std::string& path,
                              const std::string& program,
                              bool remove,
                              const WorkContext& context,
                              v1::AntivirusScanResult& result) const {
  std::vector<std::string> argv;
  for (const std::string& word : command.argv)
    argv.push_back(word == kProgram ? program : absl::StrReplaceAll(word, {{kPath, path}}));
  const std::int64_t before = result.finding_count();
  bool cut = false;
  // As they come: what was found is known also where the command does not end well.
  const auto take = [&](const std::string& line) {
    if (!config_.finding.has_value()) return;
    cut = cut || line.size() > kSearched;
    const std::vector<std::string> groups = FirstGroups(*config_.finding, line);
    if (groups.size() < 2) return;
    result.set_finding_count(result.finding_count() + 1);
    if (result.findings_size() >= kMaxFindings) return;
    v1::AntivirusFinding* finding = result.add_findings();
    finding->set_path(Shown(groups[0], kMaxPath));
    finding->set_signature(Shown(groups[1]));
    finding->set_action(config_.removes ? "quarantined"
                        : remove ? "not removed: agent.yaml says that its scan removes nothing"
                                 : "found");
  };
  const absl::StatusOr<CommandResult> ended = RunScannerCommand(argv, command.limit, context, take);
  cut = cut || (ended.ok() && ended->unread);
  if (cut) {
    result.set_partial(true);
    result.set_notice(absl::StrCat("Lines of its output were longer than ", kSearched,
                                   " bytes: what stands in the rest of them was not read."));
  }
  MQ_RETURN_IF_ERROR(ended.status());
  const CommandResult& ran = *ended;
  const std::string& meaning = MeaningOf(command, ran);
  if (meaning.empty())
    return Error(
        absl::StatusCode::kFailedPrecondition, "SCANNER_FAILED",
        absl::StrCat("the scan of ", config_.name, " ended with ", ran.exit_code, WhyOf(ran),
                     ", which agent.yaml gives no meaning; what it has found "
                     "until then is told; run it by hand on the host"));
  if (meaning == "partial") result.set_partial(true);
  // It says that it has found something, and its words were not understood: never nothing.
  if (meaning == "found" && result.finding_count() == before) {
    result.set_finding_count(before + 1);
    if (result.findings_size() >= kMaxFindings) return absl::OkStatus();
    v1::AntivirusFinding* finding = result.add_findings();
    finding->set_path(path.empty() ? "(not told)" : Shown(path, kMaxPath));
    finding->set_signature("(not told)");
    finding->set_action(absl::StrCat("found, by its exit code ", ran.exit_code));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent
