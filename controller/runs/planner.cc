#include "controller/runs/planner.h"

#include <algorithm>
#include <cstdlib>

#include "common/status/error.h"
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

}  // namespace

constexpr std::int64_t kLongestWait = std::int64_t{86400} * 7;  // Of blacklist.clear, in seconds.

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
    step->set_timeout_seconds(request.operation().has_quarantine_move() ? 1800 : 300);
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
                                    Hosts* hosts) {
  const std::vector<std::string> names(request.hosts().begin(), request.hosts().end());
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Host> all, hosts->Choose(request.selector(), names));
  // A person needs the longest and tries out nothing for the others: hosts without an agent begin
  // at once and count in no wave.
  std::vector<v1::Host> chosen, manual;
  for (const v1::Host& host : all) (host.has_manual() ? manual : chosen).push_back(host);
  v1::Plan plan;
  *plan.mutable_playbook() = playbook;
  std::size_t next = 0;
  int wave_number = 1;
  std::vector<std::string> waves(playbook.waves().begin(), playbook.waves().end());
  waves.push_back("100%");  // Nobody is left out.
  std::string hashed = Deterministic(playbook);
  for (const std::string& wave : waves) {
    if (next == chosen.size()) break;
    const std::size_t reach = Reach(wave, chosen.size());
    if (reach <= next) continue;
    for (; next < reach; ++next) {
      v1::PlannedHost* host = plan.add_hosts();
      host->set_host_id(chosen[next].host_id());
      host->set_name(chosen[next].name());
      host->set_wave(wave_number);
      host->set_online(chosen[next].online());
      hashed += "\n" + host->host_id() + " " + std::to_string(wave_number);
    }
    ++wave_number;
  }
  for (const v1::Host& one : manual) {
    v1::PlannedHost* host = plan.add_hosts();
    host->set_host_id(one.host_id());
    host->set_name(one.name());
    host->set_wave(1);
    host->set_manual_platform(one.manual().platform());
    hashed += "\n" + host->host_id() + " by hand " + one.manual().platform();
  }
  plan.set_plan_hash(ToHex(Sha256(hashed)));
  return plan;
}

}  // namespace mailquench::controller
