// Whether a DNS server is alive, from what it says and does not say.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_HEALTH_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_HEALTH_H_

#include <cstdint>

namespace mailquench::blacklist {

// Times are MonotonicNanos() and nanoseconds.
class ServerHealth {
 public:
  ServerHealth(std::int64_t timeout, std::int64_t patience)
      : timeout_(timeout), patience_(patience) {}

  // Some tries in a row were without an answer, for two timeouts, or refused: it gets one question
  // now and then, to learn when it is back.
  bool dead() const { return dead_; }
  bool MayProbe(std::int64_t now) const { return now >= next_probe_; }
  // It has said nothing for the whole patience, or refused one question to the end.
  bool Silent(std::int64_t now) const;
  // What was sent at `sent` was sent before it was silent.
  bool SentBeforeSilence(std::int64_t sent) const { return sent <= quiet_since_ + patience_; }

  void NewRun(std::int64_t now);  // What was silent is tried anew.
  void Asked(bool only_one, std::int64_t now);
  void Heard(std::int64_t now);
  void NotHeard(std::int64_t now);  // A try was without an answer.
  void Refused();                   // ICMP says that nobody is there.
  void RefusedToTheEnd() { refuses_ = dead_; }

 private:
  const std::int64_t timeout_, patience_;
  std::int64_t quiet_since_ = 0;  // The last answer, or the first question of all that wait.
  std::int64_t next_probe_ = 0;
  int not_heard_ = 0, refused_ = 0;  // Tries since the last answer.
  bool dead_ = false;
  bool refuses_ = false;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_HEALTH_H_
