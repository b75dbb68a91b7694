// Many DNS questions at once, over UDP of our own and TCP where an answer does not fit; each answer
// with the server that gave it.
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
  // "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:53". Empty: the first three
  // of `resolv_conf`, or of the system where that is empty; 127.0.0.1 where it names none.
  std::vector<std::string> servers;
  std::string resolv_conf;
  // What a first try waits for until the server's round trips are known, and the longest that any
  // try ever waits for.
  absl::Duration timeout = absl::Milliseconds(1500);
  int tries = 4;  // At one server, while there is another to ask.
  // What the last server has: at the first try that ends after this, the question is given up. At
  // the longest timeout these are 13 tries: of 30,000 questions none is lost, P > 0.9999, where one
  // packet of ten is, in each direction.
  absl::Duration patience = absl::Seconds(20);
  int window = 256;  // Questions on their first try at one server, at most. At least 16.
  // The letters' case in a question is random, and an answer that does not repeat it is forged. For
  // a server that does not keep it: false.
  bool random_case = true;
};

enum class RecordType { kA, kAaaa, kTxt, kPtr, kNs, kSoa };

struct Reply {
  Answer answer;
  bool not_asked = false;          // No server was the right one to ask; the rcode is kRefused.
  std::vector<std::string> texts;  // Of kTxt: the strings of each record joined; at most 16, each
                                   // cut at 4096 bytes. Bytes as they came.
  // kPtr, kNs: the targets; kSoa: the primary. Lower case, no final dot, at most 16.
  std::vector<std::string> names;
  std::vector<std::string> addresses6;  // Of kAaaa: as text; at most 64.
  std::uint32_t serial = 0;             // Of kSoa.
  std::uint32_t ttl = 0;                // Seconds; the smallest of the records.
  std::string server;                   // Whose last word it is, as the options name it.
  absl::Duration time;                  // From the first question to the answer.
};

// Sums over all servers since Make().
struct ResolverStats {
  std::int64_t sent = 0;      // Questions to a server, each once.
  std::int64_t resent = 0;    // Further tries.
  std::int64_t answered = 0;  // Whatever the rcode.
  std::int64_t given_up = 0;  // Not answered by a server in its time; another may have answered.
  std::int64_t forged = 0;    // Packets that answer nothing that was asked; dropped.
  std::int64_t late = 0;      // Answers to what had been answered or given up; dropped.
  std::int64_t over_tcp = 0;  // Asked again over TCP.
};

struct AskOptions {
  // Not of well-known public resolvers, which lists refuse. With no other server the reply is
  // `not_asked`.
  bool own_servers_only = false;
};

// Belongs to one thread. The destructor ends what is asked; its callbacks get kTimeout, and what
// they ask then is dropped.
class Resolver {
 public:
  // Error: kInvalidArgument/BAD_SERVER, kInternal/NO_RANDOM, that of a system call.
  static absl::StatusOr<std::unique_ptr<Resolver>> Make(const ResolverOptions& options);
  virtual ~Resolver() = default;

  using Callback = std::function<void(const Reply&)>;
  // Asked in turn of the servers; one that fails (no answer, SERVFAIL, REFUSED) is followed by the
  // next. `done` is called once, from Run(). `name` may have escapes as in a zone file; one that is
  // no DNS name gets kFormErr.
  virtual void Ask(const std::string& name,
                   RecordType type,
                   Callback done,
                   const AskOptions& options = {}) = 0;

  // Called for more while there is room. It calls Ask() any number of times, best once, and says
  // when it wants to be called again: absl::InfinitePast() at once; a time: not before;
  // absl::InfiniteFuture(): there is no more.
  using Source = std::function<absl::Time()>;

  // Until all is answered and `source` has no more, or `until`; then the rest gets kTimeout.
  // Callbacks may ask more; what they ask at that end waits for the next Run(). Where no server has
  // said anything for the whole patience, what waits for them gets kTimeout at once, but for one
  // question at a time; the next Run() tries them anew.
  virtual void Run(absl::Time until = absl::InfiniteFuture(), const Source& source = nullptr) = 0;

  virtual ResolverStats stats() const = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_H_
