// What the answers to one list's health questions come to.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/blacklist/probe.h"

namespace mailquench::blacklist {
namespace {

using Point = HealthAnswer::Point;

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
  reading.present = !answer.reply.answer.addresses.empty() && !reading.rewritten;
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
  struct Points {
    int answered = 0, missing = 0;
    std::string name;
  };
  std::map<Subject::Kind, Points> declared;
  int samples = 0, samples_listed = 0;
  bool zone_is_gone = false, zone_is_there = false;
  for (const HealthAnswer& answer : answers) {
    if (answer.point == Point::kNs || answer.point == Point::kSoa) {
      if (answer.point == Point::kNs) probe.name_servers = answer.reply.names;
      if (answer.point == Point::kSoa) {
        probe.serial = answer.reply.serial;
        zone_is_gone = answer.reply.answer.rcode == Rcode::kNxDomain;
      }
      zone_is_there |= !answer.reply.names.empty() || answer.reply.serial != 0;
      continue;
    }
    const Reading reading = Read(list, answer);
    if (reading.rewritten && rewritten.empty()) rewritten = reading.finding.reason;
    if (reading.silent && silent.empty()) silent = reading.finding.reason;
    if (reading.blocked && blocked.empty()) {
      blocked = reading.finding.reason;
      why = reading.finding.why;
    }
    if (reading.silent || reading.blocked) continue;
    if (answer.point == Point::kListed) {
      probe.answered.Of(answer.kind) = true;
      probe.proven.Of(answer.kind) |= reading.present;
      if (answer.by_custom) continue;
      Points& points = declared[answer.kind];
      ++points.answered;
      points.missing += reading.present ? 0 : 1;
      if (!reading.present) points.name = answer.name;
    } else if (answer.point == Point::kSample) {
      ++samples;
      samples_listed += reading.listed ? 1 : 0;
    } else if (answer.point == Point::kClean ? reading.listed : reading.present) {
      wildcard = absl::StrCat(
          answer.point == Point::kClean ? "its clean test entry " : "a name that nobody has: ",
          answer.name, " is listed (", Shown(answer), "): it lists everything");
    }
  }
  if (samples > 1 && samples_listed == samples)
    wildcard = "every address that was tried at random is listed: it lists everything";
  for (const auto& [kind, points] : declared) {
    if (points.missing == points.answered && emptied.empty())
      emptied = absl::StrCat("its test entry ", points.name, " is not listed: it was emptied");
  }
  if (!rewritten.empty()) return With(probe, Probe::Sign::kRewritten, rewritten);
  if (!wildcard.empty()) return With(probe, Probe::Sign::kWildcard, wildcard);
  if (!blocked.empty()) {
    probe.why = why;
    return With(probe, Probe::Sign::kBlocked, blocked);
  }
  if (zone_is_gone && !probe.proven.Any())
    return With(probe, Probe::Sign::kGone, "its zone does not exist any more");
  if (!emptied.empty()) return With(probe, Probe::Sign::kEmptied, emptied);
  if (!silent.empty()) return With(probe, Probe::Sign::kSilent, silent);
  if (!probe.proven.Any() && !zone_is_there)
    return With(probe, Probe::Sign::kSilent, "nothing shows that it is there");
  probe.sign = Probe::Sign::kGood;
  return probe;
}

}  // namespace mailquench::blacklist
