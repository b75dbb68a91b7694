#include "controller/runs/planner.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "controller/runs/group_rules.h"
#include "controller/runs/operation_fields.h"
#include "controller/runs/playbooks.h"
#include "controller/store/ids.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace mailquench::controller {
namespace {

// How many hosts have begun when this wave has: cumulative, at least one.
std::size_t Reach(const std::string& wave, std::size_t hosts) {
  const std::size_t number = static_cast<std::size_t>(std::atoi(wave.c_str()));
  if (wave.back() != '%') return std::min(number, hosts);
  return std::max<std::size_t>(1, (hosts * number + 99) / 100);
}

std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// The organisations whose servers keep no copies, by the word of whoever gave the order. Wrong, the
// spam comes back: so the order names each where there is a choice.
// `unread`: hosts that may keep some, since nobody could read with whom.
absl::StatusOr<std::set<std::string>> SaidWithoutCopies(const v1::Plan& plan,
                                                        const v1::PlanRunRequest& request,
                                                        const std::set<std::string>& unread) {
  const auto said = request.parameters().find(kWithoutCopies);
  if (said == request.parameters().end() || said->second == "false") return std::set<std::string>();
  std::set<std::string> there;
  for (const v1::PlannedHost& host : plan.hosts()) {
    if (!host.transport_group().empty() || unread.count(host.host_id()) > 0)
      there.insert(host.organisation());
  }
  const std::string names = absl::StrJoin(there, ", ");
  if (said->second == "true") {
    if (there.size() < 2) return there;
    return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE",
                 "without_copies names no organisation, and there are several in the run: " +
                     names + "; nothing was done; name the one whose servers keep no copies");
  }
  std::set<std::string> named;
  for (const absl::string_view part : absl::StrSplit(said->second, ',')) {
    const std::string one(absl::StripAsciiWhitespace(part));
    if (there.count(one) == 0) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE",
                   "without_copies names '" + one + "', which is no organisation of the run (" +
                       (names.empty() ? "it has none" : names) + "); nothing was done");
    }
    named.insert(one);
  }
  return named;
}

}  // namespace

constexpr std::int64_t kLongestWait = std::int64_t{86400} * 7;  // Of blacklist.clear, in seconds.
// How long a step of a run of one operation has, in seconds.
constexpr int kUpdate = 900, kQuickScan = 7200, kLongScan = 86400;

absl::StatusOr<v1::Playbook> ResolvePlaybook(const std::map<std::string, v1::Playbook>& playbooks,
                                             const v1::PlanRunRequest& request) {
  v1::Playbook playbook;
  if (request.has_operation()) {
    const std::string name = OperationName(request.operation());
    if (name.empty()) {
      return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_OPERATION",
                   "the request names no operation that this controller knows; nothing was done");
    }
    playbook.set_name(name);
    v1::PlaybookStep* step = playbook.add_steps();
    step->set_name(name);
    // A copy of a whole queue takes its time.
    const bool copies = request.operation().has_quarantine_move() ||
                        request.operation().quarantine_release().isolate();
    step->set_timeout_seconds(copies ? 1800 : 300);
    // So does reading every file of a host, or every message of a quarantine.
    const v1::ScanKind kind = request.operation().antivirus_scan().kind();
    if (request.operation().has_antivirus_scan())
      step->set_timeout_seconds(kind == v1::SCAN_KIND_FULL ? kLongScan : kQuickScan);
    if (request.operation().has_quarantine_scan()) step->set_timeout_seconds(kQuickScan);
    if (request.operation().has_antivirus_update()) step->set_timeout_seconds(kUpdate);
    if (request.operation().has_blacklist_clear())
      step->set_timeout_seconds(static_cast<int>(
          std::min<std::int64_t>(request.operation().blacklist_clear().wait().seconds(),
                                 kLongestWait) +
          300));
    *step->mutable_operation() = request.operation();
    if (request.operation().has_restore()) {
      // What is open again is watched, so that it can be locked again at once.
      v1::PlaybookStep* quiet = playbook.add_steps();
      quiet->set_name("quiet");
      quiet->set_timeout_seconds(300);
      quiet->mutable_operation()->mutable_queue_watch();
    }
  } else {
    const auto found = playbooks.find(request.playbook());
    if (found == playbooks.end()) {
      return Error(absl::StatusCode::kNotFound, "PLAYBOOK_NOT_FOUND",
                   "there is no playbook '" + request.playbook() +
                       "'; nothing was done; 'mailquench playbook list' names them");
    }
    playbook = found->second;
  }
  MQ_RETURN_IF_ERROR(ApplyParameters(
      std::map<std::string, std::string>(request.parameters().begin(), request.parameters().end()),
      &playbook));
  for (const std::string& wave : playbook.waves()) {
    const std::string wrong = WrongWave(wave);
    if (!wrong.empty()) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE", wrong + "; nothing was done");
    }
  }
  return playbook;
}

absl::StatusOr<v1::Plan> FreezePlan(const v1::Playbook& playbook,
                                    const v1::PlanRunRequest& request,
                                    Hosts* hosts,
                                    const OrganisationDebts& known) {
  const std::vector<std::string> names(request.hosts().begin(), request.hosts().end());
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Host> all, hosts->Choose(request.selector(), names));
  // A person needs the longest and tries out nothing for the others: hosts without an agent begin
  // at once and count in no wave.
  std::vector<v1::PlannedHost> chosen, manual;
  for (const v1::Host& host : all)
    (host.has_manual() ? manual : chosen).push_back(Planned(playbook, host));
  v1::Plan plan;
  *plan.mutable_playbook() = playbook;
  const std::vector<std::vector<v1::PlannedHost>> units = UnitsOf(playbook, chosen);
  std::size_t next = 0, begun = 0;  // Units, and the hosts in them.
  int wave_number = 1;
  std::vector<std::string> waves(playbook.waves().begin(), playbook.waves().end());
  waves.push_back("100%");  // Nobody is left out.
  for (const std::string& wave : waves) {
    if (next == units.size()) break;
    const std::size_t reach = Reach(wave, chosen.size());
    if (reach <= begun) continue;
    for (; begun < reach; ++next) {
      begun += units[next].size();
      for (const v1::PlannedHost& host : units[next]) {
        *plan.add_hosts() = host;
        plan.mutable_hosts()->rbegin()->set_wave(wave_number);
      }
    }
    ++wave_number;
  }
  for (const v1::PlannedHost& one : manual) *plan.add_hosts() = one;
  std::set<std::string> unread;
  for (const v1::Host& host : all) {
    if (GroupUnread(host)) unread.insert(host.host_id());
  }
  std::set<std::string> planned;
  for (const v1::Host& host : all) planned.insert(host.host_id());
  const std::vector<v1::Host> fleet = hosts->Where([&](const v1::Host& host) {
    return !host.hello().organisation().empty() || planned.count(host.host_id()) > 0;
  });
  OrganisationDebts debts = known;
  LookAtDrift(fleet, &debts);
  MQ_ASSIGN_OR_RETURN(const std::set<std::string> said, SaidWithoutCopies(plan, request, unread));
  std::set<std::string> without;
  for (const v1::PlannedHost& host : plan.hosts()) {
    const std::string& one = host.organisation();
    const bool may_keep = !host.transport_group().empty() || unread.count(host.host_id()) > 0;
    if (may_keep && (said.count(one) > 0 || debts.without_copies.count(one) > 0))
      without.insert(one);
  }
  for (const std::string& one : without) plan.add_without_copies(one);
  Elect(fleet, debts, &plan);
  SayNotices(fleet, debts, &plan);
  // Whoever comes and goes meanwhile does not make it another plan, nor does who acts for whom by
  // that: a run passes it on as well. Notices are made of both.
  v1::Plan frozen = plan;
  frozen.clear_notices();
  for (v1::PlannedHost& host : *frozen.mutable_hosts()) {
    host.clear_online();
    host.clear_acts_for_organisation();
  }
  plan.set_plan_hash(ToHex(Sha256(Deterministic(frozen))));
  SayOffline(&plan);
  SayRefusals(fleet, &plan);
  return plan;
}

}  // namespace mailquench::controller
