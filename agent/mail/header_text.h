// Text of a mail header as a person reads it.
#ifndef MAILQUENCH_AGENT_MAIL_HEADER_TEXT_H_
#define MAILQUENCH_AGENT_MAIL_HEADER_TEXT_H_

#include <string>

namespace mailquench::agent {

// Decodes RFC 2047 encoded words (B and Q) in UTF-8, US-ASCII and Latin-1 into UTF-8; others and
// broken ones stay as they stand. `unfolded` is one header's value without line ends. Never fails;
// output is at most twice the input.
std::string DecodeHeader(const std::string& unfolded);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_HEADER_TEXT_H_
