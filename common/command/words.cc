#include "common/command/words.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "common/text/harmless.h"

namespace mailquench::command {

void Say(const std::string& program, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), HarmlessLines(text).c_str());
}

bool ReaderIsGone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int EndOutput(const std::string& program, int code) {
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || ReaderIsGone()) return code;
  Say(program,
      "the output could not be written to its end (is the disk full?); what the command did was "
      "done all the same");
  return code == 0 ? 1 : code;
}

}  // namespace mailquench::command
