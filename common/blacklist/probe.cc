#include "common/blacklist/probe.h"

#include <algorithm>
#include <deque>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/blacklist/lanes.h"
#include "common/blacklist/random_label.h"
#include "common/blacklist/subject.h"

namespace mailquench::blacklist {
namespace {

using Point = HealthAnswer::Point;

// Of an address the reversed form, of anything else the text as it stands. "::ffff:7f00:2" is asked
// as the IPv6 address that it is written as (RFC 5782 section 5).
std::string PointLabel(const std::string& point) {
  return ReverseLabel(point).value_or(point);
}

bool Silent(const Reply& reply) {
  return reply.answer.rcode != Rcode::kNoError && reply.answer.rcode != Rcode::kNxDomain;
}

Probe With(Probe probe, Probe::Sign sign, const std::string& reason) {
  probe.sign = sign;
  probe.reason = reason;
  return probe;
}

// What one answer to an address question says by itself.
struct Reading {
  bool rewritten = false, blocked = false, silent = false, listed = false, present = false;
  Finding finding;
};

Reading Read(const List& list, const HealthAnswer& answer) {
  Reading reading;
  reading.finding = Judge(list, answer.reply.answer);
  reading.rewritten = reading.finding.verdict == Verdict::kRewritten;
  reading.blocked = reading.finding.verdict == Verdict::kBlocked;
  reading.listed = reading.finding.verdict == Verdict::kListed;
  reading.present = !answer.reply.answer.addresses.empty();
  reading.silent = Silent(answer.reply) && !reading.blocked;
  return reading;
}

std::string Shown(const HealthAnswer& answer) {
  std::vector<std::string> all;
  for (const std::uint32_t one : answer.reply.answer.addresses) all.push_back(AddressText(one));
  return absl::StrJoin(all, ", ");
}

}  // namespace

bool RefusesPublicResolvers(const List& list) {
  return std::any_of(list.errors.begin(), list.errors.end(),
                     [](const NoListing& e) { return e.why == Why::kResolver; }) ||
         std::any_of(list.failures.begin(), list.failures.end(),
                     [](const auto& f) { return f.second.why == Why::kResolver; });
}

Probe Fold(const List& list, const std::vector<HealthAnswer>& answers, absl::Time now) {
  Probe probe;
  probe.time = now;
  std::string wildcard, rewritten, blocked, silent, emptied;
  Why why = Why::kRefused;
  int listed_points = 0, listed_answers = 0, missing = 0;
  bool zone_is_gone = false;
  for (const HealthAnswer& answer : answers) {
    if (answer.point == Point::kNs) {
      probe.name_servers = answer.reply.names;
      continue;
    }
    if (answer.point == Point::kSoa) {
      probe.serial = answer.reply.serial;
      zone_is_gone = answer.reply.answer.rcode == Rcode::kNxDomain;
      continue;
    }
    const Reading reading = Read(list, answer);
    if (reading.rewritten && rewritten.empty()) rewritten = reading.finding.reason;
    if (reading.silent && silent.empty()) silent = reading.finding.reason;
    if (reading.blocked && blocked.empty()) {
      blocked = reading.finding.reason;
      why = reading.finding.why;
    }
    if (answer.point == Point::kListed) {
      ++listed_points;
      if (!reading.silent && !reading.blocked) ++listed_answers;
      if (!reading.present && !reading.silent && !reading.blocked) {
        ++missing;
        emptied = absl::StrCat("its test entry ", answer.name, " is not listed: it was emptied");
      }
    }
    const bool of_nobody = answer.point == Point::kRandom && reading.present && !reading.blocked;
    if (answer.point == Point::kClean ? reading.listed : of_nobody) {
      wildcard = absl::StrCat(
          answer.point == Point::kClean ? "its clean test entry " : "a name that nobody has: ",
          answer.name, " is listed (", Shown(answer), "): it lists everything");
    }
  }
  if (!rewritten.empty()) return With(probe, Probe::Sign::kRewritten, rewritten);
  if (!wildcard.empty()) return With(probe, Probe::Sign::kWildcard, wildcard);
  if (!blocked.empty()) {
    probe.why = why;
    return With(probe, Probe::Sign::kBlocked, blocked);
  }
  if (zone_is_gone) return With(probe, Probe::Sign::kGone, "its zone does not exist any more");
  if (listed_answers > 0 && missing == listed_answers)
    return With(probe, Probe::Sign::kEmptied, emptied);
  if (!silent.empty()) return With(probe, Probe::Sign::kSilent, silent);
  probe.sign = Probe::Sign::kGood;
  probe.both_points = listed_points > 0;
  return probe;
}

namespace {

// One list's questions, and what they have brought.
struct Round {
  const List* list = nullptr;
  struct Open {
    Point point;
    std::string shown;  // As the list's data has it.
    std::string label;
    RecordType type;
  };
  std::deque<Open> open;
  std::vector<HealthAnswer> answers;
  std::size_t wanted = 0;
};

std::unique_ptr<Round> MakeRound(const List& list) {
  auto round = std::make_unique<Round>();
  round->list = &list;
  for (const std::string& point : list.test.listed)
    round->open.push_back({Point::kListed, point, PointLabel(point), RecordType::kA});
  for (const std::string& point : list.test.clean)
    round->open.push_back({Point::kClean, point, PointLabel(point), RecordType::kA});
  const std::string nobody = RandomLabel();
  round->open.push_back({Point::kRandom, nobody, nobody, RecordType::kA});
  round->open.push_back({Point::kSoa, "", "", RecordType::kSoa});
  round->open.push_back({Point::kNs, "", "", RecordType::kNs});
  round->wanted = round->open.size();
  return round;
}

Probe Unasked(Why why, const std::string& reason) {
  Probe probe;
  probe.time = absl::Now();
  probe.sign = Probe::Sign::kBlocked;
  probe.why = why;
  probe.reason = reason;
  return probe;
}

}  // namespace

void ProbeLists(Resolver* resolver,
                Pacer* pacer,
                const std::vector<const List*>& lists,
                const Keys& keys,
                bool allow_public,
                const std::function<void(const List&, const Probe&)>& done,
                absl::Time until) {
  std::vector<std::unique_ptr<Round>> rounds;
  std::vector<Lane> lanes;
  for (const List* list : lists) {
    const auto key = keys.find(list->zone);
    if (list->key_first && key == keys.end()) {
      done(*list, Unasked(Why::kRefused, "it is asked with the key of an account; none is given"));
      continue;
    }
    const std::string zone =
        list->key_first ? absl::StrCat(key->second, ".", list->zone) : list->zone;
    rounds.push_back(MakeRound(*list));
    Round* round = rounds.back().get();
    const AskOptions options{!allow_public && RefusesPublicResolvers(*list)};
    Lane lane;
    lane.list = list;
    lane.ask = [=, &done] {
      if (round->open.empty()) return false;
      const Round::Open question = round->open.front();
      round->open.pop_front();
      const std::string name =
          question.label.empty() ? zone : absl::StrCat(question.label, ".", zone);
      resolver->Ask(
          name, question.type,
          [=](const Reply& reply) {
            round->answers.push_back({question.point, question.shown, reply});
            if (round->answers.size() < round->wanted) return;
            if (reply.not_asked)
              done(*round->list, Unasked(Why::kResolver, kOnlyPublic));
            else
              done(*round->list, Fold(*round->list, round->answers, absl::Now()));
          },
          options);
      return true;
    };
    lane.no_quota = [=, &done] {
      // What it said so far is no full round; what was known of it stays.
      if (round->open.empty()) return;
      round->wanted = static_cast<std::size_t>(-1);
      done(*list, Unasked(Why::kQuota, "today's quota of its operator is used up"));
    };
    lanes.push_back(std::move(lane));
  }
  RunLanes(resolver, pacer, 1.0, std::move(lanes), until);
}

}  // namespace mailquench::blacklist
