#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "common/os/program.h"

namespace mailquench::os {

std::vector<std::string> Arguments(int argc, char** argv) {
  return argc < 2 ? std::vector<std::string>() : std::vector<std::string>(argv + 1, argv + argc);
}

std::string Environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

void SetEnvironment(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

std::string UserSettingsFile(const std::string& program, const std::string& file) {
  const std::string xdg = Environment("XDG_CONFIG_HOME");
  const std::string folder = xdg.empty() ? Environment("HOME") + "/.config" : xdg;
  return folder + "/" + program + "/" + file;
}

void LoadSystemLibrariesOnly() {}

void EndAtOnce() {
  (void)std::raise(SIGKILL);
  ::_exit(137);  // Never reached; the compiler does not know.
}

}  // namespace mailquench::os
