#include "agent/os/find_bytes.h"

#include <string.h>

namespace mailquench::agent {

std::size_t FindBytes(absl::string_view text, absl::string_view what, std::size_t from) {
  if (from > text.size()) return absl::string_view::npos;
  const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return found == nullptr ? absl::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace mailquench::agent
