// A request for a switch, read strictly.
#ifndef MAILQUENCH_CONTROLLER_MX_PLAN_REQUEST_H_
#define MAILQUENCH_CONTROLLER_MX_PLAN_REQUEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/mx/values.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct SwitchWish {
  std::vector<std::string> domains;  // Each once.
  Address from;                      // Empty: any, with an exchanger.
  Address to;
  std::string exchanger, helo;
  std::uint32_t ttl = 300;
  bool lower_first = false, keep_spf = false, keep_ptr = false;
  bool sends = true;
};

// Puts the plain forms into the request. Errors: INVALID_ARGUMENT/BAD_DOMAIN, BAD_ADDRESS,
// BAD_SWITCH.
absl::StatusOr<SwitchWish> ReadWish(v1::PlanSwitchRequest* request);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_PLAN_REQUEST_H_
