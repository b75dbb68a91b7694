#include "controller/mx/spf.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/mx/spf_macro.h"
#include "controller/mx/spf_record.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

constexpr int kMostCounted = 100;
constexpr std::size_t kMostNames = 10;  // Of one mx or ptr (section 4.6.4).

SpfResult OfQualifier(char qualifier) {
  switch (qualifier) {
    case '-':
      return SpfResult::kFail;
    case '~':
      return SpfResult::kSoftFail;
    case '?':
      return SpfResult::kNeutral;
    default:
      return SpfResult::kPass;
  }
}

// One check_host() with all that it calls. Not thread-safe.
class Evaluation {
 public:
  Evaluation(Lookups* lookups, SpfMacros macros, bool count)
      : lookups_(lookups), macros_(std::move(macros)), count_(count) {
    const auto address = ParseAddress(macros_.address);
    if (address.ok()) client_ = *address;
  }

  SpfAnswer Run(const std::string& domain) {
    answer_.result = Host(Plain(domain), true);
    if (count_ && answer_.result == SpfResult::kNeutral) JudgeCount();
    return answer_;
  }

 private:
  enum class Match { kNo, kYes, kTempError, kPermError };

  SpfResult Perm(const std::string& why) {
    if (answer_.problem.empty()) answer_.problem = why;
    return SpfResult::kPermError;
  }
  Match PermMatch(const std::string& why) {
    Perm(why);
    return Match::kPermError;
  }
  Match TempMatch(const std::string& why) {
    if (answer_.problem.empty()) answer_.problem = why;
    return Match::kTempError;
  }

  void JudgeCount() {
    if (answer_.lookups > kSpfLookups) {
      answer_.result = Perm(
          absl::StrCat("it takes ", answer_.lookups,
                       answer_.lookups >= kMostCounted ? " look-ups or more" : " look-ups",
                       ", of which receivers do ", kSpfLookups, " and then take it for broken"));
    } else if (answer_.void_lookups > kSpfVoid) {
      answer_.result =
          Perm(absl::StrCat(answer_.void_lookups,
                            " of its look-ups find nothing, of which receivers allow ", kSpfVoid));
    }
  }

  bool MayLookUp() {
    ++answer_.lookups;
    return answer_.lookups <= (count_ ? kMostCounted : kSpfLookups);
  }
  std::string TooMany() const {
    return absl::StrCat("it takes more than ", count_ ? kMostCounted : kSpfLookups, " look-ups");
  }
  // Counts one that found nothing. False: that is one too many.
  bool Void(const Told& told) {
    if (!told.known || !told.values.empty()) return true;
    ++answer_.void_lookups;
    return count_ || answer_.void_lookups <= kSpfVoid;
  }
  std::string TooVoid() const {
    return absl::StrCat("more than ", kSpfVoid, " of its look-ups find nothing");
  }

  SpfResult Host(const std::string& domain, bool own) {
    if (!CheckedName(domain).ok()) return SpfResult::kNone;  // Section 4.3.
    if (std::find(path_.begin(), path_.end(), domain) != path_.end())
      return Perm(absl::StrCat("the record of ", domain, " leads back to itself"));
    const Told told = lookups_->Ask(domain, "TXT");
    if (!told.known) {
      answer_.problem = told.fault;
      return SpfResult::kTempError;
    }
    std::vector<std::string> records;
    for (const std::string& value : told.values) {
      std::string text = TxtText(value);
      if (IsSpf(text)) records.push_back(std::move(text));
    }
    if (records.empty()) return SpfResult::kNone;
    if (own) answer_.record = records[0];
    if (records.size() > 1)
      return Perm(absl::StrCat(domain, " has ", records.size(), " SPF records, not one"));
    const auto record = ParseSpf(records[0]);
    if (!record.ok())
      return Perm(absl::StrCat("the record of ", domain,
                               " is malformed: ", std::string(record.status().message())));
    path_.push_back(domain);
    const SpfResult result = Terms(domain, *record, own);
    path_.pop_back();
    return result;
  }

  SpfResult Terms(const std::string& domain, const SpfRecord& record, bool own) {
    bool has_all = false;
    for (const SpfTerm& term : record.terms) {
      has_all = has_all || term.mechanism == "all";
      switch (Matches(domain, term)) {
        case Match::kNo:
          break;
        case Match::kYes:
          if (own) answer_.term = term.text;
          return OfQualifier(term.qualifier);
        case Match::kTempError:
          return SpfResult::kTempError;
        case Match::kPermError:
          return SpfResult::kPermError;
      }
      if (count_ && has_all) return SpfResult::kNeutral;  // What follows is never reached.
    }
    if (record.redirect.empty() || has_all) return SpfResult::kNeutral;
    if (!MayLookUp()) return Perm(TooMany());
    if (count_ && HasMacros(record.redirect)) return SpfResult::kNeutral;
    const auto target = Expand(domain, record.redirect);
    if (!target.ok()) return Perm(std::string(target.status().message()));
    if (own) answer_.term = absl::StrCat("redirect=", record.redirect);
    const SpfResult result = Host(Plain(*target), false);
    if (result == SpfResult::kNone)
      return Perm(absl::StrCat("redirect leads to ", *target, ", which has no SPF record"));
    return result;
  }

  absl::StatusOr<std::string> Expand(const std::string& domain, const std::string& spec) {
    if (spec.empty()) return domain;
    SpfMacros macros = macros_;
    macros.domain = domain;
    return ExpandMacros(spec, macros);
  }

  Match Matches(const std::string& domain, const SpfTerm& term) {
    const std::string& name = term.mechanism;
    if (name == "all") return count_ ? Match::kNo : Match::kYes;
    if (name == "ip4" || name == "ip6") {
      const auto network = ParseAddress(term.domain);
      const bool same =
          !count_ && network.ok() &&
          SameNetwork(client_, *network, network->is6() ? term.prefix6 : term.prefix4);
      return same ? Match::kYes : Match::kNo;
    }
    if (!MayLookUp()) return PermMatch(TooMany());
    if (count_ && HasMacros(term.domain)) return Match::kNo;  // It is another name for each client.
    const auto target = Expand(domain, term.domain);
    if (!target.ok()) return PermMatch(std::string(target.status().message()));
    if (name == "include") return Include(*target);
    if (name == "exists") return Exists(*target);
    if (name == "ptr") return Ptr(*target);
    return name == "mx" ? MxTerm(*target, term) : ATerm(*target, term);
  }

  Match Include(const std::string& target) {
    const SpfResult result = Host(Plain(target), false);
    switch (result) {
      case SpfResult::kPass:
        return count_ ? Match::kNo : Match::kYes;
      case SpfResult::kTempError:
        return Match::kTempError;
      case SpfResult::kNone:
        return PermMatch(absl::StrCat("it includes ", target, ", which has no SPF record"));
      case SpfResult::kPermError:
        return Match::kPermError;
      default:
        return Match::kNo;
    }
  }

  Match Exists(const std::string& target) {
    const Told told = lookups_->Ask(target, "A");  // Section 5.7: whatever the client has.
    if (!told.known) return TempMatch(told.fault);
    if (!Void(told)) return PermMatch(TooVoid());
    return !count_ && !told.values.empty() ? Match::kYes : Match::kNo;
  }

  Match ATerm(const std::string& target, const SpfTerm& term) {
    const Told told = lookups_->Ask(target, client_.type());
    if (!told.known) return TempMatch(told.fault);
    if (!Void(told)) return PermMatch(TooVoid());
    return AnyOf(told, term);
  }

  Match AnyOf(const Told& told, const SpfTerm& term) const {
    for (const std::string& value : told.values) {
      const auto address = ParseAddress(value);
      if (!count_ && address.ok() &&
          SameNetwork(client_, *address, client_.is6() ? term.prefix6 : term.prefix4))
        return Match::kYes;
    }
    return Match::kNo;
  }

  Match MxTerm(const std::string& target, const SpfTerm& term) {
    const Told told = lookups_->Ask(target, "MX");
    if (!told.known) return TempMatch(told.fault);
    if (!Void(told)) return PermMatch(TooVoid());
    if (told.values.size() > kMostNames)
      return PermMatch(absl::StrCat(target, " has more than ", kMostNames, " MX records"));
    if (count_) return Match::kNo;
    for (const std::string& value : told.values) {
      const auto mx = ParseMx(value);
      if (!mx || mx->host.empty()) continue;
      const Told addresses = lookups_->Ask(mx->host, client_.type());
      if (!addresses.known) return TempMatch(addresses.fault);
      if (AnyOf(addresses, term) == Match::kYes) return Match::kYes;
    }
    return Match::kNo;
  }

  // Section 5.5: a failed look-up is no match.
  Match Ptr(const std::string& target) {
    if (count_) return Match::kNo;
    const Told told = lookups_->Ask(ReverseName(client_), "PTR");
    if (!Void(told)) return PermMatch(TooVoid());
    const std::string wanted = Plain(target);
    for (std::size_t i = 0; i < told.values.size() && i < kMostNames; ++i) {
      const std::string name = Plain(told.values[i]);
      if (!IsInside(name, wanted)) continue;
      const auto addresses = lookups_->Addresses(name, client_.type(), nullptr);
      if (std::find(addresses.begin(), addresses.end(), client_.text) != addresses.end())
        return Match::kYes;
    }
    return Match::kNo;
  }

  Lookups* const lookups_;
  const SpfMacros macros_;
  const bool count_;
  Address client_{"192.0.2.1", std::string("\xc0\0\2\1", 4)};
  SpfAnswer answer_;
  std::vector<std::string> path_;
};

}  // namespace

const char* SpfResultName(SpfResult result) {
  switch (result) {
    case SpfResult::kNone:
      return "none";
    case SpfResult::kNeutral:
      return "neutral";
    case SpfResult::kPass:
      return "pass";
    case SpfResult::kFail:
      return "fail";
    case SpfResult::kSoftFail:
      return "softfail";
    case SpfResult::kTempError:
      return "temperror";
    case SpfResult::kPermError:
      return "permerror";
  }
  return "none";
}

SpfAnswer CheckSpf(Lookups* lookups, const SpfQuestion& question) {
  SpfMacros macros;
  const auto address = ParseAddress(question.address);
  macros.address = address.ok() ? address->text : question.address;
  macros.sender =
      question.sender.empty() ? absl::StrCat("postmaster@", question.domain) : question.sender;
  macros.domain = question.domain;
  macros.helo = question.helo;
  return Evaluation(lookups, std::move(macros), false).Run(question.domain);
}

SpfAnswer CountSpf(Lookups* lookups, const std::string& domain) {
  SpfMacros macros;
  macros.address = "192.0.2.1";
  macros.sender = absl::StrCat("postmaster@", domain);
  macros.domain = domain;
  return Evaluation(lookups, std::move(macros), true).Run(domain);
}

}  // namespace mailquench::controller::mx
