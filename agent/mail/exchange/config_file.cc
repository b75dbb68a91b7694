#include "agent/mail/exchange/config_file.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr std::size_t kLongest = std::size_t{8} * 1024 * 1024;
constexpr std::size_t kDeepest = 64;

using Attributes = std::map<std::string, std::string>;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// All that Unicode has and that is no ASCII may be part of a name; Exchange's own are ASCII.
bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':' || c == '-' ||
         c == '.' || static_cast<unsigned char>(c) >= 128;
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto add = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

bool AppendEntity(absl::string_view name, std::string& out) {
  static constexpr std::pair<const char*, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, c] : kNamed) {
    if (name != known) continue;
    out.push_back(c);
    return true;
  }
  std::uint32_t code = 0;
  if (!absl::ConsumePrefix(&name, "#") || name.empty() || name.size() > 9) return false;
  const bool hex = absl::ConsumePrefix(&name, "x");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (!(hex ? absl::ascii_isxdigit(byte) : absl::ascii_isdigit(byte))) return false;
  }
  if (!(hex ? absl::SimpleHexAtoi(name, &code) : absl::SimpleAtoi(name, &code))) return false;
  if (code < 0x20 && code != 9 && code != 10 && code != 13) return false;
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  AppendUtf8(code, out);
  return true;
}

class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  absl::StatusOr<std::map<std::string, std::string>> Read() {
    absl::ConsumePrefix(&text_, "\xEF\xBB\xBF");
    if (text_.size() > kLongest) return Bad("it is longer than 8 MiB");
    if (text_.find('\0') != text_.npos) return Bad("it is not UTF-8");
    while (at_ < text_.size()) MQ_RETURN_IF_ERROR(Next());
    if (!open_.empty()) return Bad(absl::StrCat("<", open_.back(), "> is not closed"));
    if (!root_seen_) return Bad("it has no element");
    return settings_;
  }

 private:
  absl::Status Bad(const std::string& why) const {
    return Error(absl::StatusCode::kDataLoss, "BAD_CONFIG",
                 absl::StrCat("line ", 1 + std::count(text_.begin(), text_.begin() + At(), '\n'),
                              ": ", why));
  }
  std::ptrdiff_t At() const { return static_cast<std::ptrdiff_t>(std::min(at_, text_.size())); }
  bool StartsWith(absl::string_view what) const {
    return absl::StartsWith(text_.substr(at_), what);
  }
  absl::Status SkipPast(absl::string_view end) {
    const std::size_t found = text_.find(end, at_);
    if (found == text_.npos) return Bad(absl::StrCat("'", end, "' is missing"));
    at_ = found + end.size();
    return absl::OkStatus();
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  std::string Name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  absl::Status Next() {
    if (text_[at_] != '<') {
      const std::size_t end = std::min(text_.find('<', at_), text_.size());
      for (const char c : text_.substr(at_, end - at_)) {
        if (open_.empty() && !IsSpace(c)) return Bad("text outside of the document");
      }
      at_ = end;
      return absl::OkStatus();
    }
    if (StartsWith("<?")) return SkipPast("?>");
    if (StartsWith("<!--")) {
      at_ += 4;
      return SkipPast("-->");
    }
    if (StartsWith("<![CDATA[") && !open_.empty()) return SkipPast("]]>");
    if (StartsWith("<!")) return Bad("a DOCTYPE");
    return StartsWith("</") ? Close() : Open();
  }

  absl::Status Close() {
    at_ += 2;
    const std::string name = Name();
    SkipSpace();
    if (open_.empty() || open_.back() != name || at_ >= text_.size() || text_[at_] != '>')
      return Bad(absl::StrCat("</", name, "> closes nothing"));
    ++at_;
    open_.pop_back();
    return absl::OkStatus();
  }

  absl::Status Open() {
    ++at_;
    const std::string name = Name();
    if (name.empty()) return Bad("'<' without a name");
    if (open_.empty() && root_seen_) return Bad("a second document");
    if (open_.size() >= kDeepest) return Bad("elements nest too deep");
    root_seen_ = true;
    Attributes attributes;
    for (;;) {
      const std::size_t before = at_;
      SkipSpace();
      if (at_ >= text_.size()) return Bad(absl::StrCat("<", name, "> does not end"));
      if (text_[at_] == '>' || StartsWith("/>")) break;
      if (at_ == before) return Bad("no space before an attribute");
      MQ_RETURN_IF_ERROR(Attribute(attributes));
    }
    MQ_RETURN_IF_ERROR(Take(name, attributes));
    const bool closed = text_[at_] == '/';
    at_ += closed ? 2 : 1;
    if (!closed) open_.push_back(name);
    return absl::OkStatus();
  }

  absl::Status Attribute(Attributes& attributes) {
    const std::string name = Name();
    SkipSpace();
    if (name.empty() || at_ >= text_.size() || text_[at_] != '=') return Bad("a broken attribute");
    ++at_;
    SkipSpace();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\''))
      return Bad(absl::StrCat("attribute ", name, " has no quotes"));
    const char quote = text_[at_++];
    std::string value;
    for (;; ++at_) {
      if (at_ >= text_.size()) return Bad(absl::StrCat("attribute ", name, " does not end"));
      const char c = text_[at_];
      if (c == quote) break;
      if (c == '<') return Bad(absl::StrCat("'<' in attribute ", name));
      if (c != '&') {
        value.push_back(IsSpace(c) ? ' ' : c);  // As XML 1.0, 3.3.3 wants it.
        continue;
      }
      const std::size_t end = text_.find(';', at_);
      if (end == text_.npos || !AppendEntity(text_.substr(at_ + 1, end - at_ - 1), value))
        return Bad(absl::StrCat("an unknown entity in attribute ", name));
      at_ = end;
    }
    ++at_;
    if (!attributes.emplace(name, value).second)
      return Bad(absl::StrCat("attribute ", name, " is there twice"));
    return absl::OkStatus();
  }

  absl::Status Take(const std::string& name, const Attributes& attributes) {
    if (open_.size() == 1 && open_[0] == "configuration" && name == "appSettings" &&
        (attributes.count("file") != 0 || attributes.count("configSource") != 0))
      return Bad("its settings are in another file, which is not followed");
    if (open_.size() != 2 || open_[0] != "configuration" || open_[1] != "appSettings")
      return absl::OkStatus();
    if (name == "clear") settings_.clear();
    const auto key = attributes.find("key");
    if (key == attributes.end())
      return name == "add" ? Bad("<add> without a key") : absl::OkStatus();
    const std::string lower = absl::AsciiStrToLower(key->second);
    if (name == "remove") settings_.erase(lower);
    if (name == "add") {
      const auto value = attributes.find("value");
      settings_[lower] = value == attributes.end() ? "" : value->second;
    }
    return absl::OkStatus();
  }

  absl::string_view text_;
  std::size_t at_ = 0;
  bool root_seen_ = false;
  std::vector<std::string> open_;
  std::map<std::string, std::string> settings_;
};
}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseAppSettings(absl::string_view text) {
  return Reader(text).Read();
}

}  // namespace mailquench::agent::exchange
