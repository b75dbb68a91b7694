// Whether a change has reached every name server of a zone: each address of each server is asked
// for the zone's serial number and for the records that were changed.
#ifndef MAILQUENCH_CONTROLLER_DNS_SERIALS_H_
#define MAILQUENCH_CONTROLLER_DNS_SERIALS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/dns/exchange.h"
#include "controller/dns/name_servers.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {

// RFC 1982 section 3.2. Two numbers 2^31 apart have no order.
enum class SerialOrder { kEqual, kBefore, kAfter, kUndefined };
SerialOrder CompareSerials(std::uint32_t a, std::uint32_t b);

enum class Standing {
  kCurrent,    // The primary's serial or a later one, and the records.
  kBehind,     // An earlier serial, or one that has no order to the primary's.
  kOtherData,  // The serial, but other records: changed again, or other data for us (a view).
  kLame,       // It answers but does not serve the zone (no authority, REFUSED, SERVFAIL).
  kSilent,     // No answer that can be read, over UDP nor, where it was cut, TCP.
  kNoAddress,  // Its name has no address, or not all of them could be looked up.
  kNoRoute,    // This machine has no way to an address of that family, so that it was not asked.
};

struct ServerStanding {
  std::string name;
  std::string address;  // Empty with kNoAddress.
  Standing standing = Standing::kSilent;
  std::uint32_t serial = 0;  // With kCurrent, kBehind and kOtherData.
  std::vector<std::string>
      values;             // With kCurrent, kOtherData, and kBehind if it answered: its own.
  std::uint32_t ttl = 0;  // Of them, seconds.
  bool answered = false;  // It has told of them.
  std::string sentence;   // "ns4 (192.0.2.4:53) is behind: serial 11, the primary has 12"
};

struct Propagation {
  std::uint32_t primary_serial = 0;
  std::vector<ServerStanding> servers;  // In the order of the question.
  bool complete = false;                // All that were asked are kCurrent, one at least.
  std::string sentence;                 // One line that names those that are not.
};

// What servers have said within one look at many records: each is asked for a zone's serial once,
// and one that was silent is not asked again. Thread-safe.
class SerialMemory {
 public:
  // As Ask() for the SOA.
  absl::StatusOr<Answer> Soa(const Endpoint& server,
                             const std::string& zone,
                             const Patience& patience);
  bool IsSilent(const Endpoint& server);
  void SetSilent(const Endpoint& server);

 private:
  struct Kept {
    std::mutex mu;  // Held while it is asked: others wait for the same answer.
    std::optional<absl::StatusOr<Answer>> answer;
  };
  std::mutex mu_;
  std::map<std::string, std::shared_ptr<Kept>> kept_;  // By address and zone.
  std::set<std::string> silent_;                       // Addresses.
};

struct PropagationQuestion {
  std::string zone;
  std::string primary;              // Its address. Nobody else's serial is the measure.
  std::vector<NameServer> servers;  // All of the zone; a hidden primary is not among them.
  std::string name, type;           // The records that were changed,
  std::vector<std::string> values;  // and what they shall be; empty: none.
  Patience patience;
  SerialMemory* memory = nullptr;  // Of the look that this is a part of; null: it stands alone.
};

// Asks once, all servers at the same time, without recursion and unsigned. Blocks; thread-safe.
// Errors: INVALID_ARGUMENT / BAD_SERVER, BAD_NAME, BAD_TYPE, BAD_VALUE; of the primary UNAVAILABLE
// / DNS_NO_ANSWER, FAILED_PRECONDITION / DNS_NOT_AUTHORITATIVE. A server that fails is a standing.
absl::StatusOr<Propagation> AskPropagation(const PropagationQuestion& question);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_SERIALS_H_
