// The virtual servers of the SMTP service: an instance of the mail system each, called by its
// number.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_VIRTUAL_SERVERS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_VIRTUAL_SERVERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

enum class VirtualServerState : std::uint32_t {
  kUnknown = 0,  // The metabase does not say.
  kStarting = 1,
  kStarted = 2,
  kStopping = 3,
  kStopped = 4,
  kPausing = 5,
  kPaused = 6,
  kContinuing = 7
};

struct VirtualServer {
  std::string name;  // "1": its key.
  std::string comment;
  // Expanded; "" where the metabase has none. DirectoryOf() says whether one can be used.
  std::string queue, badmail, pickup, drop;
  std::vector<std::string> bindings;  // "192.0.2.1:25:"; ":25:" is every address.
  std::string host_name;              // FullyQualifiedDomainName
  std::string default_domain;
  VirtualServerState state = VirtualServerState::kUnknown;
};

// Of these names; all where there is none. Errors: kNotFound/UNKNOWN_INSTANCE,
// kFailedPrecondition/NO_VIRTUAL_SERVER, those of the metabase.
absl::StatusOr<std::vector<VirtualServer>> FindVirtualServers(Metabase& metabase,
                                                              const InstanceNames& names);

absl::StatusOr<VirtualServerState> StateOf(Metabase& metabase, const std::string& name);

// `setting`: "QueueDirectory" and so on, for the sentence. Errors:
// kFailedPrecondition/BAD_DIRECTORY: missing, relative, or the root of a volume.
absl::StatusOr<std::string> DirectoryOf(const VirtualServer& server,
                                        const std::string& directory,
                                        const char* setting);

// What the domains below a server's key "Domain" are to it.
struct DomainKey {
  std::string name;  // "*.example.net" is one too.
  // By RouteAction; an unknown one has none, and may be either.
  enum class Kind { kUnknown, kLocal, kRemote } kind = Kind::kUnknown;
  bool relays = false;  // Everybody may relay to it, whatever the relay list says.
};
absl::StatusOr<std::vector<DomainKey>> DomainKeysOf(Metabase& metabase,
                                                    const VirtualServer& server);

// Domains that the server takes mail for: its own and those below its key "Domain", but for remote
// ones.
absl::StatusOr<std::vector<std::string>> DomainsOf(Metabase& metabase, const VirtualServer& server);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_VIRTUAL_SERVERS_H_
