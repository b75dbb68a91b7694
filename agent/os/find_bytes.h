// A search in long texts, as fast as the C library has it.
#ifndef MAILQUENCH_AGENT_OS_FIND_BYTES_H_
#define MAILQUENCH_AGENT_OS_FIND_BYTES_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace mailquench::agent {

// Where `what` stands in `text` from `from` on; npos where it does not.
std::size_t FindBytes(absl::string_view text, absl::string_view what, std::size_t from);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_FIND_BYTES_H_
