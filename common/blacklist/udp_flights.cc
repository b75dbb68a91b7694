#include "common/blacklist/udp_flights.h"

namespace mailquench::blacklist {

std::uint32_t Flights::Add() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slab_.size()));
    slab_.emplace_back();
  }
  const std::uint32_t flight = free_.back();
  free_.pop_back();
  Flight& at = slab_[flight];
  at.serial = ++serial_;
  at.copies = 1;
  at.refused = 0;
  Link(flight, 0);
  ++count_;
  return flight;
}

void Flights::Remove(std::uint32_t flight) {
  Unlink(flight);
  slab_[flight].serial = 0;
  slab_[flight].question = Question();
  free_.push_back(flight);
  --count_;
}

void Flights::Move(std::uint32_t flight, int level) {
  Unlink(flight);
  Link(flight, level);
}

void Flights::Link(std::uint32_t flight, int level) {
  Flight& at = slab_[flight];
  List& list = lists_[static_cast<std::size_t>(level)];
  at.level = level;
  at.before = list.last;
  at.after = Flight::kNone;
  (list.last == Flight::kNone ? list.first : slab_[list.last].after) = flight;
  list.last = flight;
  if (level == 0) ++first_tries_;
}

void Flights::Unlink(std::uint32_t flight) {
  Flight& at = slab_[flight];
  List& list = lists_[static_cast<std::size_t>(at.level)];
  (at.before == Flight::kNone ? list.first : slab_[at.before].after) = at.after;
  (at.after == Flight::kNone ? list.last : slab_[at.after].before) = at.before;
  if (at.level == 0) --first_tries_;
}

}  // namespace mailquench::blacklist
