#include "common/blacklist/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace mailquench::blacklist {
namespace {

constexpr std::uint32_t Address(int a, int b, int c, int d) {
  return static_cast<std::uint32_t>(a) << 24 | static_cast<std::uint32_t>(b) << 16 |
         static_cast<std::uint32_t>(c) << 8 | static_cast<std::uint32_t>(d);
}

// Of use to everybody, whether or not the list's entry has it.
constexpr std::uint32_t kNever = Address(127, 0, 0, 1);
constexpr Range kSignals = {Address(127, 255, 255, 0), Address(127, 255, 255, 255)};

Finding Blocked(Why why, const std::string& reason, std::vector<Meaning> meanings) {
  Finding finding;
  finding.verdict = Verdict::kBlocked;
  finding.why = why;
  finding.reason = reason;
  finding.meanings = std::move(meanings);
  return finding;
}

void AddMeanings(const List& list, std::uint32_t address, std::vector<Meaning>& out) {
  const std::size_t before = out.size();
  for (const Code& code : list.codes) {
    const bool hit = list.bits ? (address & ~0xffu) == (code.range.first & ~0xffu) &&
                                     (address & code.range.first & 0xff) != 0
                               : code.range.Has(address);
    if (hit)
      out.push_back(
          {address, code.is, code.component, code.good || list.purpose != Purpose::kBlock});
  }
  if (out.size() == before) out.push_back({address, "", "", list.purpose != Purpose::kBlock});
}

Finding NoAnswer(const List& list, Rcode rcode) {
  const auto known = list.failures.find(RcodeName(rcode));
  if (known != list.failures.end())
    return Blocked(known->second.why, absl::StrCat(RcodeName(rcode), ": ", known->second.is), {});
  Finding finding;
  finding.reason = rcode == Rcode::kTimeout ? "no answer in time" : RcodeName(rcode);
  return finding;
}

}  // namespace

Finding Judge(const List& list, const Answer& answer) {
  Finding finding;
  if (answer.rcode == Rcode::kNxDomain ||
      (answer.rcode == Rcode::kNoError && answer.addresses.empty())) {
    finding.verdict = Verdict::kClean;
    return finding;
  }
  if (answer.rcode != Rcode::kNoError) return NoAnswer(list, answer.rcode);
  for (const std::uint32_t address : answer.addresses) AddMeanings(list, address, finding.meanings);
  // One address that is none of a list's makes the whole answer somebody else's.
  for (const std::uint32_t address : answer.addresses) {
    if (address >> 24 == 127) continue;
    finding.verdict = Verdict::kRewritten;
    finding.reason =
        absl::StrCat("the answer ", AddressText(address),
                     " is no list's: a resolver that rewrites, or a zone that was sold");
    return finding;
  }
  for (const std::uint32_t address : answer.addresses) {
    for (const NoListing& error : list.errors) {
      if (error.range.Has(address))
        return Blocked(error.why, absl::StrCat(AddressText(address), ": ", error.is),
                       finding.meanings);
    }
    const bool documented = std::any_of(list.codes.begin(), list.codes.end(),
                                        [&](const Code& c) { return c.range.Has(address); });
    if (documented) continue;
    if (kSignals.Has(address) || address == kNever)
      return Blocked(
          Why::kRefused,
          absl::StrCat(AddressText(address), ": by common usage no listing, but a refusal"),
          finding.meanings);
  }
  const bool listed = std::any_of(finding.meanings.begin(), finding.meanings.end(),
                                  [](const Meaning& m) { return !m.good && !m.is.empty(); });
  const bool strange = std::any_of(finding.meanings.begin(), finding.meanings.end(),
                                   [](const Meaning& m) { return !m.good && m.is.empty(); });
  // Where its codes are known for sure, another one is a signal that we do not know yet.
  if (listed || (strange && list.confidence != 'A' && !list.only_codes)) {
    finding.verdict = Verdict::kListed;
  } else if (strange) {
    finding.reason = "an answer that the list does not document";
  } else {
    finding.verdict = Verdict::kClean;
  }
  return finding;
}

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kListed:
      return "LISTED";
    case Verdict::kClean:
      return "CLEAN";
    case Verdict::kBlocked:
      return "BLOCKED";
    case Verdict::kError:
      return "ERROR";
    case Verdict::kUntrusted:
      return "UNTRUSTED";
    case Verdict::kRewritten:
      return "REWRITTEN";
  }
  return "ERROR";
}

const char* RcodeName(Rcode rcode) {
  switch (rcode) {
    case Rcode::kNoError:
      return "NOERROR";
    case Rcode::kNxDomain:
      return "NXDOMAIN";
    case Rcode::kServFail:
      return "SERVFAIL";
    case Rcode::kRefused:
      return "REFUSED";
    case Rcode::kFormErr:
      return "FORMERR";
    case Rcode::kNotImplemented:
      return "NOTIMP";
    case Rcode::kMalformed:
      return "an answer that cannot be read";
    case Rcode::kTimeout:
      return "TIMEOUT";
  }
  return "TIMEOUT";
}

std::string AddressText(std::uint32_t address) {
  return absl::StrCat(address >> 24, ".", address >> 16 & 0xff, ".", address >> 8 & 0xff, ".",
                      address & 0xff);
}

}  // namespace mailquench::blacklist
