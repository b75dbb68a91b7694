#include "agent/mail/blockers_count.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "agent/mail/blockers_table.h"
#include "agent/os/find_bytes.h"
#include "common/os/socket.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kSamples = 3;
constexpr std::size_t kSampleBytes = 500;
constexpr std::size_t kAddresses = 20;
constexpr std::size_t kReceiversShown = 5;
constexpr std::size_t kReceiversKept = 1000;
constexpr std::int64_t kUnknownLists = 50;

// Said before the zone of a list; the first is Postfix' own rbl_reply.
constexpr const char* kBeforeZone[] = {"blocked using ",  "blacklisted by ", "blacklisted at ",
                                       "blacklisted in ", "listed by ",      "listed in ",
                                       "listed at ",      "listed on "};
constexpr const char* kBlockWords[] = {"block",      "blacklist",   "black list", "spam",
                                       "reputation", "denied",      "policy",     "banned",
                                       "abuse",      "unsolicited", "dnsbl",      "rbl"};

bool IsWordByte(absl::string_view text, std::size_t at) {
  return at < text.size() && absl::ascii_isalnum(text[at]);
}

// As a whole word: "s3140", not "es31401".
bool HasWord(absl::string_view text, absl::string_view word) {
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t at = FindBytes(text, word, from);
    if (at == absl::string_view::npos) return false;
    const bool before = at > 0 && absl::ascii_isalnum(word.front()) && IsWordByte(text, at - 1);
    const bool after = absl::ascii_isalnum(word.back()) && IsWordByte(text, at + word.size());
    if (!before && !after) return true;
    from = at + 1;
  }
  return false;
}

bool IsOfDomain(absl::string_view server, absl::string_view domain) {
  return absl::EndsWithIgnoreCase(server, domain) &&
         (server.size() == domain.size() || server[server.size() - domain.size() - 1] == '.');
}

bool Matches(const BlockerRule& rule, absl::string_view text, absl::string_view server) {
  return std::any_of(rule.marks.begin(), rule.marks.end(), [&](const BlockerMark& mark) {
    return mark.text != nullptr && HasWord(text, mark.text) &&
           (mark.also == nullptr || HasWord(text, mark.also)) &&
           (mark.server == nullptr || IsOfDomain(server, mark.server));
  });
}

// The zone of a list that the reply names, "" where it names none.
std::string ZoneIn(absl::string_view text) {
  for (const char* before : kBeforeZone) {
    std::size_t at = text.find(before);
    if (at == absl::string_view::npos) continue;
    at += strlen(before);
    std::size_t end = at;
    while (end < text.size() && end - at < 254 &&
           (absl::ascii_isalnum(text[end]) || text[end] == '-' || text[end] == '.'))
      ++end;
    absl::string_view zone = text.substr(at, end - at);
    while (!zone.empty() && zone.back() == '.') zone.remove_suffix(1);
    const std::size_t dot = zone.rfind('.');
    if (dot == absl::string_view::npos || dot == 0 || zone.size() - dot < 3) continue;
    const absl::string_view top = zone.substr(dot + 1);
    if (std::all_of(top.begin(), top.end(), absl::ascii_isalpha)) return std::string(zone);
  }
  return "";
}

// An address that is not the server's own, nor an answer of a list (127.0.0.2).
void AddAddress(absl::string_view word, absl::string_view server, std::set<std::string>& into) {
  while (!word.empty() && (word.back() == '.' || word.back() == ':')) word.remove_suffix(1);
  if (word.size() < 3 || word.size() >= INET6_ADDRSTRLEN || into.size() >= kAddresses) return;
  const std::string text(word);
  unsigned char bytes[16];
  char printed[INET6_ADDRSTRLEN];
  const bool v6 = absl::StrContains(text, ":");
  const int family = v6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, text.c_str(), bytes) != 1 ||
      inet_ntop(family, bytes, printed, sizeof printed) == nullptr)
    return;
  const std::string address = printed;
  // Yahoo's diagnostic codes, "4.16.55.1", look like addresses.
  if (!v6 && bytes[0] == 4 && bytes[1] == 16) return;
  if (address == server || (!v6 && (bytes[0] == 0 || bytes[0] == 127)) || address == "::" ||
      address == "::1")
    return;
  into.insert(address);
}

void AddAddresses(absl::string_view reply, absl::string_view server, std::set<std::string>& into) {
  // As RFC 5321 writes it: "[IPv6:2001:db8::1]".
  const std::string text = absl::StrReplaceAll(reply, {{"ipv6:", " "}});
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool part =
        at < text.size() && (absl::ascii_isxdigit(text[at]) || text[at] == '.' || text[at] == ':');
    if (part) continue;
    // Inside a longer word it is none: "v1.2.3.4x".
    const bool free = (begin == 0 || !absl::ascii_isalnum(text[begin - 1])) &&
                      (at == text.size() || !absl::ascii_isalnum(text[at]));
    if (free && at > begin)
      AddAddress(absl::string_view(text).substr(begin, at - begin), server, into);
    begin = at + 1;
  }
}

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "127.") || address == "::1";
}

google::protobuf::Timestamp Stamp(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}
}  // namespace

bool LooksLikeABlock(absl::string_view text) {
  if (absl::StrContains(text, "greylist") || absl::StrContains(text, "graylist")) return false;
  return HasWord(text, "listed") ||
         std::any_of(std::begin(kBlockWords), std::end(kBlockWords),
                     [&](const char* word) { return absl::StrContains(text, word); });
}

std::string ReceiverOf(absl::string_view server, absl::string_view address) {
  const std::vector<std::string> labels =
      absl::StrSplit(absl::AsciiStrToLower(server), '.', absl::SkipEmpty());
  if (labels.size() < 2 || labels.back().size() < 2)
    return Harmless(std::string(server.empty() ? address : server));
  std::size_t keep = 2;
  const std::string& second = labels[labels.size() - 2];
  const bool shared = labels.back().size() == 2 &&
                      (second == "co" || second == "com" || second == "net" || second == "org" ||
                       second == "ac" || second == "gov" || second == "ne" || second == "or");
  if (shared && labels.size() > 2) keep = 3;
  std::string domain;
  for (std::size_t i = labels.size() - keep; i < labels.size(); ++i)
    absl::StrAppend(&domain, domain.empty() ? "" : ".", labels[i]);
  return Harmless(domain);
}

void BlockersCount::Keep(absl::Time time, absl::string_view text, std::vector<Sample>* samples) {
  const auto oldest =
      std::min_element(samples->begin(), samples->end(),
                       [](const Sample& a, const Sample& b) { return a.time < b.time; });
  if (samples->size() >= kSamples && oldest->time >= time) return;
  std::string cut = Harmless(std::string(text.substr(0, kSampleBytes)));
  // What is no UTF-8 has become longer.
  cut.resize(std::min(cut.size(), kSampleBytes));
  cut.resize(cut.size() - CutAtEnd(cut));
  for (Sample& sample : *samples) {
    if (sample.text != cut) continue;
    sample.time = std::max(sample.time, time);
    return;
  }
  if (samples->size() >= kSamples)
    *oldest = {time, std::move(cut)};
  else
    samples->push_back({time, std::move(cut)});
}

BlockersCount::One* BlockersCount::Find(const std::string& text, const DeliveryReply& reply) {
  for (const BlockerRule& rule : BlockerRules()) {
    if (!Matches(rule, text, reply.server)) continue;
    One& one = known_[rule.name];
    one.kind = rule.kind;
    one.way_out = rule.way_out;
    one.note = rule.note;
    return &one;
  }
  const std::string zone = ZoneIn(text);
  if (zone.empty() || IsOfDomain(reply.server, zone)) return nullptr;
  auto found = known_.find(zone);
  if (found == known_.end()) {
    if (lists_ >= kUnknownLists) return nullptr;
    ++lists_;
    found = known_.emplace(zone, One()).first;
    found->second.kind = v1::BLOCKER_KIND_LIST;
    found->second.note = "a list that is not known here; the reply may say where to ask";
  }
  return &found->second;
}

void BlockersCount::Add(const DeliveryReply& reply) {
  ++replies_;
  const std::string text = absl::AsciiStrToLower(reply.text);
  One* one = Find(text, reply);
  if (one == nullptr) {
    // A content filter on the host itself says such things of mail that never left.
    if (!LooksLikeABlock(text) || IsLoopback(reply.address)) return;
    ++other_;
    Keep(reply.time, reply.text, &other_samples_);
    return;
  }
  ++(reply.rejected ? one->rejected : one->deferred);
  one->first = std::min(one->first, reply.time);
  one->last = std::max(one->last, reply.time);
  AddAddresses(text, reply.address, one->addresses);
  const std::string receiver = ReceiverOf(reply.server, reply.address);
  const auto counted = one->receivers.find(receiver);
  if (counted != one->receivers.end())
    ++counted->second;
  else if (one->receivers.size() < kReceiversKept)
    one->receivers[receiver] = 1;
  Keep(reply.time, reply.text, &one->samples);
}

void BlockersCount::Fill(v1::MailBlockersResult* result) const {
  const auto show = [](std::vector<Sample> samples, auto* into) {
    std::sort(samples.begin(), samples.end(),
              [](const Sample& a, const Sample& b) { return a.time > b.time; });
    for (Sample& sample : samples) *into->Add() = std::move(sample.text);
  };
  std::vector<std::pair<std::int64_t, const std::pair<const std::string, One>*>> ranked;
  for (const auto& entry : known_)
    ranked.emplace_back(entry.second.deferred + entry.second.rejected, &entry);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [count, entry] : ranked) {
    const One& one = entry->second;
    v1::Blocker* blocker = result->add_blockers();
    blocker->set_name(entry->first);
    blocker->set_kind(one.kind);
    blocker->set_way_out(one.way_out);
    blocker->set_note(one.note);
    for (const std::string& address : one.addresses) blocker->add_addresses(address);
    blocker->set_deferred(one.deferred);
    blocker->set_rejected(one.rejected);
    *blocker->mutable_first_time() = Stamp(one.first);
    *blocker->mutable_last_time() = Stamp(one.last);
    std::vector<std::pair<std::int64_t, std::string>> receivers;
    for (const auto& [domain, messages] : one.receivers) receivers.emplace_back(-messages, domain);
    std::sort(receivers.begin(), receivers.end());
    for (std::size_t i = 0; i < receivers.size() && i < kReceiversShown; ++i) {
      v1::CountOf* receiver = blocker->add_receivers();
      receiver->set_value(receivers[i].second);
      receiver->set_messages(-receivers[i].first);
    }
    show(one.samples, blocker->mutable_samples());
  }
  result->set_replies(replies_);
  result->set_other(other_);
  show(other_samples_, result->mutable_other_samples());
}

}  // namespace mailquench::agent
