// Instants between absl and the messages.
#ifndef MAILQUENCH_CONTROLLER_STORE_TIMES_H_
#define MAILQUENCH_CONTROLLER_STORE_TIMES_H_

#include <cstdint>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace mailquench::controller {

inline void StampTime(absl::Time when, google::protobuf::Timestamp* time) {
  const std::int64_t nanos = absl::ToUnixNanos(when);
  time->set_seconds(nanos / 1000000000);
  time->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
}

// InfinitePast where it is not set.
inline absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return absl::InfinitePast();
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_TIMES_H_
