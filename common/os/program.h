// What a program is given by whoever started it, and its sudden end, as UTF-8 on every system.
#ifndef MAILQUENCH_COMMON_OS_PROGRAM_H_
#define MAILQUENCH_COMMON_OS_PROGRAM_H_

#include <string>
#include <vector>

namespace mailquench::os {

// The arguments after the program's name. `argc` and `argv` are those of main(); Windows has the
// real ones elsewhere, since argv went through a code page.
std::vector<std::string> Arguments(int argc, char** argv);

// "" where it is not set. Not at the same time as SetEnvironment().
std::string Environment(const std::string& name);
// For this process, its libraries and its children. Before the first thread.
void SetEnvironment(const std::string& name, const std::string& value);

// Where this user keeps that file of settings of that program: in $XDG_CONFIG_HOME or
// $HOME/.config; in %APPDATA% on Windows. Nothing is made.
std::string UserSettingsFile(const std::string& program, const std::string& file);

// From now on DLLs that are asked for by name come from the system's folder alone, not from the
// program's, the current one or PATH. First in main(). Elsewhere, and on Windows before 8 without
// the update KB2533623, nothing.
void LoadSystemLibrariesOnly();

// As by a power cut: no handler, no destructor and no buffer gets its turn. Exit code on Windows:
// 137, what shells show for SIGKILL.
[[noreturn]] void EndAtOnce();

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_PROGRAM_H_
