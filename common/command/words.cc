#include "common/command/words.h"

#include <cerrno>
#include <cstdio>

#include "common/text/harmless.h"

namespace mailquench::command {

void Say(const std::string& program, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), HarmlessLines(text).c_str());
}

int EndOutput(const std::string& program, int code) {
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  // A reader that closes its pipe has what it wanted.
  if (written || errno == EPIPE) return code;
  Say(program,
      "the output could not be written to its end (is the disk full?); what the command did was "
      "done all the same");
  return code == 0 ? 1 : code;
}

}  // namespace mailquench::command
