// What a daemon's program says to whoever called it.
#ifndef MAILQUENCH_COMMON_COMMAND_WORDS_H_
#define MAILQUENCH_COMMON_COMMAND_WORDS_H_

#include <string>

namespace mailquench::command {

// "PROGRAM: TEXT" on stderr. What others wrote in the text cannot steer the terminal.
void Say(const std::string& program, const std::string& text);

// To be called with the exit code when all is printed: gives it, or says that stdout could not be
// written to its end and gives 1 where it was 0.
int EndOutput(const std::string& program, int code);

// To be asked after a write to stdout has failed: whether it is a pipe whose reader has closed it,
// who then has what it wanted.
bool ReaderIsGone();

}  // namespace mailquench::command

#endif  // MAILQUENCH_COMMON_COMMAND_WORDS_H_
