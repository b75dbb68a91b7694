#include "common/text/harmless.h"

#include <algorithm>
#include <cstdio>

namespace mailquench {
namespace {

constexpr char kNoCharacter[] = "\xef\xbf\xbd";  // U+FFFD.

struct Character {
  char32_t point = 0;
  std::size_t bytes = 1;  // Of what is no UTF-8: how much to step over.
  enum { kWhole, kCut, kBroken } is = kBroken;
};

unsigned Byte(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The first character of `text`, which is not empty. Overlong forms, surrogates and what lies
// beyond U+10FFFF are no UTF-8: some terminals decode them all the same.
Character First(std::string_view text) {
  const unsigned lead = Byte(text, 0);
  if (lead < 0x80) return {lead, 1, Character::kWhole};
  std::size_t wanted = 0;
  char32_t point = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    wanted = 2;
    point = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    wanted = 3;
    point = lead & 0x0f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    wanted = 4;
    point = lead & 0x07;
  } else {
    return {};
  }
  for (std::size_t at = 1; at < wanted; ++at) {
    if (at == text.size()) return {0, at, Character::kCut};
    const unsigned low = at > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = at > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    const unsigned byte = Byte(text, at);
    if (byte < low || byte > high) return {0, at, Character::kBroken};
    point = (point << 6) | (byte & 0x3f);
  }
  return {point, wanted, Character::kWhole};
}

bool Harmful(char32_t point) {
  return point < 0x20 || (point >= 0x7f && point <= 0x9f) || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

std::string Clean(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character one = First(text);
    if (one.is != Character::kWhole) {
      out += kNoCharacter;
    } else if (Harmful(one.point) && !(lines && one.point == '\n')) {
      out += ' ';
    } else {
      out += text.substr(0, one.bytes);
    }
    text.remove_prefix(one.bytes);
  }
  return out;
}

}  // namespace

std::string Harmless(std::string_view text) {
  return Clean(text, false);
}

std::string HarmlessLines(std::string_view text) {
  return Clean(text, true);
}

std::string EscapeHarmful(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character one = First(text);
    if (one.is != Character::kWhole) {
      out += "\\ufffd";
    } else if (Harmful(one.point) && one.point >= 0x20) {  // C0 is what the writer laid out.
      char escaped[12];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(one.point));
      out += escaped;
    } else {
      out += text.substr(0, one.bytes);
    }
    text.remove_prefix(one.bytes);
  }
  return out;
}

std::size_t CutAtEnd(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const std::string_view end = text.substr(text.size() - back);
    if ((Byte(end, 0) & 0xc0) == 0x80) continue;
    const Character last = First(end);
    return last.is == Character::kCut && last.bytes == back ? back : 0;
  }
  return 0;
}

}  // namespace mailquench
