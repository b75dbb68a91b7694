// The program `mailquench`.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/tls_channel.h"
#include "cli/tree.h"
#include "common/command/words.h"

int main(int argc, char** argv) {
  // A reader that closes early (head, less) ends us by a failed write, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  mailquench::cli::Environment environment;
  environment.in = &std::cin;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.in_is_terminal = ::isatty(STDIN_FILENO) == 1;
  environment.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  environment.channel = mailquench::cli::TlsChannel;
  environment.getenv = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  const int code =
      mailquench::cli::Main(std::vector<std::string>(argv + 1, argv + argc), environment);
  std::cout.flush();
  if (std::cout || mailquench::command::ReaderIsGone()) return code;
  std::cerr << "mailquench: the output could not be written to its end (is the disk full?); what "
               "the command did was done all the same\n";
  return code == 0 ? 1 : code;
}
