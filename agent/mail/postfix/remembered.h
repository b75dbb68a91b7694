// Answers of programs that are asked again and again within one piece of work.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_REMEMBERED_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_REMEMBERED_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mailquench::agent::postfix {

// An answer by name, good for five seconds and as long as the text that it was drawn from is the
// same to the byte. The time is short because more may bear on an answer than its text: tables, the
// host's name and interfaces. Thread-safe.
template <typename T>
class Remembered {
 public:
  std::optional<T> Get(const std::string& name, const std::string& text) {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto it = known_.find(name);
    const absl::Time now = absl::Now();
    if (it == known_.end() || it->second.text != text || now < it->second.when ||
        now - it->second.when >= kFresh)
      return std::nullopt;
    return it->second.value;
  }
  // `when` the question was put.
  void Put(const std::string& name, const std::string& text, absl::Time when, T value) {
    const std::lock_guard<std::mutex> lock(mu_);
    known_[name] = {text, when, std::move(value)};
  }

 private:
  static constexpr absl::Duration kFresh = absl::Seconds(5);
  struct One {
    std::string text;
    absl::Time when;
    T value;
  };
  std::mutex mu_;
  std::map<std::string, One> known_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_REMEMBERED_H_
