#include "controller/dns/update.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"
#include "controller/dns/tsig.h"
#include "controller/dns/update_message.h"

namespace mailquench::controller::dns {
namespace {

using absl::StatusCode;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

// Everything that the sentences of one update speak of.
struct Attempt {
  const Primary& primary;
  const std::vector<Change>& changes;
  const absl::Time now;
  std::string server;  // As text.

  std::string What() const {
    const auto one = [](std::string* out, const Change& change) {
      absl::StrAppend(out, change.type, " of ", change.name);
    };
    return absl::StrJoin(changes, ", ", one);
  }
  absl::Status Fail(StatusCode code,
                    absl::string_view reason,
                    absl::string_view sentence,
                    std::map<std::string, std::string> more = {}) const {
    more["server"] = server;
    return Error(code, reason, absl::StrCat("the DNS server ", server, " ", sentence), more);
  }
};

absl::Status BadTime(const Attempt& it, const Verified& verified) {
  if (!verified.server_time.has_value()) {
    return it.Fail(StatusCode::kFailedPrecondition, "DNS_BADTIME",
                   absl::StrCat("says that its clock differs from ours (", TimeText(it.now),
                                ") by more than five minutes (BADTIME); nothing was changed; set "
                                "both clocks"));
  }
  // Of ours; between the two times as they are shown, which have no fractions.
  const absl::Duration ahead =
      absl::FromUnixSeconds(absl::ToUnixSeconds(it.now)) - *verified.server_time;
  return it.Fail(
      StatusCode::kFailedPrecondition, "DNS_BADTIME",
      absl::StrCat("did not take the update: its clock says ", TimeText(*verified.server_time),
                   ", ours says ", TimeText(it.now), ", which is ",
                   absl::FormatDuration(absl::AbsDuration(ahead)),
                   ahead > absl::ZeroDuration() ? " ahead" : " behind",
                   "; five minutes are allowed (BADTIME); nothing was changed; set the clock that "
                   "is wrong"),
      {{"server_time", TimeText(*verified.server_time)},
       {"seconds_ahead", absl::StrCat(absl::ToInt64Seconds(ahead))}});
}

// Of a reply with the code NOTAUTH; its TSIG record says more (RFC 8945 section 5.4).
absl::Status NotAuthorised(const Attempt& it, const Verified& verified) {
  const std::string& key = it.primary.key.name();
  switch (verified.error) {
    case kBadTime:
      return BadTime(it, verified);
    case kBadKey:
      return it.Fail(StatusCode::kUnauthenticated, "DNS_BADKEY",
                     absl::StrCat("knows no key ", key, " with the algorithm ",
                                  TsigAlgorithmName(it.primary.key.algorithm()),
                                  " (BADKEY); nothing was changed, as far as an unsigned reply can "
                                  "tell; put the key into its configuration, or name the key that "
                                  "is there"));
    case kBadSig:
      return it.Fail(StatusCode::kUnauthenticated, "DNS_BADSIG",
                     absl::StrCat("has another secret for the key ", key,
                                  " (BADSIG); nothing was changed, as far as an unsigned reply can "
                                  "tell; give both sides the same key file"));
    case kBadTrunc:
      return it.Fail(StatusCode::kUnauthenticated, "DNS_BADTRUNC",
                     absl::StrCat("wants another length of the signature of the key ", key,
                                  " (BADTRUNC); nothing was changed; configure the key's algorithm "
                                  "without a number of bits"));
    default:
      return it.Fail(StatusCode::kFailedPrecondition, "DNS_NOTAUTH",
                     absl::StrCat("is not the primary server of the zone ", it.primary.zone,
                                  " (NOTAUTH); nothing was changed; name the zone and the server "
                                  "that holds it"));
  }
}

absl::Status ServerError(const Attempt& it, int rcode, const Verified& verified) {
  switch (rcode) {
    case LDNS_RCODE_NOTAUTH:
      return NotAuthorised(it, verified);
    case LDNS_RCODE_REFUSED:
      return it.Fail(
          StatusCode::kPermissionDenied, "DNS_REFUSED",
          absl::StrCat("does not let the key ", it.primary.key.name(), " change ", it.What(),
                       " (REFUSED); nothing was changed; grant it there (BIND: "
                       "update-policy of the zone, Knot: acl)"));
    case LDNS_RCODE_NOTZONE:
      return it.Fail(
          StatusCode::kInvalidArgument, "DNS_NOTZONE",
          absl::StrCat("says that the zone ", it.primary.zone, " does not contain ", it.What(),
                       " (NOTZONE); nothing was changed; name the right zone"));
    default:
      return it.Fail(StatusCode::kInternal, "DNS_FAILED",
                     absl::StrCat("could not do the update of ", it.What(), " (", RcodeText(rcode),
                                  "); see the server's log"),
                     {{"rcode", RcodeText(rcode)}});
  }
}

// The zone itself tells what became of the update where no reply does. Where all is as it was
// before, the answer is `unchanged`.
absl::StatusOr<Done> Settle(const Attempt& it, const absl::Status& unchanged) {
  bool done = true, as_before = true;
  std::vector<std::string> shown;
  for (const Change& change : it.changes) {
    const auto found = Look(it.primary, change.name, change.type, it.now);
    if (!found.ok()) {
      return Error(
          StatusCode::kUnknown, "DNS_OUTCOME_UNKNOWN",
          absl::StrCat("whether ", it.What(), " was changed is not known: ", unchanged.message(),
                       "; and the zone could not be looked at: ", found.status().message(),
                       "; look at it before anything else, the same update may be sent "
                       "again"),
          {{"server", it.server}});
    }
    MQ_ASSIGN_OR_RETURN(const auto expected, Canonical(change.name, change.type, change.expected));
    MQ_ASSIGN_OR_RETURN(const auto wanted, Canonical(change.name, change.type, change.wanted));
    const bool aside = !found->alias.empty();  // An alias stands in the records' place.
    done =
        done && !aside && found->values == wanted && (wanted.empty() || found->ttl == change.ttl);
    as_before = as_before && !aside && found->values == expected;
    shown.push_back(absl::StrCat(change.type, " of ", change.name, ": ", FoundText(*found)));
  }
  if (done) return Done::kAlready;
  if (as_before) return unchanged;
  const std::string all = absl::StrJoin(shown, "; ");
  return it.Fail(StatusCode::kAborted, "DNS_CHANGED_ELSEWHERE",
                 absl::StrCat("has neither what was expected nor what is wanted: somebody else has "
                              "changed it. It has now ",
                              all, ". Nothing was changed; decide anew from what is there"),
                 {{"found", all}});
}

}  // namespace

absl::StatusOr<Done> Update(const Primary& primary,
                            const std::vector<Change>& changes,
                            absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const Endpoint server, ParseEndpoint(primary.server));
  MQ_ASSIGN_OR_RETURN(const std::string message, UpdateMessage(primary.zone, changes));
  const SignedMessage request = Sign(message, primary.key, now);
  const Attempt it{primary, changes, now, server.text};

  Verified verified;
  const auto judge = [&](const std::string& bytes) {
    if (!AnswersTo(bytes, request.wire)) return Verdict::kIgnore;
    const Verified seen = Verify(bytes, primary.key, request.mac, now);
    if (seen.proof == Proof::kMalformed) return Verdict::kIgnore;
    verified = seen;
    if (seen.proof == Proof::kProven) return Verdict::kTake;
    return ReadHeader(bytes)->truncated ? Verdict::kOverTcp : Verdict::kWeak;
  };
  const auto exchanged = Exchange(server, request.wire, primary.patience, judge);
  if (!exchanged.ok()) {
    return Settle(it, Prepend(exchanged.status(),
                              absl::StrCat("the update of ", it.What(), " is not in the zone")));
  }
  const int rcode = ReadHeader(exchanged->reply)->rcode;
  if (exchanged->weak) {
    if (rcode == LDNS_RCODE_NOTAUTH && verified.error != 0) return NotAuthorised(it, verified);
    return Settle(
        it, it.Fail(StatusCode::kUnauthenticated, "DNS_UNPROVEN_REPLY",
                    absl::StrCat("answered the update of ", it.What(), " with ", RcodeText(rcode),
                                 " but without a right signature of "
                                 "the key ",
                                 primary.key.name(),
                                 ", which was not believed; the zone is as it was; see "
                                 "who answers at that address")));
  }
  switch (rcode) {
    case LDNS_RCODE_NOERROR:
      return Done::kApplied;
    case LDNS_RCODE_NXDOMAIN:
    case LDNS_RCODE_YXDOMAIN:
    case LDNS_RCODE_YXRRSET:
    case LDNS_RCODE_NXRRSET:
      return Settle(it,
                    it.Fail(StatusCode::kAborted, "DNS_CHANGED_ELSEWHERE",
                            absl::StrCat("did not find what was expected for ", it.What(), " (",
                                         RcodeText(rcode),
                                         "), though it is there now: it was changed to and fro, "
                                         "or other records of the name are in the way. Nothing "
                                         "was changed; look at the name and try again")));
    case LDNS_RCODE_SERVFAIL:  // It may have failed after the change.
      return Settle(it, ServerError(it, rcode, verified));
    default:
      return ServerError(it, rcode, verified);
  }
}

}  // namespace mailquench::controller::dns
