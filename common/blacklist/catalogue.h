// What is known of each DNS blacklist: data, one entry a zone, from common/blacklist/catalogue and
// a file of the operator's own.
#ifndef MAILQUENCH_COMMON_BLACKLIST_CATALOGUE_H_
#define MAILQUENCH_COMMON_BLACKLIST_CATALOGUE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::blacklist {

enum class Purpose { kBlock, kAllow, kInfo };
enum class State { kLive, kDead, kWildcard };
// Why an answer is none: what to do differs.
enum class Why { kResolver, kQuota, kQuery, kRefused };

// IPv4 addresses as numbers, host byte order, both ends included.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool Has(std::uint32_t address) const { return first <= address && address <= last; }
};

struct Code {
  Range range;
  std::string is;         // What it means, in a few words.
  std::string component;  // With the operator the key of one finding: zen's XBL and xbl are one.
  bool good = false;      // No listing.
};

struct NoListing {
  Range range;
  Why why = Why::kRefused;
  std::string is;
};

struct Failure {
  Why why = Why::kRefused;
  std::string is;
};

// What is asked to learn whether the list is well (RFC 5782 section 5, where it keeps to that): an
// address, or for a domain list a name that goes before the zone as it stands.
struct TestPoints {
  std::vector<std::string> listed;
  std::vector<std::string> clean;
  // The data says `clean: []`: it lists what RFC 5782 has as clean (a list of bogons lists 127/8).
  bool no_clean = false;
};

struct Delisting {
  std::string link;
  std::string how;              // form, self-service, mail, expires, from-host, contact, paid, ...
  absl::Duration clears_after;  // After the last spam or the request; zero where it is not known.
  std::string note;
};

struct List {
  std::string zone;  // Lower case, without the key of a private zone.
  std::string operator_name;
  bool ip4 = false, ip6 = false, domain = false;
  Purpose purpose = Purpose::kBlock;
  int tier = 3;  // 1: what most receivers use.
  std::string summary;
  std::string component;
  std::vector<Code> codes;  // Ascending. Anything else in 127/8 is a listing without a meaning.
  bool bits = false;        // Codes are bits of the last octet.
  bool only_codes = false;  // Any other answer is no listing, but a refusal.
  std::vector<NoListing> errors;
  std::map<std::string, Failure> failures;  // By response code: "SERVFAIL", "REFUSED".
  TestPoints test;
  std::string lookup;  // May hold %IP%.
  Delisting delist;
  double per_second = 0;     // 0: no limit known.
  std::int64_t per_day = 0;  // The same; over all zones of the operator.
  bool key_first = false;    // A private zone: the account's key goes before it.
  bool alert = true;         // False: never alarms by itself.
  State state = State::kLive;
  bool enabled = false;
  std::string since, why;  // Of one that is not live: since when, and what became of it.
  char confidence = 'C';   // A, B or C.
  std::vector<std::string> sources;
};

// A text in YAML and what it is called in sentences.
struct Source {
  std::string name;
  std::string text;
};

// Const functions are thread-safe.
class Catalogue {
 public:
  // The one that is compiled in.
  static absl::StatusOr<Catalogue> BuiltIn();
  // Error: kInvalidArgument/BAD_CATALOGUE with file, line and column. No zone may be there twice.
  static absl::StatusOr<Catalogue> Parse(const std::vector<Source>& sources);

  // The operator's own: entries of `lists` are added, or replace those of the same zone; `enable`
  // and `disable` name zones. Error: as Parse(); the catalogue is then as it was. A list that is
  // dead is not enabled, and the sentence says why it is dead.
  absl::Status Apply(const Source& own);

  const std::vector<List>& lists() const { return lists_; }
  const List* Find(const std::string& zone) const;  // Upper and lower case alike.

 private:
  std::vector<List> lists_;  // By zone.
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_CATALOGUE_H_
