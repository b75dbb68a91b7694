// Counts the replies of remote servers by who stands behind them.
#ifndef MAILQUENCH_AGENT_MAIL_BLOCKERS_COUNT_H_
#define MAILQUENCH_AGENT_MAIL_BLOCKERS_COUNT_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// Whoever answers us may write anything: all that is kept has a bound. Not thread-safe.
class BlockersCount {
 public:
  void Add(const DeliveryReply& reply);
  // Fills blockers, replies, other and other_samples.
  void Fill(v1::MailBlockersResult* result) const;

 private:
  struct Sample {
    absl::Time time;
    std::string text;
  };
  struct One {
    v1::BlockerKind kind = v1::BLOCKER_KIND_UNSPECIFIED;
    std::string way_out;
    std::string note;
    std::set<std::string> addresses;
    std::int64_t deferred = 0;
    std::int64_t rejected = 0;
    absl::Time first = absl::InfiniteFuture();
    absl::Time last = absl::InfinitePast();
    std::map<std::string, std::int64_t> receivers;
    std::vector<Sample> samples;
  };
  static void Keep(absl::Time time, absl::string_view text, std::vector<Sample>* samples);
  One* Find(const std::string& text, const DeliveryReply& reply);

  std::map<std::string, One> known_;  // By name.
  std::int64_t lists_ = 0;            // Of known_: those that no rule knows.
  std::int64_t replies_ = 0;
  std::int64_t other_ = 0;
  std::vector<Sample> other_samples_;
};

// Whether a list or a policy speaks, and no unknown user or full mailbox. `text` is in lower case.
bool LooksLikeABlock(absl::string_view text);

// "example.org" of "mx1.mail.example.org"; by a rule of thumb where a country has second levels.
std::string ReceiverOf(absl::string_view server, absl::string_view address);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_BLOCKERS_COUNT_H_
