// Who blocks mail, and how to tell by the reply: data.
#ifndef MAILQUENCH_AGENT_MAIL_BLOCKERS_TABLE_H_
#define MAILQUENCH_AGENT_MAIL_BLOCKERS_TABLE_H_

#include <array>
#include <vector>

#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// All that is set must hold. Lower case; in the reply they stand as whole words.
struct BlockerMark {
  const char* text = nullptr;
  const char* also = nullptr;
  const char* server = nullptr;  // The server's name ends in this domain.
};

struct BlockerRule {
  const char* name;
  v1::BlockerKind kind;
  const char* way_out;
  const char* note;
  std::array<BlockerMark, 10> marks;  // One is enough; those behind have no text.
};

// In the order in which they are tried: a list that a reply names before the receiver that uses it.
const std::vector<BlockerRule>& BlockerRules();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_BLOCKERS_TABLE_H_
