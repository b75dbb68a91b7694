// What a child has said, as both platforms keep it. Portable; belongs to one thread.
#ifndef MAILQUENCH_AGENT_OS_CHILD_TEXT_H_
#define MAILQUENCH_AGENT_OS_CHILD_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace mailquench::agent {

// Lines of a stream, taken as they become whole.
class LineBuffer {
 public:
  void Append(absl::string_view bytes) { text_.append(bytes.data(), bytes.size()); }
  // Without its line break. Nothing where no line is whole yet.
  std::optional<std::string> Take() {
    const std::size_t end = text_.find('\n', searched_);
    if (end == std::string::npos) {
      searched_ = text_.size();
      return std::nullopt;
    }
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    searched_ = 0;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
  // What has no line break, once nothing more comes.
  std::string TakeRest() {
    std::string rest = std::move(text_);
    Clear();
    if (!rest.empty() && rest.back() == '\r') rest.pop_back();
    return rest;
  }
  std::size_t size() const { return text_.size(); }
  void Clear() {
    text_ = std::string();
    searched_ = 0;
  }

 private:
  std::string text_;
  std::size_t searched_ = 0;  // No line break before it: a long line is searched once.
};

// The last bytes of a stream.
class Tail {
 public:
  void Append(absl::string_view bytes) {
    text_.append(bytes.data(), bytes.size());
    if (text_.size() > kMax) text_.erase(0, text_.size() - kMax);
  }
  const std::string& text() const { return text_; }

 private:
  static constexpr std::size_t kMax = 4096;
  std::string text_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_CHILD_TEXT_H_
