#include "controller/blacklist/schedule.h"

#include <functional>

namespace mailquench::controller {

const char* PaceName(Pace pace) {
  switch (pace) {
    case Pace::kQuiet:
      return "quiet";
    case Pace::kAttacked:
      return "attacked";
    case Pace::kListed:
      return "listed";
  }
  return "quiet";
}

absl::Duration Paces::Of(Pace pace) const {
  switch (pace) {
    case Pace::kQuiet:
      return quiet;
    case Pace::kAttacked:
      return attacked;
    case Pace::kListed:
      return listed;
  }
  return quiet;
}

double ShareOf(Pace pace) {
  switch (pace) {
    case Pace::kQuiet:
      return 0.7;
    case Pace::kAttacked:
      return 0.9;
    case Pace::kListed:
      return 1.0;
  }
  return 1.0;
}

absl::Time DueAt(absl::Time last, absl::Duration pace, const std::string& key, absl::Time now) {
  if (last == absl::InfinitePast() || last > now + pace) return absl::InfinitePast();
  // The time is part of it, so that the same pair is not always the early one.
  const std::size_t hash =
      std::hash<std::string>()(key + std::to_string(absl::ToUnixSeconds(last)));
  return last + pace * (0.9 + 0.2 * static_cast<double>(hash % 1000) / 1000.0);
}

}  // namespace mailquench::controller
