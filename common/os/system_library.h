// Windows alone: what is wanted of the system's DLLs once or seldom, loaded for that time only.
// Some of them bring a dozen others along, which an idle service would then keep in memory.
#ifndef MAILQUENCH_COMMON_OS_SYSTEM_LIBRARY_H_
#define MAILQUENCH_COMMON_OS_SYSTEM_LIBRARY_H_

#include <string>
#include <vector>

namespace mailquench::os {

// A DLL of the system's own folder, let go of at the end. Of another folder it is never taken.
class SystemLibrary {
 public:
  explicit SystemLibrary(const wchar_t* name);  // "shell32.dll"
  ~SystemLibrary();
  SystemLibrary(const SystemLibrary&) = delete;
  SystemLibrary& operator=(const SystemLibrary&) = delete;

  // nullptr where the DLL or the function is not there. `Function` is its type, calling convention
  // included.
  template <typename Function>
  Function* Get(const char* name) const {
    return reinterpret_cast<Function*>(Address(name));
  }

 private:
  void (*Address(const char* name) const)();
  void* module_;
};

// The words of a command line by the rules of CommandLineToArgvW. Empty where it cannot be read.
std::vector<std::string> SplitCommandLine(const wchar_t* line);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_SYSTEM_LIBRARY_H_
