// A Postfix configuration file as its logical lines: every byte of it is kept, comments and odd
// spacing included.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_LOGICAL_FILE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_LOGICAL_FILE_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mailquench::agent::postfix {

// The bytes of a logical line without its comment lines and line ends, and where each of them
// stands in the raw bytes.
struct FlatLine {
  std::string text;
  std::vector<std::size_t> offsets;  // offsets[i] is the place of text[i] in the raw bytes.
};
FlatLine Flatten(const std::string& raw);

// A file whose missing final newline stays missing: inside, every line ends with one. Raw bytes of
// an entry run from its first byte to the newline of its last continuation line. Not thread-safe.
class LogicalFile {
 public:
  // Names a logical line; "" where it is none of ours.
  using KeyOf = std::function<std::string(const FlatLine&)>;

  LogicalFile(const std::string& text, const KeyOf& key_of);

  // Raw bytes of the last entry with that key: the one that counts.
  std::optional<std::string> Get(const std::string& key) const;
  // Replaces the last entry with that key, or appends one.
  void SetRaw(const std::string& key, std::string raw);
  // Removes every entry with that key, else an earlier one would begin to count.
  void Remove(const std::string& key);
  // Each key once, in the order of its last entry.
  std::vector<std::string> Keys() const;
  std::size_t Count(const std::string& key) const;
  std::string Text() const;
  // "\r\n" where the first line ends so, else "\n".
  const std::string& line_end() const { return line_end_; }

 private:
  struct Chunk {
    std::string key;
    std::string raw;
  };
  std::vector<Chunk> chunks_;
  std::string line_end_ = "\n";
  bool no_final_newline_ = false;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_LOGICAL_FILE_H_
