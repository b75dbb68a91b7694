#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "common/os/terminal.h"

namespace mailquench::os {

bool InputIsTerminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

bool ErrorIsTerminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

bool ErrorTakesColour() {
  return ErrorIsTerminal();
}

bool OutputReaderIsGone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

void WriteError(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

Console::Console() = default;
Console::~Console() = default;

}  // namespace mailquench::os
