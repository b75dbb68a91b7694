// Calls that nobody waits for any more, as those of an observer whose program ends.
#ifndef MAILQUENCH_AGENT_OS_INTERRUPTIBLE_H_
#define MAILQUENCH_AGENT_OS_INTERRUPTIBLE_H_

#include <atomic>

namespace mailquench::agent {

// While it lives, calls of this thread that can wait long end early once `over` is true: they look
// at IsOver() about four times a second. Only for questions: of a change that is cut off nobody
// knows whether it was made.
class Interruptible {
 public:
  explicit Interruptible(const std::atomic<bool>& over);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  // While it lives nothing of the thread ends early: what it does is a change.
  class Not {
   public:
    Not();
    ~Not();
    Not(const Not&) = delete;
    Not& operator=(const Not&) = delete;

   private:
    const std::atomic<bool>* const before_;
  };

  // Of the calling thread: whether there is one, and whether it is over.
  static bool IsThere();
  static bool IsOver();

 private:
  const std::atomic<bool>* const before_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_INTERRUPTIBLE_H_
