#include "agent/mail/postfix/logical_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kSpace[] = " \t\r\v\f";

enum class Kind { kIgnored, kContinued, kStart };

// As readlline(3) of Postfix has it: blank lines and comments are ignored, also between
// continuation lines.
Kind KindOf(const std::string& line) {
  const std::size_t first = line.find_first_not_of(std::string(kSpace) + "\n");
  if (first == std::string::npos || line[first] == '#') return Kind::kIgnored;
  return first > 0 ? Kind::kContinued : Kind::kStart;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::size_t next = end == std::string::npos ? text.size() : end + 1;
    lines.push_back(text.substr(at, next - at));
    at = next;
  }
  return lines;
}
}  // namespace

FlatLine Flatten(const std::string& raw) {
  FlatLine flat;
  std::size_t at = 0;
  for (const std::string& line : Lines(raw)) {
    if (KindOf(line) != Kind::kIgnored) {
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\n') continue;
        flat.text += line[i];
        flat.offsets.push_back(at + i);
      }
    }
    at += line.size();
  }
  return flat;
}

LogicalFile::LogicalFile(const std::string& text, const KeyOf& key_of) {
  no_final_newline_ = !text.empty() && text.back() != '\n';
  std::vector<std::string> lines = Lines(no_final_newline_ ? text + "\n" : text);
  if (!lines.empty() && absl::EndsWith(lines[0], "\r\n")) line_end_ = "\r\n";
  bool in_entry = false;
  std::string
      waiting;  // Ignored lines: inside the entry if it goes on after them, else no part of it.
  const auto flush = [&] {
    if (!waiting.empty()) chunks_.push_back({"", std::exchange(waiting, "")});
  };
  for (std::string& line : lines) {
    const Kind kind = KindOf(line);
    if (kind == Kind::kContinued && in_entry) {
      chunks_.back().raw += std::exchange(waiting, "") + line;
    } else if (kind == Kind::kStart) {
      flush();
      chunks_.push_back({"", std::move(line)});
      in_entry = true;
    } else {
      waiting += line;
    }
  }
  flush();
  for (Chunk& chunk : chunks_) {
    if (KindOf(chunk.raw) == Kind::kStart) chunk.key = key_of(Flatten(chunk.raw));
  }
}

std::optional<std::string> LogicalFile::Get(const std::string& key) const {
  for (auto it = chunks_.rbegin(); it != chunks_.rend(); ++it) {
    if (it->key == key && !key.empty()) return it->raw;
  }
  return std::nullopt;
}

void LogicalFile::SetRaw(const std::string& key, std::string raw) {
  if (raw.empty() || raw.back() != '\n') raw += "\n";
  for (auto it = chunks_.rbegin(); it != chunks_.rend(); ++it) {
    if (it->key != key) continue;
    it->raw = std::move(raw);
    return;
  }
  chunks_.push_back({key, std::move(raw)});
}

void LogicalFile::Remove(const std::string& key) {
  chunks_.erase(std::remove_if(chunks_.begin(), chunks_.end(),
                               [&](const Chunk& chunk) { return chunk.key == key; }),
                chunks_.end());
}

std::vector<std::string> LogicalFile::Keys() const {
  std::vector<std::string> keys;
  for (auto it = chunks_.rbegin(); it != chunks_.rend(); ++it) {
    if (!it->key.empty() && std::find(keys.begin(), keys.end(), it->key) == keys.end())
      keys.push_back(it->key);
  }
  std::reverse(keys.begin(), keys.end());
  return keys;
}

std::size_t LogicalFile::Count(const std::string& key) const {
  return static_cast<std::size_t>(std::count_if(
      chunks_.begin(), chunks_.end(), [&](const Chunk& chunk) { return chunk.key == key; }));
}

std::string LogicalFile::Text() const {
  std::string text;
  for (const Chunk& chunk : chunks_) text += chunk.raw;
  if (no_final_newline_ && !text.empty()) text.pop_back();
  return text;
}

}  // namespace mailquench::agent::postfix
