#include "common/identity/token_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

bool IsHex(const std::string& text, std::size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string TokenText(const TokenParts& parts) {
  return absl::StrCat("mqt.", parts.id, ".", parts.secret, ".", parts.ca_sha256);
}

absl::StatusOr<TokenParts> ParseToken(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4 || parts[0] != "mqt" || !IsHex(parts[1], 16) || !IsHex(parts[2], 64) ||
      !IsHex(parts[3], 64)) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_TOKEN",
                 "This is not a whole join token (mqt.ID.SECRET.FINGERPRINT); nothing was sent. "
                 "Copy it again from `mailquench token create`");
  }
  return TokenParts{parts[1], parts[2], parts[3]};
}

}  // namespace mailquench::identity
