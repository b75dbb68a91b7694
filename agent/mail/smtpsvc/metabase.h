// The settings of Windows' SMTP service: keys below /LM/SMTPSVC with properties by number.
// Implementations: metabase_windows (IIS' Admin Base Object and ADSI) and, in test builds alone,
// metabase_file. Sources: IIS 6.0 SDK, metabase reference; iiscnfg.h, iadmw.h.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent::smtpsvc {

// Identifiers of properties.
enum class Property : std::uint32_t {
  kServerCommand = 1012,  // DWORD: 1 start, 2 stop; asks one virtual server
  kServerState =
      1016,  // DWORD: 1 starting 2 started 3 stopping 4 stopped 5 pausing 6 paused 7 continuing
  kServerComment = 1015,
  kServerBindings = 1023,  // MULTISZ "ADDRESS:PORT:HOST"
  kServerAutoStart = 1017,
  kAuthFlags = 6000,   // DWORD: 1 anonymous, 2 Basic, 4 NTLM
  kIpSecurity = 6019,  // BINARY: who may connect
  kQueueDirectory = 36875,
  kPickupDirectory = 36880,
  kDropDirectory = 36882,
  kDefaultDomain = 36898,
  kFullyQualifiedDomainName = 36899,
  kSmartHostType = 36905,  // DWORD: 0 none, 1 directly first, 2 always
  kSmartHost = 36906,      // A name, or an address in brackets
  kBadMailDirectory = 36909,
  // DWORD of a domain's key: 1 drop, 2 smart host, 16 alias, 32 deliver, 64 default, 4096 everybody
  // may relay to it (Metabase Property Reference, RouteAction; smtpinet.h).
  kRouteAction = 36946,
  kRelayIpList = 36970,  // BINARY: who may relay without a login
  kRelayForAuth = 36973,
};

// One property as it stands at one key. Two are equal where every field is: what is put back is
// exactly what was.
struct MetabaseValue {
  enum class Type : std::uint32_t {
    kDword = 1,
    kString = 2,
    kBinary = 3,
    kExpandString = 4,
    kMultiString = 5
  };
  Type type = Type::kDword;
  std::uint32_t attributes = 0;  // METADATA_INHERIT and the like, as stored
  std::uint32_t user_type = 0;
  std::string bytes;  // Raw: DWORD little-endian, texts UTF-16LE with their ends

  bool operator==(const MetabaseValue&) const = default;
};

// What an IIsIPSecurity object says. Of addresses "192.0.2.1, 255.255.255.255".
struct IpSecurity {
  bool grant_by_default =
      false;  // false: only who is granted; true: all but who is denied (B3: an open relay)
  std::vector<std::string> ip_grant;
  std::vector<std::string> ip_deny;
  std::vector<std::string> domain_grant;
  std::vector<std::string> domain_deny;
  bool operator==(const IpSecurity&) const = default;
};

// Calls block; thread-safe. `key` is "" for /LM/SMTPSVC itself, "1" for its first virtual server,
// "1/Domain/x" below.
class Metabase {
 public:
  virtual ~Metabase() = default;

  // Keys directly below `key`, sorted. kNotFound, kUnavailable/NO_METABASE (IIS 6 metabase
  // compatibility is not installed).
  virtual absl::StatusOr<std::vector<std::string>> Children(const std::string& key) = 0;

  // As it stands at this very key (nullopt: it is not there), or, `inherited`, as it is in effect
  // there.
  virtual absl::StatusOr<std::optional<MetabaseValue>> Read(const std::string& key,
                                                            Property property,
                                                            bool inherited) = 0;

  // Both are on the disk when they return (SaveData).
  virtual absl::Status Write(const std::string& key,
                             Property property,
                             const MetabaseValue& value) = 0;
  virtual absl::Status Delete(const std::string& key, Property property) = 0;

  // kRelayIpList or kIpSecurity as IIS itself understands it, in effect at the key. nullopt: null,
  // that is nobody for kRelayIpList and everybody for kIpSecurity. kDataLoss/BAD_IP_LIST: IIS
  // cannot read what is stored.
  virtual absl::StatusOr<std::optional<IpSecurity>> ReadIpSecurity(const std::string& key,
                                                                   Property property) = 0;
  // Lets IIS make the bytes: they are never put together here.
  virtual absl::Status WriteIpSecurity(const std::string& key,
                                       Property property,
                                       const IpSecurity& value) = 0;
};

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_H_
