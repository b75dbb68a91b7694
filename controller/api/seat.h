// Bounds how many calls of one kind are under way.
#ifndef MAILQUENCH_CONTROLLER_API_SEAT_H_
#define MAILQUENCH_CONTROLLER_API_SEAT_H_

#include <atomic>

namespace mailquench::controller {

// One of those who do the same at a time.
class Seat {
 public:
  explicit Seat(std::atomic<int>* taken) : taken_(taken), number_(taken->fetch_add(1) + 1) {}
  ~Seat() { taken_->fetch_sub(1); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  int number() const { return number_; }  // From 1.

 private:
  std::atomic<int>* const taken_;
  const int number_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_API_SEAT_H_
