#include "common/command/words.h"

#include <cstdio>

#include "common/os/terminal.h"
#include "common/text/harmless.h"

namespace mailquench::command {

void Say(const std::string& program, const std::string& text) {
  os::WriteError(program + ": " + HarmlessLines(text) + "\n");
}

bool ReaderIsGone() {
  return os::OutputReaderIsGone();
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
