// What DNS shows of a switch, and what follows from that: seen, done, reverted.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/mx/watch_record.h"
#include "controller/mx/zone_servers.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

constexpr char kServerCheck[] = "server:";
constexpr absl::Duration kRounding = absl::Seconds(1);

// Whether anybody waits to see the record, or to see it leave the caches.
bool IsWatched(const v1::SwitchRecord& one, v1::SwitchState state) {
  if (one.state() == v1::RECORD_STATE_REQUESTED) return true;
  if (state == v1::SWITCH_STATE_REVERTING)
    return one.state() == v1::RECORD_STATE_REVERTED && !one.has_seen_time();
  return one.state() == v1::RECORD_STATE_APPLIED || one.state() == v1::RECORD_STATE_SEEN;
}

// A lowered TTL is no other value: who has authority is asked for it.
bool HasTtl(const Options& options, Lookups* lookups, const v1::RecordSet& wanted) {
  const auto found = AskAuthority(options, lookups, wanted.name(), wanted.type());
  return found.ok() && found->ttl() == wanted.ttl();
}

// What a look makes of a record. False: nothing that must be kept.
bool Apply(const Watched& watched, bool backwards, absl::Time now, v1::SwitchRecord* one) {
  one->clear_servers();
  one->clear_resolvers();
  for (const v1::ServerHas& has : watched.servers) *one->add_servers() = has;
  for (const v1::ResolverHas& has : watched.resolvers) *one->add_resolvers() = has;
  if (watched.serial != 0) one->set_serial(watched.serial);
  one->set_error(watched.error);
  bool keep = false;
  if (one->state() == v1::RECORD_STATE_REQUESTED && watched.arrived) {
    one->set_state(backwards ? v1::RECORD_STATE_REVERTED : v1::RECORD_STATE_APPLIED);
    StampTime(now, one->mutable_apply_time());
    keep = true;
  }
  const bool waits = backwards ? one->state() == v1::RECORD_STATE_REVERTED && !one->has_seen_time()
                               : one->state() == v1::RECORD_STATE_APPLIED;
  if (waits && watched.complete) {
    if (!backwards) one->set_state(v1::RECORD_STATE_SEEN);
    StampTime(now, one->mutable_seen_time());
    // Until now some server gave out the old one, with all of its TTL. Caches count whole seconds.
    StampTime(now + absl::Seconds(one->old_ttl()) + kRounding, one->mutable_expire_time());
    keep = true;
  }
  return keep;
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
      if (server.standing() != "current") lagging.emplace(server.name(), server.sentence());
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

bool AllSeen(const v1::MxSwitch& value, bool ttl_only, absl::Time* last) {
  *last = absl::InfinitePast();
  for (const v1::SwitchRecord& one : value.records()) {
    if ((ttl_only && one.purpose() != "ttl") || one.state() == v1::RECORD_STATE_UNCHANGED) continue;
    if (one.state() != v1::RECORD_STATE_SEEN) return false;
    *last = std::max(*last, TimeOf(one.expire_time()));
  }
  return true;
}

bool AllBack(const v1::MxSwitch& value) {
  return std::all_of(value.records().begin(), value.records().end(), [](const auto& one) {
    switch (one.state()) {
      case v1::RECORD_STATE_PLANNED:
      case v1::RECORD_STATE_UNCHANGED:
        return true;
      case v1::RECORD_STATE_REVERTED:
        return one.has_seen_time();
      case v1::RECORD_STATE_FAILED:
      case v1::RECORD_STATE_CONFLICT:
        return !one.has_apply_time();  // Never made.
      default:
        return false;
    }
  });
}

bool NothingToSend(const v1::MxSwitch& value) {
  return std::none_of(value.records().begin(), value.records().end(), [](const auto& one) {
    return one.state() == v1::RECORD_STATE_PLANNED || one.state() == v1::RECORD_STATE_SENDING;
  });
}

}  // namespace

absl::Status Switches::Look(const LivePtr& live) {
  v1::MxSwitch value;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    value = live->value;
  }
  const absl::Time now = clock_->Now();
  const bool backwards = value.state() == v1::SWITCH_STATE_REVERTING;
  std::vector<std::string> resolvers(value.request().resolvers().begin(),
                                     value.request().resolvers().end());
  if (resolvers.empty()) resolvers = options_.watch_resolvers;
  if (resolvers.empty()) resolvers = options_.resolvers;
  const std::set<std::string> not_waited_for = NotWaitedFor(value);
  Lookups lookups(options_.resolvers, options_.patience);
  std::map<int, Watched> seen;
  for (int i = 0; i < value.records_size(); ++i) {
    if (IsWatched(value.records(i), value.state())) seen[i];
  }
  std::vector<std::function<void()>> tasks;
  for (auto& [i, watched] : seen) {
    tasks.emplace_back([&, i = i, watched = &watched] {
      const v1::SwitchRecord& one = value.records(i);
      const v1::RecordSet& wanted = backwards ? one.before() : one.after();
      const bool ttl = one.purpose() == "ttl";
      *watched = WatchRecord(
          options_, &lookups, one, wanted, backwards ? one.after() : one.before(),
          ttl ? std::vector<std::string>{} : resolvers, not_waited_for,
          one.has_expire_time() ? TimeOf(one.expire_time()) : absl::InfiniteFuture(), now);
      if (ttl && one.state() == v1::RECORD_STATE_REQUESTED && watched->arrived)
        watched->arrived = HasTtl(options_, &lookups, wanted);
      watched->complete = watched->complete && watched->arrived;
    });
  }
  RunTogether(tasks, 16);
  bool lag_changed = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [i, watched] : seen) {
      v1::SwitchRecord record = live->value.records(i);
      // It was turned round, or sent again, meanwhile.
      if (record.state() != value.records(i).state() || live->value.state() != value.state())
        continue;
      if (Apply(watched, backwards, now, &record))
        MQ_RETURN_IF_ERROR(store_->PutSwitchRecord(value.switch_id(), i, record));
      *live->value.mutable_records(i) = std::move(record);
    }
    live->looked = now;
    ++live->version;
    changed_.notify_all();
    v1::MxSwitch judged = live->value;
    lag_changed = JudgeLag(options_.lag_patience, now, &judged);
  }
  if (!lag_changed) return absl::OkStatus();
  return Edit(live, [&](v1::MxSwitch* changed) {
    JudgeLag(options_.lag_patience, now, changed);
    return absl::OkStatus();
  });
}

absl::Status Switches::Advance(const LivePtr& live, absl::Duration* wait) {
  v1::MxSwitch value;
  absl::Time looked;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    value = live->value;
    looked = live->looked;
  }
  const absl::Time now = clock_->Now();
  absl::Time last;
  switch (value.state()) {
    case v1::SWITCH_STATE_LOWERING: {
      if (!AllSeen(value, true, &last)) return absl::OkStatus();
      if (last > now) {
        *wait = std::min(*wait, last - now);
        return absl::OkStatus();
      }
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_SWITCHING);
        Say(changed, "controller", "the old TTLs are over; records are changed now");
        return absl::OkStatus();
      });
    }
    case v1::SWITCH_STATE_SWITCHING:
      if (!NothingToSend(value)) return absl::OkStatus();
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_WATCHING);
        Say(changed, "controller", "all that can be changed is changed; DNS is watched now");
        return absl::OkStatus();
      });
    case v1::SWITCH_STATE_WATCHING: {
      if (!AllSeen(value, false, &last)) return absl::OkStatus();
      if (!value.has_done_time() || TimeOf(value.done_time()) != last) {
        MQ_RETURN_IF_ERROR(
            OweOldAddress(value, absl::StrCat("after ", TimeText(last), ", when the switch ",
                                              value.switch_id(), " is done")));
        return Edit(live, [&](v1::MxSwitch* changed) {
          if (changed->state() != value.state()) return absl::OkStatus();
          StampTime(last, changed->mutable_done_time());
          Say(changed, "controller",
              absl::StrCat("every name server has it; done at ", TimeText(last)));
          return absl::OkStatus();
        });
      }
      if (last > now || looked < last) {  // Once more, so that the last word is of after the end.
        const std::lock_guard<std::mutex> lock(mu_);
        if (last <= now) live->look_time = absl::InfinitePast();
        *wait = std::min(*wait, std::max(absl::ZeroDuration(), last - now));
        return absl::OkStatus();
      }
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_DONE);
        StampTime(now, changed->mutable_end_time());
        Say(changed, "controller", SwitchSentence(*changed, now));
        return absl::OkStatus();
      });
    }
    case v1::SWITCH_STATE_REVERTING: {
      const bool asked = std::any_of(
          value.requests().begin(), value.requests().end(),
          [](const std::string& text) { return absl::StrContains(text, "please undo"); });
      std::vector<std::string> texts = RequestTexts(options_, value, true);
      if (!asked && !texts.empty()) {
        return Edit(live, [&](v1::MxSwitch* changed) {
          for (std::string& text : texts) changed->add_requests(std::move(text));
          return absl::OkStatus();
        });
      }
      if (!AllBack(value)) return absl::OkStatus();
      if (hands_.forgive && !value.incident_id().empty() && !value.request().from_address().empty())
        MQ_RETURN_IF_ERROR(hands_.forgive(
            value.incident_id(), absl::StrCat("mx/", value.switch_id(), "/give-back"),
            absl::StrCat("the switch ", value.switch_id(), " was reverted")));
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_REVERTED);
        StampTime(now, changed->mutable_end_time());
        Say(changed, "controller", SwitchSentence(*changed, now));
        return absl::OkStatus();
      });
    }
    default:
      return absl::OkStatus();
  }
}

}  // namespace mailquench::controller::mx
