#include "agent/mail/header_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace mailquench::agent {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string DecodeQ(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out.push_back(' ');
    } else if (text[i] == '=' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
               HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string Latin1ToUtf8(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xc0 | (byte >> 6)));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3f)));
    }
  }
  return out;
}

// Decodes the word "=?charset?X?text?=" that starts at `at`. False: not one that can be decoded.
bool DecodeWord(const std::string& in, std::size_t at, std::string& out, std::size_t& end) {
  const std::size_t charset_end = in.find('?', at + 2);
  if (charset_end == std::string::npos || charset_end + 2 >= in.size() ||
      in[charset_end + 2] != '?')
    return false;
  const std::size_t close = in.find("?=", charset_end + 3);
  if (close == std::string::npos) return false;
  std::string charset = absl::AsciiStrToLower(in.substr(at + 2, charset_end - at - 2));
  charset = charset.substr(0, charset.find('*'));  // RFC 2231 language.
  const std::string text = in.substr(charset_end + 3, close - charset_end - 3);
  if (text.find(' ') != std::string::npos) return false;
  std::string decoded;
  const char encoding = absl::ascii_tolower(static_cast<unsigned char>(in[charset_end + 1]));
  if (encoding == 'q') {
    decoded = DecodeQ(text);
  } else if (encoding != 'b' || !absl::Base64Unescape(text, &decoded)) {
    return false;
  }
  if (charset == "iso-8859-1" || charset == "latin1" || charset == "iso-8859-15" ||
      charset == "windows-1252") {
    decoded = Latin1ToUtf8(decoded);
  } else if (charset != "utf-8" && charset != "us-ascii") {
    return false;
  }
  out += decoded;
  end = close + 2;
  return true;
}

}  // namespace

std::string DecodeHeader(const std::string& unfolded) {
  std::string out;
  std::size_t after_word = std::string::npos;  // Length of `out` behind the last encoded word.
  for (std::size_t i = 0; i < unfolded.size();) {
    std::size_t end = 0;
    if (unfolded.compare(i, 2, "=?") == 0) {
      // White space between two encoded words is no part of the text.
      std::string word;
      if (DecodeWord(unfolded, i, word, end)) {
        if (after_word != std::string::npos &&
            out.find_first_not_of(" \t", after_word) == std::string::npos)
          out.resize(after_word);
        out += word;
        after_word = out.size();
        i = end;
        continue;
      }
    }
    out.push_back(unfolded[i++]);
  }
  return out;
}

}  // namespace mailquench::agent
