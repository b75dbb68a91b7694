#include "agent/os/find_bytes.h"

namespace mailquench::agent {

std::size_t FindBytes(absl::string_view text, absl::string_view what, std::size_t from) {
  return text.find(what, from);
}

}  // namespace mailquench::agent
