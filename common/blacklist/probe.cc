#include "common/blacklist/probe.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/lanes.h"
#include "common/blacklist/random_label.h"
#include "common/blacklist/subject.h"

namespace mailquench::blacklist {
namespace {

using Point = HealthAnswer::Point;

// So many do not fall ill in one minute.
constexpr std::size_t kManyOperators = 2;

// The kind of subject that a point of the list's data stands for. A list of domains is asked for
// what stands there, numbers or not.
Subject::Kind KindOf(const List& list, const std::string& point) {
  if (!list.ip4 && !list.ip6) return Subject::Kind::kDomain;
  if (!ReverseLabel(point).ok()) return Subject::Kind::kDomain;
  return point.find(':') == std::string::npos ? Subject::Kind::kIp4 : Subject::Kind::kIp6;
}

// Of an address the reversed form, of anything else the text as it stands. "::ffff:7f00:2" is asked
// as the IPv6 address that it is written as (RFC 5782 section 5).
std::string PointLabel(Subject::Kind kind, const std::string& point) {
  return kind == Subject::Kind::kDomain ? point : ReverseLabel(point).value_or(point);
}

// One list's questions, and what they have brought.
struct Round {
  const List* list = nullptr;
  struct Open {
    HealthAnswer as;
    std::string label;
    RecordType type = RecordType::kA;
  };
  std::deque<Open> open;
  std::vector<HealthAnswer> answers;
  std::size_t wanted = 0;
  bool not_asked = false;
  bool no_quota = false;

  void Add(Point point, Subject::Kind kind, const std::string& name, bool by_custom) {
    Open question;
    question.as.point = point;
    question.as.kind = kind;
    question.as.name = name;
    question.as.by_custom = by_custom;
    question.label = PointLabel(kind, name);
    open.push_back(std::move(question));
  }
};

std::string RandomAddress() {
  std::random_device device;
  while (true) {
    const std::uint32_t address = device();
    const std::uint32_t first = address >> 24;
    // Of those that are given out to somebody.
    if (first >= 1 && first < 224 && first != 10 && first != 100 && first != 127 && first != 169 &&
        first != 172 && first != 192 && first != 198 && first != 203)
      return AddressText(address);
  }
}

// The test entries of one kind: those of the data, else those of RFC 5782 section 5.
void AddPoints(const List& list, Subject::Kind kind, Round& round) {
  bool listed = false, clean = false;
  for (const std::string& point : list.test.listed) {
    if (KindOf(list, point) != kind) continue;
    round.Add(Point::kListed, kind, point, false);
    listed = true;
  }
  for (const std::string& point : list.test.clean) {
    if (KindOf(list, point) != kind) continue;
    round.Add(Point::kClean, kind, point, false);
    clean = true;
  }
  const bool ip4 = kind == Subject::Kind::kIp4, ip6 = kind == Subject::Kind::kIp6;
  if (!listed)
    round.Add(Point::kListed, kind, ip4 ? "127.0.0.2" : ip6 ? "::ffff:7f00:2" : "test", true);
  // A random name says nothing of addresses: a list may look at nothing else. Of domains it does.
  if (!clean && !list.test.no_clean && (ip4 || ip6))
    round.Add(Point::kClean, kind, ip4 ? "127.0.0.1" : "::ffff:7f00:1", true);
  if (list.test.no_clean && ip4) {
    for (int i = 0; i < 3; ++i) round.Add(Point::kSample, kind, RandomAddress(), false);
  }
}

std::unique_ptr<Round> MakeRound(const List& list) {
  auto round = std::make_unique<Round>();
  round->list = &list;
  if (list.ip4) AddPoints(list, Subject::Kind::kIp4, *round);
  if (list.ip6) AddPoints(list, Subject::Kind::kIp6, *round);
  if (list.domain) AddPoints(list, Subject::Kind::kDomain, *round);
  round->Add(Point::kRandom, Subject::Kind::kDomain, RandomLabel(), false);
  for (const auto& [point, type] :
       {std::pair{Point::kSoa, RecordType::kSoa}, std::pair{Point::kNs, RecordType::kNs}}) {
    Round::Open question;
    question.as.point = point;
    question.type = type;
    round->open.push_back(std::move(question));
  }
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

using Probes = std::vector<std::pair<const List*, Probe>>;

Lane LaneOf(Round* round, const std::string& zone, Resolver* resolver, const AskOptions& options) {
  Lane lane;
  lane.list = round->list;
  lane.ask = [=] {
    if (round->open.empty()) return Lane::Next::kDone;
    const Round::Open question = round->open.front();
    round->open.pop_front();
    const std::string name =
        question.label.empty() ? zone : absl::StrCat(question.label, ".", zone);
    resolver->Ask(
        name, question.type,
        [=](const Reply& reply) {
          round->not_asked |= reply.not_asked;
          HealthAnswer answer = question.as;
          answer.reply = reply;
          round->answers.push_back(std::move(answer));
        },
        options);
    return Lane::Next::kAsked;
  };
  // What it said so far is no full round.
  lane.no_quota = [=] { round->no_quota = !round->open.empty(); };
  return lane;
}

Probe Result(const Round& round) {
  if (round.no_quota) return Unasked(Why::kQuota, "today's quota of its operator is used up");
  if (round.not_asked) return Unasked(Why::kResolver, kOnlyPublic);
  if (round.answers.size() >= round.wanted) return Fold(*round.list, round.answers, absl::Now());
  Probe probe;
  probe.time = absl::Now();
  probe.reason = "its test did not come to its end in time";
  return probe;
}

Probes Ask(Resolver* resolver,
           Pacer* pacer,
           const std::vector<const List*>& lists,
           const Keys& keys,
           bool allow_public,
           absl::Time until) {
  std::vector<std::unique_ptr<Round>> rounds;
  std::vector<Lane> lanes;
  Probes probes;
  for (const List* list : lists) {
    const auto key = keys.find(list->zone);
    if (list->key_first && key == keys.end()) {
      probes.emplace_back(list, Unasked(Why::kRefused,
                                        "it is asked with the key of an account; "
                                        "none is given"));
      continue;
    }
    rounds.push_back(MakeRound(*list));
    lanes.push_back(
        LaneOf(rounds.back().get(),
               list->key_first ? absl::StrCat(key->second, ".", list->zone) : list->zone, resolver,
               AskOptions{!allow_public && RefusesPublicResolvers(*list)}));
  }
  RunLanes(resolver, pacer, 1.0, std::move(lanes), until);
  for (const auto& round : rounds) probes.emplace_back(round->list, Result(*round));
  return probes;
}

// A sign that a resolver that is cut off, or that rewrites, shows of every list.
bool MayBeTheResolver(const Probe& probe) {
  return probe.sign == Probe::Sign::kRewritten || probe.sign == Probe::Sign::kEmptied ||
         probe.sign == Probe::Sign::kGone || probe.sign == Probe::Sign::kSilent;
}

}  // namespace

std::string ProbeLists(Resolver* resolver,
                       Pacer* pacer,
                       const std::vector<const List*>& lists,
                       const std::vector<const List*>& witnesses,
                       const Keys& keys,
                       bool allow_public,
                       const std::function<void(const List&, const Probe&)>& done,
                       absl::Time until) {
  Probes probes = Ask(resolver, pacer, lists, keys, allow_public, until);
  const auto alive = [&probes] {
    return std::any_of(probes.begin(), probes.end(),
                       [](const auto& one) { return one.second.proven.Any(); });
  };
  const bool doubtful = std::any_of(probes.begin(), probes.end(),
                                    [](const auto& one) { return MayBeTheResolver(one.second); });
  bool heard = false;
  if (doubtful && !alive() && !witnesses.empty()) {
    heard = true;
    for (auto& one : Ask(resolver, pacer, witnesses, keys, allow_public, until))
      probes.push_back(std::move(one));
  }
  std::set<std::string> failing;
  for (const auto& [list, probe] : probes) {
    if (MayBeTheResolver(probe)) failing.insert(list->operator_name);
  }
  if (!alive() && (failing.size() >= kManyOperators || (heard && failing.size() > 1)))
    return absl::StrCat(
        "the lists of ", failing.size(),
        " operators fail their tests at once and none passes: that is the resolver, "
        "cut off or rewriting answers");
  for (const auto& [list, probe] : probes) done(*list, probe);
  return "";
}

}  // namespace mailquench::blacklist
