#include "tests/simulation/common/smtp_words.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mailquench::simulation {
namespace {

std::string Decoded(const std::string& base64) {
  std::string out;
  return absl::Base64Unescape(base64, &out) ? out : "";
}

// The argument of the line from `at`, or what the peer answers to `question`.
std::optional<std::string> Given(LineSocket& peer,
                                 const std::string& line,
                                 std::size_t at,
                                 const std::string& question) {
  if (line.size() > at) return Decoded(line.substr(at));
  if (!peer.Write(question + "\r\n")) return std::nullopt;
  const std::optional<std::string> answer = peer.ReadLine();
  if (!answer.has_value()) return std::nullopt;
  return Decoded(*answer);
}

}  // namespace

std::string VerbOf(const std::string& line) {
  return absl::AsciiStrToUpper(line.substr(0, line.find_first_of(" :")));
}

std::optional<std::string> PathIn(const std::string& line) {
  const std::size_t begin = line.find('<');
  const std::size_t end = line.find('>', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return std::nullopt;
  return line.substr(begin + 1, end - begin - 1);
}

std::optional<std::string> ReadData(LineSocket& peer) {
  std::string content;
  while (true) {
    const std::optional<std::string> line = peer.ReadLine();
    if (!line.has_value()) return std::nullopt;
    if (*line == ".") return content;
    absl::StrAppend(&content, !line->empty() && (*line)[0] == '.' ? line->substr(1) : *line,
                    "\r\n");
  }
}

std::optional<std::pair<std::string, std::string>> ReadCredentials(LineSocket& peer,
                                                                   const std::string& line) {
  if (absl::StartsWithIgnoreCase(line, "AUTH PLAIN")) {
    const std::optional<std::string> plain = Given(peer, line, 11, "334 ");
    if (!plain.has_value()) return std::nullopt;
    const std::size_t first = plain->find('\0');
    const std::size_t second = first == std::string::npos ? first : plain->find('\0', first + 1);
    if (second == std::string::npos) return std::pair<std::string, std::string>();
    return std::make_pair(plain->substr(first + 1, second - first - 1), plain->substr(second + 1));
  }
  const std::optional<std::string> name = Given(peer, line, 11, "334 VXNlcm5hbWU6");
  if (!name.has_value()) return std::nullopt;
  const std::optional<std::string> password = Given(peer, "", 0, "334 UGFzc3dvcmQ6");
  if (!password.has_value()) return std::nullopt;
  return std::make_pair(*name, *password);
}

}  // namespace mailquench::simulation
