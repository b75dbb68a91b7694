#include "agent/mail/smtpsvc/utf16.h"

#include <cstdint>

namespace mailquench::agent::smtpsvc {
namespace {
void AppendUtf8(std::uint32_t point, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

std::uint32_t ByteAt(const std::string& text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// One code point from `at` on, which is moved; nullopt for what UTF-8 forbids.
std::optional<std::uint32_t> NextPoint(const std::string& text, std::size_t& at) {
  const std::uint32_t first = ByteAt(text, at++);
  if (first < 0x80) return first;
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4) return std::nullopt;
  std::uint32_t point = first & (0x3fU >> more);
  for (int i = 0; i < more; ++i) {
    if (at >= text.size() || (ByteAt(text, at) & 0xc0) != 0x80) return std::nullopt;
    point = (point << 6) | (ByteAt(text, at++) & 0x3f);
  }
  const std::uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
  if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return std::nullopt;
  return point;
}
}  // namespace

std::optional<std::string> Utf8FromUtf16(const std::string& bytes) {
  if (bytes.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    std::uint32_t point = ByteAt(bytes, i) | (ByteAt(bytes, i + 1) << 8);
    if (point >= 0xdc00 && point < 0xe000) return std::nullopt;
    if (point >= 0xd800 && point < 0xdc00) {
      if (i + 3 >= bytes.size()) return std::nullopt;
      const std::uint32_t low = ByteAt(bytes, i + 2) | (ByteAt(bytes, i + 3) << 8);
      if (low < 0xdc00 || low >= 0xe000) return std::nullopt;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      i += 2;
    }
    AppendUtf8(point, out);
  }
  return out;
}

std::optional<std::string> Utf16FromUtf8(const std::string& text) {
  std::string out;
  const auto put = [&out](std::uint32_t unit) {
    out.push_back(static_cast<char>(unit & 0xff));
    out.push_back(static_cast<char>(unit >> 8));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<std::uint32_t> point = NextPoint(text, at);
    if (!point.has_value()) return std::nullopt;
    if (*point < 0x10000) {
      put(*point);
    } else {
      put(0xd800 + ((*point - 0x10000) >> 10));
      put(0xdc00 + ((*point - 0x10000) & 0x3ff));
    }
  }
  return out;
}

}  // namespace mailquench::agent::smtpsvc
