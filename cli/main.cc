// The program `mailquench`.
#include <iostream>
#include <string>

#include "cli/tls_channel.h"
#include "cli/tree.h"
#include "common/command/words.h"
#include "common/os/program.h"
#include "common/os/socket.h"
#include "common/os/terminal.h"

int main(int argc, char** argv) {
  namespace os = mailquench::os;
  const os::Console console;
  // A reader that closes early (head, less) ends us by a failed write, not by a signal.
  os::IgnoreBrokenPipes();
  mailquench::cli::Environment environment;
  environment.in = &std::cin;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.in_is_terminal = os::InputIsTerminal();
  environment.err_is_terminal = os::ErrorIsTerminal();
  environment.plain = !os::ErrorTakesColour();
  environment.channel = mailquench::cli::TlsChannel;
  environment.getenv = os::Environment;
  environment.contexts = os::UserSettingsFile("mailquench", "config.yaml");
  const int code = mailquench::cli::Main(os::Arguments(argc, argv), environment);
  std::cout.flush();
  if (std::cout || mailquench::command::ReaderIsGone()) return code;
  std::cerr << "mailquench: the output could not be written to its end (is the disk full?); what "
               "the command did was done all the same\n";
  return code == 0 ? 1 : code;
}
