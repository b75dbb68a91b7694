// The text of a join token, as the agent reads it: mqt.<id>.<secret>.<SHA-256 of the CA's SPKI>.
#ifndef MAILQUENCH_COMMON_IDENTITY_TOKEN_TEXT_H_
#define MAILQUENCH_COMMON_IDENTITY_TOKEN_TEXT_H_

#include <string>

#include "absl/status/statusor.h"

namespace mailquench::identity {

struct TokenParts {
  std::string id;         // 16 hex digits.
  std::string secret;     // 64 hex digits.
  std::string ca_sha256;  // 64 hex digits.
};

std::string TokenText(const TokenParts& parts);
// Error: INVALID_ARGUMENT / BAD_TOKEN. Its sentence never repeats the text.
absl::StatusOr<TokenParts> ParseToken(const std::string& text);

}  // namespace mailquench::identity

#endif  // MAILQUENCH_COMMON_IDENTITY_TOKEN_TEXT_H_
