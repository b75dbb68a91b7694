#include "controller/dns/tsig_key.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"
#include "controller/dns/message.h"

namespace mailquench::controller::dns {
namespace {

constexpr std::size_t kMaxFile = 65536;
constexpr std::size_t kLeastSecret = 16;  // Bytes: 128 bits.

void Wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
}

// A string whose bytes do not stay in memory that was given back.
struct Secret {
  Secret() = default;
  ~Secret() { Wipe(text); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::string text;
};

struct Closer {
  const int fd;
  ~Closer() { ::close(fd); }
};

// BIND's configuration in tokens: '{', '}', ';', words and texts in quotes. Comments are skipped.
class Reader {
 public:
  enum class Kind { kWord, kText, kSign, kEnd, kBad };
  struct Token {
    Kind kind = Kind::kEnd;
    absl::string_view text;
    int line = 0;
  };

  explicit Reader(absl::string_view rest) : rest_(rest) {}

  Token Next() {
    if (!SkipBlanks()) return {Kind::kBad, {}, line_};
    if (rest_.empty()) return {Kind::kEnd, {}, line_};
    if (rest_[0] == '"') {
      const std::size_t end = rest_.find_first_of("\"\n\\", 1);
      if (end == absl::string_view::npos || rest_[end] != '"') return {Kind::kBad, {}, line_};
      const Token token{Kind::kText, rest_.substr(1, end - 1), line_};
      rest_.remove_prefix(end + 1);
      return token;
    }
    const bool sign = absl::StrContains("{};", rest_[0]);
    const std::size_t end = sign ? 1 : std::min(rest_.find_first_of(" \t\r\n{};\""), rest_.size());
    const Token token{sign ? Kind::kSign : Kind::kWord, rest_.substr(0, end), line_};
    rest_.remove_prefix(end);
    return token;
  }

 private:
  // False where a comment has no end.
  bool SkipBlanks() {
    while (!rest_.empty()) {
      std::size_t skip = 0;
      if (absl::ascii_isspace(static_cast<unsigned char>(rest_[0]))) {
        skip = 1;
      } else if (rest_[0] == '#' || absl::StartsWith(rest_, "//")) {
        skip = std::min(rest_.find('\n'), rest_.size());
      } else if (absl::StartsWith(rest_, "/*")) {
        const std::size_t end = rest_.find("*/", 2);
        if (end == absl::string_view::npos) return false;
        skip = end + 2;
      } else {
        break;
      }
      for (const char c : rest_.substr(0, skip)) line_ += c == '\n' ? 1 : 0;
      rest_.remove_prefix(skip);
    }
    return true;
  }

  absl::string_view rest_;
  int line_ = 1;
};

absl::Status Bad(const std::string& where, int line, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_KEY_FILE",
               absl::StrFormat("%s, line %d: %s. No key was taken from it; it must hold what "
                               "tsig-keygen writes and nothing else",
                               where, line, what));
}

absl::StatusOr<TsigAlgorithm> Algorithm(const std::string& where, const Reader::Token& token) {
  const std::string name = absl::AsciiStrToLower(absl::StripSuffix(token.text, "."));
  for (const TsigAlgorithm one :
       {TsigAlgorithm::kSha256, TsigAlgorithm::kSha384, TsigAlgorithm::kSha512}) {
    if (name == TsigAlgorithmName(one)) return one;
  }
  for (const char* weak : {"hmac-md5", "hmac-md5.sig-alg.reg.int", "hmac-sha1", "hmac-sha224"}) {
    if (name != weak) continue;
    return Error(
        absl::StatusCode::kInvalidArgument, "KEY_TOO_WEAK",
        absl::StrFormat("%s, line %d: %s is too weak to sign updates with. The key was not taken; "
                        "make one with 'tsig-keygen -a hmac-sha256' and give it to the server too",
                        where, token.line, weak));
  }
  return Error(absl::StatusCode::kInvalidArgument, "KEY_ALGORITHM_UNKNOWN",
               absl::StrFormat("%s, line %d: the algorithm is none of hmac-sha256, hmac-sha384 and "
                               "hmac-sha512 (truncated ones are not taken either). The key was not "
                               "taken; make one with 'tsig-keygen -a hmac-sha256'",
                               where, token.line));
}

}  // namespace

const char* TsigAlgorithmName(TsigAlgorithm algorithm) {
  switch (algorithm) {
    case TsigAlgorithm::kSha256:
      return "hmac-sha256";
    case TsigAlgorithm::kSha384:
      return "hmac-sha384";
    case TsigAlgorithm::kSha512:
      return "hmac-sha512";
  }
  return "";
}

absl::StatusOr<TsigKey> TsigKey::Parse(const std::string& text, const std::string& where) {
  using Kind = Reader::Kind;
  Reader reader(text);
  Reader::Token token;
  const auto next_is = [&](Kind kind, absl::string_view wanted) {
    token = reader.Next();
    return token.kind == kind && token.text == wanted;
  };
  const auto next_is_value = [&] {
    token = reader.Next();
    return token.kind == Kind::kWord || token.kind == Kind::kText;
  };
  if (!next_is(Kind::kWord, "key")) return Bad(where, token.line, "'key' is expected");
  if (!next_is_value()) return Bad(where, token.line, "the key's name is expected");
  TsigKey key;
  const auto name = ParseName(std::string(token.text));
  if (!name.ok() || token.text == ".")
    return Bad(where, token.line, "the key's name is no domain name");
  key.name_ = NameText(name->get());
  key.wire_name_ = WireName(name->get());
  if (!next_is(Kind::kSign, "{"))
    return Bad(where, token.line, "'{' is expected after the key's name");

  std::optional<TsigAlgorithm> algorithm;
  auto secret = std::make_shared<Secret>();
  while (!next_is(Kind::kSign, "}")) {
    if (token.kind == Kind::kWord && token.text == "algorithm" && !algorithm.has_value()) {
      if (!next_is_value()) return Bad(where, token.line, "the algorithm's name is expected");
      MQ_ASSIGN_OR_RETURN(algorithm, Algorithm(where, token));
    } else if (token.kind == Kind::kWord && token.text == "secret" && secret->text.empty()) {
      if (!next_is_value()) return Bad(where, token.line, "the secret in quotes is expected");
      if (!absl::Base64Unescape(token.text, &secret->text) || secret->text.empty())
        return Bad(where, token.line, "the secret is not in base64");
      if (secret->text.size() < kLeastSecret) {
        return Error(
            absl::StatusCode::kInvalidArgument, "KEY_TOO_WEAK",
            absl::StrFormat("%s, line %d: the secret has fewer than 128 bits. The key was not "
                            "taken; make one with 'tsig-keygen' and give it to the server too",
                            where, token.line));
      }
    } else {
      return Bad(where, token.line, "'algorithm', 'secret' (each once) or '}' is expected");
    }
    if (!next_is(Kind::kSign, ";")) return Bad(where, token.line, "';' is expected");
  }
  if (!algorithm.has_value()) return Bad(where, token.line, "the key has no algorithm");
  if (secret->text.empty()) return Bad(where, token.line, "the key has no secret");
  if (!next_is(Kind::kSign, ";")) return Bad(where, token.line, "';' is expected after '}'");
  token = reader.Next();
  if (token.kind != Kind::kEnd)
    return Bad(where, token.line, "something stands after the key; one file holds one key");
  key.algorithm_ = *algorithm;
  key.secret_ = std::shared_ptr<const std::string>(secret, &secret->text);
  return key;
}

absl::StatusOr<TsigKey> TsigKey::Load(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place must not hold us.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(errno, absl::StrCat("open the TSIG key ", path));
  const Closer closer{fd};
  struct stat seen {};
  if (::fstat(fd, &seen) != 0) return SystemError(errno, absl::StrCat("fstat ", path));
  if (!S_ISREG(seen.st_mode) || seen.st_size > static_cast<off_t>(kMaxFile)) {
    return Error(absl::StatusCode::kFailedPrecondition, "KEY_NO_FILE",
                 absl::StrCat(path,
                              " is no file of a TSIG key (a folder, a pipe or too large). No "
                              "key was read; name the file that tsig-keygen wrote"));
  }
  if ((seen.st_mode & 077) != 0) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "KEY_EXPOSED",
        absl::StrFormat("%s may be read or written by others than its owner (mode %04o). The key "
                        "was not used; 'chmod 600' it, and make a new key where others had access",
                        path, seen.st_mode & 07777));
  }
  Secret text;
  text.text.reserve(kMaxFile + 1);  // Growing would leave copies behind.
  while (text.text.size() <= kMaxFile) {
    const std::size_t had = text.text.size();
    text.text.resize(kMaxFile + 1);
    const ssize_t n = ::read(fd, text.text.data() + had, kMaxFile + 1 - had);
    text.text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("read ", path));
    if (n == 0) break;
  }
  return Parse(text.text, path);
}

}  // namespace mailquench::controller::dns
