// Who may do what on a receive connector: its access control entries for extended rights.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ACE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ACE_H_

#include <set>
#include <string>

namespace mailquench::agent::exchange {

inline constexpr char kAnyRecipient[] = "ms-Exch-SMTP-Accept-Any-Recipient";  // That is: to relay.
inline constexpr char kAllRights[] = "GenericAll";  // With it all extended rights.

// One right of one entry that is not inherited. Letters' case makes no difference.
struct Ace {
  std::string user;  // As Windows shows it, in the server's language.
  std::string right;
  bool deny = false;
};
struct AceOrder {
  bool operator()(const Ace& a, const Ace& b) const;
};
inline bool operator==(const Ace& a, const Ace& b) {
  return !AceOrder()(a, b) && !AceOrder()(b, a);
}
using Aces = std::set<Ace, AceOrder>;

// A line each, "allow USER/RIGHT". What is no such line is left out of the way back.
std::string ToText(const Aces& aces);
Aces AcesFrom(const std::string& text);

// Servers of this organisation, of a partner, and those that a connector declares trusted: what
// internal flow needs (S-1-9-1419165041... are the same, unresolved).
bool IsServers(const std::string& user);
// Those who administer the directory or Exchange: they have all rights on all of it by default.
bool IsAdministrators(const std::string& user);
// Nobody in particular: ANONYMOUS LOGON, Everyone; also where Windows' language makes it impossible
// to tell, so that all but authenticated users counts that is not an account of a domain.
bool IsAnonymous(const std::string& user);
// To whom the group ExchangeUsers grants. One in a language that is not known here is not told.
bool IsAuthenticatedUsers(const std::string& user);
// What the group ExchangeUsers grants, as documented (receive-connectors.md).
bool IsOfExchangeUsers(const Ace& ace);
// Whether `now` is what is wanted. `users_come`: the group ExchangeUsers is set with it, and what
// Exchange grants to that group's principals beyond `wanted` is Exchange's business.
bool AreAces(const Aces& now, const Aces& wanted, bool users_come);
bool IsExtra(const Ace& ace, const Aces& wanted, bool users_come);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ACE_H_
