// A question on its way through the servers.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RESOLVER_QUESTION_H_
#define MAILQUENCH_COMMON_BLACKLIST_RESOLVER_QUESTION_H_

#include <cstdint>
#include <string>

#include "common/blacklist/resolver.h"

namespace mailquench::blacklist {

struct Question {
  std::string name;
  RecordType type = RecordType::kA;
  bool own_servers_only = false;
  Resolver::Callback done;
  std::int64_t begun = 0;  // MonotonicNanos() of its first packet; 0: not sent yet.
  std::size_t first = 0;   // Index of the server that was asked first.
  std::size_t step = 0;    // How many servers further it is.
  bool last = true;        // No server comes after this one.
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_QUESTION_H_
