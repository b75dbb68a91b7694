// A traffic picture in one line, the same on the console and in an incident's timeline.
#ifndef MAILQUENCH_COMMON_OPERATION_PICTURE_H_
#define MAILQUENCH_COMMON_OPERATION_PICTURE_H_

#include <string>

#include "mailquench/v1/operations.pb.h"

namespace mailquench {

// ", most by sender a@b (12), account a (11), client 192.0.2.1 (9), subject offer (3)": the first
// of each kind; "" where there is none. The values are as the agent gave them.
std::string WhoStandsOut(const v1::TrafficPicture& picture);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_OPERATION_PICTURE_H_
