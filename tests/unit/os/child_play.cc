// What child_test.cc starts: child_play MODE [ARGUMENT]. Portable.
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "agent/os/child.h"
#include "agent/os/lock.h"
#include "common/os/program.h"

namespace {

[[noreturn]] void Sleep() {
  while (true) absl::SleepFor(absl::Seconds(60));
}

int Play(const std::vector<std::string>& words, const std::string& self) {
  const std::string& mode = words.at(0);
  std::string line;
  if (mode == "echo") {
    while (std::getline(std::cin, line)) std::cout << line << std::endl;
    return 5;
  }
  if (mode == "environment") {
    for (const char* name : {"MQ_GIVEN", "MQ_OURS"}) {
      const char* const value = std::getenv(name);
      std::cout << (value == nullptr ? "-" : value) << std::endl;
    }
    return 0;
  }
  if (mode == "deaf") Sleep();
  if (mode == "long-line") {
    while (std::cout << std::string(65536, 'x') << std::flush) {
    }
    return 1;
  }
  if (mode == "errors") {
    for (int i = 0; i < 2000; ++i) std::cerr << "error number " << i << "\n";
    std::cerr << "the last one" << std::endl;
    std::cout << "done" << std::endl;
    Sleep();
  }
  if (mode == "quits") {
    std::cout << "soon" << std::endl;
    absl::SleepFor(absl::Milliseconds(200));
    std::_Exit(4);
  }
  if (mode == "hold") {  // As long as it lives.
    const auto lock = mailquench::agent::FileLock::Acquire(words.at(1), absl::Seconds(10));
    std::cout << (lock.ok() ? "held" : "not held") << std::endl;
    Sleep();
  }
  if (mode == "parent") {  // Of a child as ours are.
    const auto child = mailquench::agent::Child::Start({self, "hold", words.at(1)});
    if (child.ok())
      std::cout << (*child)->ReadLine(100, absl::Now() + absl::Seconds(60)).value_or("?")
                << std::endl;
    Sleep();
  }
  if (mode == "tree" || mode == "orphan") {
    const std::string command = "\"" + self + "\" hold \"" + words.at(1) + "\"";
    // Windows hands the line to cmd.exe, which takes one pair of quotes away.
    std::thread([command, quoted = "\"" + command + "\"", backslash = self.find('\\')] {
      (void)!std::system(backslash == std::string::npos ? command.c_str() : quoted.c_str());
    }).detach();
    if (mode == "tree") Sleep();
    std::getline(std::cin, line);
    std::_Exit(3);  // It leaves the other one, with our pipes.
  }
  return 2;
}
}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words = mailquench::os::Arguments(argc, argv);
  return Play(words, argv[0]);
}
