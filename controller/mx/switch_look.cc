// What DNS shows of the records of a switch.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/mx/record_way.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/mx/watch_record.h"
#include "controller/mx/zone_servers.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

constexpr absl::Duration kRounding = absl::Seconds(1);

// Whether anybody waits to see the record, or to see it leave the caches. One that is at every
// server is looked at now and then, and once more at the end.
bool IsWatched(const v1::SwitchRecord& one, v1::SwitchState state, bool full) {
  if (one.state() == v1::RECORD_STATE_REQUESTED) return true;
  if (state == v1::SWITCH_STATE_REVERTING)
    return one.state() == v1::RECORD_STATE_REVERTED && !one.has_seen_time();
  if (one.state() == v1::RECORD_STATE_APPLIED) return true;
  // Of a lowered TTL the record itself tells once it is changed.
  const bool over = one.purpose() == "ttl" && state != v1::SWITCH_STATE_LOWERING;
  return full && !over && one.state() == v1::RECORD_STATE_SEEN;
}

// BIND keeps nothing for longer (max-cache-ttl): a resolver that says more holds nothing up.
constexpr std::uint32_t kLongestCached = 604800;
// Looks in a row at which a server that had it does not answer.
constexpr int kMostMisses = 3;

// What a look makes of a record. False: nothing that must be kept.
bool Apply(const Watched& watched, absl::Time now, v1::SwitchRecord* one) {
  const bool backwards = one->backwards();
  one->clear_servers();
  one->clear_resolvers();
  for (const v1::ServerHas& has : watched.servers) *one->add_servers() = has;
  for (const v1::ResolverHas& has : watched.resolvers) *one->add_resolvers() = has;
  if (watched.serial != 0) one->set_serial(watched.serial);
  one->set_error(watched.error);
  bool keep = false;
  if (one->state() == v1::RECORD_STATE_REQUESTED && one->open_request() && watched.former) {
    one->clear_open_request();  // The earlier request was carried out: only this one is out now.
    keep = true;
  }
  const bool requested = one->state() == v1::RECORD_STATE_REQUESTED;
  if (requested && one->open_request() && watched.arrived)
    one->set_error(
        "it is as it shall be, which proves nothing: the opposite was asked for before, and DNS "
        "has never shown that, so that it may still be done");
  if (requested && watched.arrived && !one->open_request()) {
    one->set_state(backwards ? v1::RECORD_STATE_REVERTED : v1::RECORD_STATE_APPLIED);
    StampTime(now, one->mutable_apply_time());
    keep = true;
  }
  const bool waits = backwards ? one->state() == v1::RECORD_STATE_REVERTED && !one->has_seen_time()
                               : one->state() == v1::RECORD_STATE_APPLIED;
  // Somebody has the old one for longer than was planned: that is what counts, until it is seen.
  const bool old_counts = !backwards && (waits || one->state() == v1::RECORD_STATE_REQUESTED);
  const std::uint32_t longest =
      std::max(watched.old_ttl, std::min(watched.cache_ttl, kLongestCached));
  if (old_counts && longest > one->old_ttl()) {
    one->set_old_ttl(longest);
    keep = true;
  }
  if (waits && watched.complete) {
    if (!backwards) one->set_state(v1::RECORD_STATE_SEEN);
    StampTime(now, one->mutable_seen_time());
    // Until now some server gave out the old one, with all of its TTL. Caches count whole seconds.
    StampTime(now + absl::Seconds(one->old_ttl()) + kRounding, one->mutable_expire_time());
    keep = true;
  }
  return keep;
}

// Of one that was at every server: whether it still is. False: it has to be seen anew, and the old
// TTL counts anew from then, since somebody gives out something else.
bool StillHolds(const Watched& watched, int* misses) {
  if (watched.holds) {
    *misses = 0;
    return true;
  }
  return !watched.contrary && ++*misses < kMostMisses;
}

std::set<std::string> NotWaitedFor(const v1::MxSwitch& value) {
  std::set<std::string> names;
  for (const v1::Check& check : value.checks()) {
    if (check.state() == v1::CHECK_STATE_WAIVED && absl::StartsWith(check.check_id(), kServerCheck))
      names.insert(check.check_id().substr(sizeof kServerCheck - 1));
  }
  return names;
}

// Servers that lag for longer than zones take become checks, so that one that never comes can be
// waived. False: nothing has changed.
bool JudgeLag(absl::Duration patience, absl::Time now, v1::MxSwitch* value) {
  std::map<std::string, std::string> lagging;
  for (const v1::SwitchRecord& record : value->records()) {
    if (record.state() != v1::RECORD_STATE_APPLIED && record.state() != v1::RECORD_STATE_REVERTED)
      continue;
    if (now - TimeOf(record.apply_time()) < patience) continue;
    for (const v1::ServerHas& server : record.servers()) {
      if (server.standing() != "current" && IsAsked(record.servers(), server))
        lagging.emplace(ServerKey(server), server.sentence());
    }
  }
  bool changed = false;
  for (v1::Check& check : *value->mutable_checks()) {
    if (!absl::StartsWith(check.check_id(), kServerCheck)) continue;
    const auto at = lagging.find(check.subject());
    const bool lags = at != lagging.end();
    if (check.state() != v1::CHECK_STATE_WAIVED &&
        (check.state() == v1::CHECK_STATE_FAILED) != lags) {
      check.set_state(lags ? v1::CHECK_STATE_FAILED : v1::CHECK_STATE_PASSED);
      check.set_found(lags ? at->second : absl::StrCat(check.subject(), " has caught up"));
      changed = true;
    }
    if (lags) lagging.erase(at);
  }
  for (const auto& [name, sentence] : lagging) {
    v1::Check* const check = value->add_checks();
    *check = MakeCheck(absl::StrCat(kServerCheck, name), name, v1::CHECK_STATE_FAILED, sentence,
                       "see whether it may transfer the zone and is told of changes (NOTIFY); take "
                       "it out of the zone's NS, or waive it: its clients then get the old record");
    StampTime(now, check->mutable_time());
    changed = true;
  }
  return changed;
}

}  // namespace

absl::Status Switches::Look(const LivePtr& live) {
  v1::MxSwitch value;
  const absl::Time now = clock_->Now();
  bool full = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    value = live->value;
    const bool at_end = value.has_done_time() && TimeOf(value.done_time()) <= now;
    full = at_end || now - live->full_look >= options_.seen_every || live->full_look > now;
  }
  std::vector<std::string> resolvers(value.request().resolvers().begin(),
                                     value.request().resolvers().end());
  if (resolvers.empty()) resolvers = options_.watch_resolvers;
  if (resolvers.empty()) resolvers = options_.resolvers;
  const std::set<std::string> not_waited_for = NotWaitedFor(value);
  Lookups lookups(options_.resolvers, options_.patience);
  dns::SerialMemory memory;
  std::map<int, Watched> seen;
  for (int i = 0; i < value.records_size(); ++i) {
    if (IsWatched(value.records(i), value.state(), full)) seen[i];
  }
  std::vector<std::function<void()>> tasks;
  for (auto& [i, watched] : seen) {
    tasks.emplace_back([&, i = i, watched = &watched] {
      if (stopping_) return;
      const v1::SwitchRecord& one = value.records(i);
      const bool backwards = one.backwards();
      *watched = WatchRecord(
          options_, &lookups, &memory, one, backwards ? one.before() : one.after(),
          backwards ? one.after() : one.before(), resolvers, not_waited_for,
          one.has_expire_time() ? TimeOf(one.expire_time()) : absl::InfiniteFuture(), now);
    });
  }
  RunTogether(tasks, 16);
  if (stopping_) return absl::OkStatus();
  bool judged_new = false;
  std::vector<std::string> lost;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (live->value.state() != value.state()) return absl::OkStatus();
    std::map<int, v1::SwitchRecord> changed;
    std::set<int> keep;
    bool all_hold = true;
    for (const auto& [i, watched] : seen) {
      v1::SwitchRecord record = live->value.records(i);
      // It was turned round, or sent again, meanwhile.
      if (record.state() != value.records(i).state() ||
          record.backwards() != value.records(i).backwards())
        continue;
      const bool was_seen = record.state() == v1::RECORD_STATE_SEEN;
      if (Apply(watched, now, &record)) keep.insert(i);
      all_hold = all_hold && (!was_seen || watched.holds);
      if (was_seen && !StillHolds(watched, &live->misses[i])) {
        record.set_state(v1::RECORD_STATE_APPLIED);
        StampTime(now, record.mutable_apply_time());
        record.clear_seen_time();
        record.clear_expire_time();
        live->misses.erase(i);
        keep.insert(i);
        lost.push_back(NameText(record));
      }
      changed[i] = std::move(record);
    }
    MQ_RETURN_IF_ERROR(store_->Transaction([&]() -> absl::Status {
      for (const int i : keep)
        MQ_RETURN_IF_ERROR(store_->PutSwitchRecord(value.switch_id(), i, changed[i]));
      return absl::OkStatus();
    }));
    for (auto& [i, record] : changed) *live->value.mutable_records(i) = std::move(record);
    if (full) {
      live->full_look = now;
      live->all_hold = all_hold;
    }
    ++live->version;
    changed_.notify_all();
    v1::MxSwitch judged = live->value;
    judged_new = JudgeLag(options_.lag_patience, now, &judged);
    judged_new = JudgeRecords(now, &judged) || judged_new;
  }
  if (!judged_new && lost.empty()) return absl::OkStatus();
  return Edit(live, [&](v1::MxSwitch* changed) {
    JudgeLag(options_.lag_patience, now, changed);
    JudgeRecords(now, changed);
    if (lost.empty() || changed->state() != value.state()) return absl::OkStatus();
    changed->clear_done_time();
    Say(changed, "controller",
        absl::StrCat(lost[0],
                     lost.size() > 1 ? absl::StrCat(" (and ", lost.size() - 1, " more)") : "",
                     " is not at every name server any more; it is waited for anew"));
    return absl::OkStatus();
  });
}

}  // namespace mailquench::controller::mx
