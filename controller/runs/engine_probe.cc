// relay.probe: asked from inside, then from a vantage; one verdict for each listener.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "common/status/error.h"
#include "controller/fleet/selectors.h"
#include "controller/runs/engine.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

// Whether `address` lies in the CIDR block. False where either is malformed.
bool InRange(const std::string& address, const std::string& range) {
  const std::size_t slash = range.find('/');
  const std::string base = range.substr(0, slash);
  unsigned char a[16], b[16];
  const int family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, address.c_str(), a) != 1) return false;
  if (inet_pton(family, base.c_str(), b) != 1) return false;
  const int all = family == AF_INET ? 32 : 128;
  int bits = slash == std::string::npos ? all : std::atoi(range.c_str() + slash + 1);
  if (bits < 0 || bits > all) return false;
  if (std::memcmp(a, b, static_cast<std::size_t>(bits / 8)) != 0) return false;
  const int mask = 0xff << (8 - bits % 8);
  return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask & 0xff) == 0;
}

bool IsLoopback(const std::string& address) {
  return address.rfind("127.", 0) == 0 || address.rfind("[::1]", 0) == 0 || address == "::1" ||
         address.rfind("localhost", 0) == 0;
}

// The listeners as somebody else can reach them: wildcards become the host's addresses, and what
// listens on loopback only is left out where the host has other addresses.
std::vector<std::string> Reachable(const v1::Hello& hello) {
  std::vector<std::string> targets;
  bool elsewhere = false;
  for (const std::string& address : hello.addresses()) elsewhere |= !IsLoopback(address);
  for (const std::string& listener : hello.listeners()) {
    const std::size_t colon = listener.rfind(':');
    const std::string host = listener.substr(0, colon);
    if (colon == std::string::npos) continue;
    if (host == "0.0.0.0" || host == "*" || host == "[::]" || host.empty()) {
      for (const std::string& address : hello.addresses()) {
        if (elsewhere && IsLoopback(address)) continue;
        if (address.rfind("fe80", 0) == 0) continue;
        const bool v6 = address.find(':') != std::string::npos;
        targets.push_back((v6 ? "[" + address + "]" : address) + listener.substr(colon));
      }
    } else if (!elsewhere || !IsLoopback(host)) {
      targets.push_back(listener);
    }
  }
  return targets;
}

// Who trusts half of the world trusts strangers: the agent's lock narrows such a range, too.
bool TrustsStrangers(const std::string& range) {
  const std::size_t slash = range.find('/');
  return slash != std::string::npos && std::atoi(range.c_str() + slash + 1) < 8;
}

bool Outside(const v1::Hello& vantage, const v1::Hello& target) {
  for (const std::string& address : vantage.addresses()) {
    if (IsLoopback(address)) continue;
    for (const std::string& range : target.trusted_ranges()) {
      if (!TrustsStrangers(range) && InRange(address, range)) return false;
    }
  }
  return vantage.addresses_size() > 0;
}

// Whether the view from outside is enough for a host that nobody sees from inside: one listener
// that is open, or an answer about each one that was asked.
bool TellsAll(const v1::OperationReport& outside, const std::vector<std::string>& targets) {
  std::set<std::string> closed;
  for (const v1::ListenerProbe& seen : outside.result().relay_probe().listeners()) {
    if (seen.verdict() == v1::RELAY_VERDICT_OPEN) return true;
    if (seen.verdict() == v1::RELAY_VERDICT_CLOSED) closed.insert(seen.target());
  }
  return !targets.empty() && std::all_of(targets.begin(), targets.end(), [&](const auto& target) {
    return closed.count(target) > 0;
  });
}

}  // namespace

bool RunEngine::AskOutside(Active* a,
                           const v1::RunHost& host,
                           const v1::HostStep& step,
                           Outbox* out) {
  const std::string& wanted = a->run.playbook().steps(step.step()).vantage();
  const absl::StatusOr<Selector> selector = Selector::Parse(wanted);
  const absl::StatusOr<v1::Host> target = hosts_->Find(host.host_id());
  if (wanted.empty() || !selector.ok() || !target.ok()) return false;
  const std::vector<std::string> targets = Reachable(target->hello());
  if (targets.empty()) return false;
  const FleetCopy fleet = hosts_->Fleet();
  for (const v1::Host& vantage : *fleet) {
    const std::map<std::string, std::string> labels(vantage.labels().begin(),
                                                    vantage.labels().end());
    if (!vantage.online() || vantage.host_id() == host.host_id() || !selector->Matches(labels) ||
        !Outside(vantage.hello(), target->hello())) {
      continue;
    }
    CommandRow row;
    row.command_id = NewId();
    row.run_id = a->run.run_id();
    row.host_id = host.host_id();
    row.step = step.step();
    row.sent_to = vantage.host_id();
    row.outside = row.sent = true;
    if (!KeepCommand(a, row).ok()) return false;
    Open open;
    open.host_id = row.host_id;
    open.step = row.step;
    open.sent_to = row.sent_to;
    open.outside = true;
    open.deadline = StepDeadline(*a, row.step);
    open.limit = StepLimit(*a, row.step);
    a->open[row.command_id] = open;
    leaving_.insert(row.command_id);
    v1::ControllerMessage message = MessageFor(*a, row.command_id, open);
    v1::RelayProbe* probe = message.mutable_command()->mutable_operation()->mutable_relay_probe();
    for (const std::string& one : targets) probe->add_targets(one);
    out->sends.push_back({row.sent_to, row.command_id, message});
    return true;
  }
  return false;
}

void RunEngine::FinishProbe(
    Active* a, v1::RunHost* host, v1::HostStep* step, const v1::OperationReport* outside, Outbox*) {
  if (step->has_manual_since_time()) return;  // It is a person's by now.
  const absl::StatusOr<CommandRow> inside = store_->FindCommand(step->command_id());
  if (!inside.ok() || !inside->answered) return;
  if (IsManual(*host)) {
    const absl::StatusOr<v1::Host> target = hosts_->Find(host->host_id());
    // What nobody has seen is no proof: a person has to ask.
    if (outside == nullptr || !target.ok() || !TellsAll(*outside, Reachable(target->hello()))) {
      // A run that has ended asks nobody any more.
      if (!a->ended) WaitForHand(a, host, step);
      return;
    }
  }
  v1::OperationReport merged = inside->report;
  v1::RelayProbeResult* result = merged.mutable_result()->mutable_relay_probe();
  const v1::RelayProbeResult within = *result;
  result->clear_listeners();
  std::string open;
  if (outside != nullptr) {
    for (const v1::ListenerProbe& seen : outside->result().relay_probe().listeners()) {
      v1::ListenerProbe* listener = result->add_listeners();
      *listener = seen;
      listener->set_outside(true);
      if (seen.verdict() == v1::RELAY_VERDICT_OPEN) open += " " + seen.target();
    }
  }
  const int from_outside = result->listeners_size();
  for (const v1::ListenerProbe& seen : within.listeners()) {
    bool covered = false;
    const std::string port = seen.target().substr(seen.target().rfind(':') + 1);
    for (int i = 0; i < from_outside; ++i) {
      const std::string& target = result->listeners(i).target();
      const bool wildcard =
          seen.target().rfind("0.0.0.0:", 0) == 0 || seen.target().rfind("[::]:", 0) == 0;
      covered |=
          target == seen.target() || (wildcard && target.substr(target.rfind(':') + 1) == port);
    }
    if (covered) continue;
    v1::ListenerProbe* listener = result->add_listeners();
    *listener = seen;
    listener->set_outside(false);
    // Closed without a login, open with any: whoever asks.
    if (seen.verdict() == v1::RELAY_VERDICT_OPEN && !seen.auth_reply().empty()) {
      open += " " + seen.target();
      continue;
    }
    // What a trusted neighbour may do says nothing about strangers.
    listener->set_verdict(v1::RELAY_VERDICT_UNKNOWN);
    listener->set_reply("no view from outside; from inside: " + seen.reply());
  }
  merged.set_outcome(v1::OUTCOME_SUCCEEDED);
  bool closing = false;
  for (const v1::PlaybookStep& one : a->run.playbook().steps()) {
    closing |= one.operation().has_contain() || one.operation().has_relay_lock();
  }
  if (!open.empty() && closing) {
    merged.set_outcome(v1::OUTCOME_FAILED);
    *merged.mutable_error() =
        ToProto(Error(absl::StatusCode::kFailedPrecondition, "RELAY_STILL_OPEN",
                      host->name() + " still relays for strangers on" + open +
                          "; its settings were left as the lock wrote them; look at the listener's "
                          "own options, then lock again"));
  }
  *step->mutable_report() = merged;
  Save(a, host->host_id(), *step).IgnoreError();
}

}  // namespace mailquench::controller
