// Public resolvers that everybody knows. Most lists do not answer them, or answer with nonsense:
// too many ask through them for an operator to tell who does.
#ifndef MAILQUENCH_COMMON_BLACKLIST_PUBLIC_RESOLVERS_H_
#define MAILQUENCH_COMMON_BLACKLIST_PUBLIC_RESOLVERS_H_

#include <string>

namespace mailquench::blacklist {

// `server` as ResolverOptions takes it, with or without a port; an IPv4 address also as
// ::ffff:a.b.c.d. False for what is no address. Thread-safe.
bool IsPublicResolver(const std::string& server);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_PUBLIC_RESOLVERS_H_
