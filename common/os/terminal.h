// The three standard streams, where a person or another program is at their other end.
#ifndef MAILQUENCH_COMMON_OS_TERMINAL_H_
#define MAILQUENCH_COMMON_OS_TERMINAL_H_

#include <memory>
#include <streambuf>
#include <string>

namespace mailquench::os {

bool InputIsTerminal();
bool ErrorIsTerminal();
// Whether the terminal of stderr understands escape sequences, which Windows has to be asked for.
// False where there is no terminal.
bool ErrorTakesColour();

// To be asked after a write to stdout has failed: whether it is a pipe whose reader has closed it,
// who then has what it wanted.
bool OutputReaderIsGone();

// The text to stderr at once, in UTF-8; on a console of Windows as UTF-16, whatever its code page.
// What cannot be written is lost. Thread-safe; a short text stays in one piece.
void WriteError(const std::string& text);

// Makes the standard streams ready for UTF-8, and ends of lines that are the same everywhere. To be
// called first in main(), once. While the object lives, std::cout and std::cerr write to a console
// of Windows as UTF-16.
class Console {
 public:
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

 private:
  std::unique_ptr<std::streambuf> out_, err_;  // Null: what was there is good.
  std::streambuf* old_out_ = nullptr;
  std::streambuf* old_err_ = nullptr;
};

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_TERMINAL_H_
