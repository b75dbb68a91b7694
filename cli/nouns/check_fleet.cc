// check hosts, check queue.
#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "cli/core/duration.h"
#include "cli/nouns/check.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/fleet.grpc.pb.h"

namespace mailquench::cli {
namespace {

constexpr char kNoMailSystem[] = "none";

// Those of the fleet: who was evicted or banned is nobody's concern any more.
absl::StatusOr<std::vector<v1::Host>> ActiveHosts(Session* session, const std::string& selector) {
  v1::ListHostsRequest request;
  request.set_selector(selector);
  MQ_ASSIGN_OR_RETURN(const v1::ListHostsResponse all,
                      session->Call(&v1::Fleet::Stub::ListHosts, request));
  std::vector<v1::Host> active;
  for (const v1::Host& host : all.hosts()) {
    if (host.state() == v1::HOST_STATE_ACTIVE) active.push_back(host);
  }
  if (active.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_HOST_MATCHED",
                 absl::StrCat(selector.empty() ? "The fleet has no host"
                                               : absl::StrCat("No host matches '", selector, "'"),
                              ", so nothing is watched; `mailquench host list` shows names and "
                              "labels."));
  }
  return active;
}

absl::StatusOr<PluginResult> Hosts(Session* session,
                                   const std::string& selector,
                                   const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Host> hosts, ActiveHosts(session, selector));
  std::size_t offline = 0, alarms = 0, drifted = 0;
  PluginResult result;
  for (const v1::Host& host : hosts) {
    if (host.has_manual()) continue;  // It has no agent that could be offline.
    if (!host.online()) {
      ++offline;
      result.details.push_back(
          absl::StrCat(host.name(), " is offline, last seen ", HumanTime(host.last_seen_time())));
    }
    // An alarm stands until it is known to be over, so also on one that is offline.
    if (host.heartbeat().alarm()) {
      ++alarms;
      result.details.insert(
          result.details.begin(),
          absl::StrCat(host.name(), " has an alarm: ", host.heartbeat().alarm_text()));
    }
    if (host.heartbeat().drifted_size() > 0) {
      ++drifted;
      result.details.push_back(
          absl::StrCat(host.name(), " has drifted: ", host.heartbeat().drifted(0)));
    }
  }
  result.state = thresholds.Of(static_cast<double>(offline));
  if (drifted > 0) result.state = Worse(result.state, PluginState::kWarning);
  if (alarms > 0) result.state = PluginState::kCritical;
  result.text =
      absl::StrCat(offline, " of ", Counted(hosts.size(), "host", "hosts"), " offline, ",
                   Counted(alarms, "alarm", "alarms"), ", ", Counted(drifted, "drift", "drifts"));
  Figure figure = MakeFigure("offline", static_cast<std::int64_t>(offline), thresholds);
  figure.max = std::to_string(hosts.size());
  result.figures.push_back(figure);
  result.figures.push_back(MakeFigure("alarms", static_cast<std::int64_t>(alarms), {}));
  result.figures.push_back(MakeFigure("drifted", static_cast<std::int64_t>(drifted), {}));
  result.figures.push_back(MakeFigure("hosts", static_cast<std::int64_t>(hosts.size()), {}));
  return result;
}

struct QueueArgs {
  std::string selector;
  bool total = false;
};

absl::StatusOr<PluginResult> Queue(Session* session,
                                   const QueueArgs& args,
                                   const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Host> hosts, ActiveHosts(session, args.selector));
  std::int64_t total = 0, worst = 0;
  std::string worst_name;
  std::size_t counted = 0, uncounted = 0;
  PluginResult result;
  std::vector<std::pair<std::int64_t, std::string>> queues;
  for (const v1::Host& host : hosts) {
    if (host.has_manual() || host.hello().platform() == kNoMailSystem) continue;
    const std::int64_t queued = host.heartbeat().queued_messages();
    // What an offline host once said of its queue says nothing of the queue that it has.
    if (!host.online() || !host.has_heartbeat() || queued < 0) {
      ++uncounted;
      result.details.push_back(
          absl::StrCat(host.name(), host.online() ? " counts no queue now" : " is offline"));
      continue;
    }
    ++counted;
    total += queued;
    queues.emplace_back(queued, host.name());
    if (worst_name.empty() || queued > worst) {
      worst = queued;
      worst_name = host.name();
    }
  }
  std::sort(queues.rbegin(), queues.rend());
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min<std::size_t>(queues.size(), 5); ++i)
    lines.push_back(absl::StrCat(queues[i].second, ": ", queues[i].first));
  result.details.insert(result.details.begin(), lines.begin(), lines.end());
  result.state = counted == 0 ? PluginState::kUnknown
                              : thresholds.Of(static_cast<double>(args.total ? total : worst));
  // A queue that nobody counts may be the one that floods.
  if (uncounted > 0) result.state = Worse(result.state, PluginState::kUnknown);
  result.text = counted == 0
                    ? absl::StrCat("no queue is counted; ", uncounted, " not counted")
                    : absl::StrCat(Counted(static_cast<std::size_t>(total), "message", "messages"),
                                   " queued on ", Counted(counted, "host", "hosts"), ", most on ",
                                   worst_name, " (", worst, "); ", uncounted, " not counted");
  result.figures.push_back(MakeFigure("worst", worst, args.total ? Thresholds() : thresholds));
  result.figures.push_back(MakeFigure("total", total, args.total ? thresholds : Thresholds()));
  result.figures.push_back(MakeFigure("uncounted", static_cast<std::int64_t>(uncounted), {}));
  return result;
}

}  // namespace

void AddFleetChecks(CLI::App* noun, Session* session) {
  auto selector = std::make_shared<std::string>();
  CheckFlags preset;
  preset.warning = "0";
  CLI::App* hosts = AddCheckVerb(
      noun, session, "hosts",
      "Agents that are offline, alarms (CRITICAL) and drift (WARNING) of hosts",
      {"mailquench check hosts", "mailquench check hosts -l role=edge -w 0 -c 2"},
      "number of offline hosts", preset,
      [=](const Thresholds& thresholds) { return Hosts(session, *selector, thresholds); });
  hosts->add_option("-l,--selector", *selector, "Hosts by label: role=edge,site in (fra,ams)")
      ->type_name("SELECTOR");

  auto args = std::make_shared<QueueArgs>();
  CLI::App* queue = AddCheckVerb(
      noun, session, "queue", "Messages in the queues, as the last heartbeats tell them",
      {"mailquench check queue -l role=edge -w 500 -c 2000",
       "mailquench check queue --total -w 5000 -c 20000"},
      "longest queue", CheckFlags(),
      [=](const Thresholds& thresholds) { return Queue(session, *args, thresholds); });
  queue->add_option("-l,--selector", args->selector, "Hosts by label: role=edge,site in (fra,ams)")
      ->type_name("SELECTOR");
  queue->add_flag("--total", args->total, "The ranges are of all queues together");
}

}  // namespace mailquench::cli
