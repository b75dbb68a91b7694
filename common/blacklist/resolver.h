// Many DNS questions at once, over c-ares: A and TXT, each answer with the server that gave it.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RESOLVER_H_
#define MAILQUENCH_COMMON_BLACKLIST_RESOLVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/blacklist/verdict.h"

namespace mailquench::blacklist {

struct ResolverOptions {
  // "192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53". Each has a channel of its own, since
  // c-ares cannot say which of its servers has answered. Empty: those of /etc/resolv.conf.
  std::vector<std::string> servers;
  absl::Duration timeout = absl::Milliseconds(1500);  // Of the first try; doubled at each next.
  int tries = 4;
  int window = 80;  // Questions in flight a server, at most: more lose answers (measured).
};

enum class RecordType { kA, kTxt };

struct Reply {
  Answer answer;
  std::vector<std::string> texts;  // Of kTxt: the strings of each record joined; at most 16, each
                                   // cut at 4096 bytes. Bytes as they came.
  std::uint32_t ttl = 0;           // Seconds; the smallest of the records.
  std::string server;              // Whose last word it is.
  absl::Duration time;             // From the first question to the answer.
};

// Belongs to one thread. The destructor ends what is asked; its callbacks get kTimeout.
class Resolver {
 public:
  // Error: kInvalidArgument/BAD_SERVER, kInternal.
  static absl::StatusOr<std::unique_ptr<Resolver>> Make(const ResolverOptions& options);
  virtual ~Resolver() = default;

  using Callback = std::function<void(const Reply&)>;
  // Asked in turn of the servers; one that fails (no answer, SERVFAIL, REFUSED) is followed by the
  // next. `done` is called once, from Run().
  virtual void Ask(const std::string& name, RecordType type, Callback done) = 0;

  // Until all is answered, or `until`; then the rest gets kTimeout. Callbacks may ask more; what
  // they ask at that end waits for the next Run().
  virtual void Run(absl::Time until = absl::InfiniteFuture()) = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_H_
