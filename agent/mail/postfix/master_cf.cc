#include "agent/mail/postfix/master_cf.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::size_t kCommandField = 7;

struct Token {
  std::string text;
  std::size_t begin = 0;  // In the raw bytes.
  std::size_t end = 0;
};

// Splits at white space; what stands in braces is one token.
std::vector<Token> Tokens(const std::string& raw) {
  const FlatLine flat = Flatten(raw);
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < flat.text.size();) {
    if (absl::ascii_isspace(static_cast<unsigned char>(flat.text[i]))) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    int depth = 0;
    for (; i < flat.text.size(); ++i) {
      if (flat.text[i] == '{') ++depth;
      if (flat.text[i] == '}' && depth > 0) --depth;
      if (depth == 0 && absl::ascii_isspace(static_cast<unsigned char>(flat.text[i]))) break;
    }
    tokens.push_back(
        {flat.text.substr(begin, i - begin), flat.offsets[begin], flat.offsets[i - 1] + 1});
  }
  return tokens;
}

struct Override {
  std::string name;
  std::string value;
  std::size_t option_begin = 0;  // Of "-o".
  std::size_t begin = 0;         // Of "n=v".
  std::size_t end = 0;
  bool attached = false;  // "-on=v"
};

std::vector<Override> Overrides(const std::vector<Token>& tokens) {
  std::vector<Override> overrides;
  for (std::size_t i = kCommandField + 1; i < tokens.size(); ++i) {
    if (!absl::StartsWith(tokens[i].text, "-o")) continue;
    Override found;
    found.option_begin = tokens[i].begin;
    found.attached = tokens[i].text.size() > 2;
    std::string text;
    if (found.attached) {
      text = tokens[i].text.substr(2);
      found.begin = tokens[i].begin + 2;
    } else {
      if (++i == tokens.size()) break;
      text = tokens[i].text;
      found.begin = tokens[i].begin;
    }
    found.end = tokens[i].end;
    if (text.size() >= 2 && text.front() == '{' && text.back() == '}')
      text = text.substr(1, text.size() - 2);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    found.name = std::string(absl::StripAsciiWhitespace(text.substr(0, equals)));
    found.value = std::string(absl::StripAsciiWhitespace(text.substr(equals + 1)));
    overrides.push_back(std::move(found));
  }
  return overrides;
}

std::string KeyOf(const FlatLine& line) {
  const std::vector<Token> tokens = Tokens(line.text + "\n");
  if (tokens.size() <= kCommandField) return "";
  return absl::StrCat(tokens[0].text, "/", tokens[1].text);
}

std::string Written(const std::string& name, const std::string& value) {
  for (const char c : value) {
    if (absl::ascii_isspace(static_cast<unsigned char>(c)))
      return absl::StrCat("{ ", name, " = ", value, " }");
  }
  return absl::StrCat(name, "=", value);
}
}  // namespace

MasterCf::MasterCf(const std::string& text) : file_(text, KeyOf) {}

std::optional<MasterCf::Service> MasterCf::Find(const std::string& key) const {
  const std::optional<std::string> raw = Get(key);
  if (!raw.has_value()) return std::nullopt;
  const std::vector<Token> tokens = Tokens(*raw);
  Service service{key, tokens[0].text, tokens[1].text, tokens[kCommandField].text, {}};
  for (const Override& found : Overrides(tokens)) service.overrides[found.name] = found.value;
  return service;
}

std::vector<MasterCf::Service> MasterCf::Services() const {
  std::vector<Service> services;
  for (const std::string& key : file_.Keys()) services.push_back(*Find(key));
  return services;
}

void MasterCf::SetRaw(const std::string& key, const std::optional<std::string>& raw) {
  if (raw.has_value()) {
    file_.SetRaw(key, *raw);
  } else {
    file_.Remove(key);
  }
}

void MasterCf::SetOverride(const std::string& key,
                           const std::string& name,
                           const std::string& value) {
  std::optional<std::string> raw = Get(key);
  if (!raw.has_value()) return;
  const std::vector<Override> overrides = Overrides(Tokens(*raw));
  for (auto it = overrides.rbegin(); it != overrides.rend(); ++it) {
    if (it->name != name) continue;
    // An attached one is written apart: "-o{...}" is not known to every version.
    const std::string written = absl::StrCat(it->attached ? " " : "", Written(name, value));
    raw->replace(it->begin, it->end - it->begin, written);
    file_.SetRaw(key, *raw);
    return;
  }
  raw->append(absl::StrCat("  -o ", Written(name, value), file_.line_end()));
  file_.SetRaw(key, *raw);
}

void MasterCf::RemoveOverride(const std::string& key, const std::string& name) {
  std::optional<std::string> raw = Get(key);
  if (!raw.has_value()) return;
  const std::vector<Override> overrides = Overrides(Tokens(*raw));
  for (auto it = overrides.rbegin(); it != overrides.rend(); ++it) {
    if (it->name != name) continue;
    std::size_t begin = it->option_begin;
    const std::size_t line = raw->rfind('\n', begin);
    const std::size_t next = raw->find_first_not_of(" \t\r", it->end);
    const bool alone = line != std::string::npos && next != std::string::npos &&
                       (*raw)[next] == '\n' && raw->find_first_not_of(" \t", line + 1) == begin;
    if (alone) {
      raw->erase(line + 1, next - line);
      continue;
    }
    while (begin > 0 && ((*raw)[begin - 1] == ' ' || (*raw)[begin - 1] == '\t')) --begin;
    if (begin == 0 || (*raw)[begin - 1] == '\n') begin = it->option_begin;  // Keep the indent.
    raw->erase(begin, it->end - begin);
  }
  file_.SetRaw(key, *raw);
}

}  // namespace mailquench::agent::postfix
