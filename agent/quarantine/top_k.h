// The most frequent values of a long stream in bounded memory.
#ifndef MAILQUENCH_AGENT_QUARANTINE_TOP_K_H_
#define MAILQUENCH_AGENT_QUARANTINE_TOP_K_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/quarantine/message_facts.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// Counts exactly up to `capacity` distinct values, then as SpaceSaving does: a new value takes the
// place of the rarest and inherits its count, so that a count is never too low and at most
// ErrorBound() too high. Not thread-safe.
class TopK {
 public:
  struct Entry {
    std::string value;  // Cut at kMaxValue bytes.
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    std::int64_t error = 0;  // At most so much of `count` belongs to values that were displaced.
  };
  static constexpr std::size_t kMaxValue = 256;

  explicit TopK(std::size_t capacity) : capacity_(capacity) {}
  void Add(const std::string& value, std::int64_t bytes);
  // The `n` values that surely occurred most, largest count first.
  std::vector<Entry> Largest(std::size_t n) const;
  bool approximate() const { return approximate_; }
  std::int64_t ErrorBound() const { return approximate_ ? heap_.front().count : 0; }

 private:
  void Sink(std::size_t at);
  void Swap(std::size_t a, std::size_t b);

  std::size_t capacity_;
  bool approximate_ = false;
  std::vector<Entry> heap_;  // Least count first.
  std::unordered_map<std::string, std::size_t> where_;
};

// Who is behind a set of messages. Not thread-safe.
class Picture {
 public:
  static constexpr std::size_t kDistinct = 2048;
  static constexpr std::size_t kShown = 20;

  void Add(const MessageFacts& message);
  v1::TrafficPicture Build() const;

 private:
  TopK senders_{kDistinct}, clients_{kDistinct}, accounts_{kDistinct}, domains_{kDistinct},
      subjects_{kDistinct};
};

// Valid UTF-8 for the wire: other bytes and control characters become '?'.
std::string Printable(const std::string& text, std::size_t max_bytes = TopK::kMaxValue);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_TOP_K_H_
