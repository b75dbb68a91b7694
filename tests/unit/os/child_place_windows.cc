#include <windows.h>

#include "common/os/wide.h"
#include "tests/unit/os/child_place.h"

namespace mailquench::agent {

const bool kInheritsEnvironment = true;
std::string ChildPlay() {
  wchar_t path[MAX_PATH + 1] = L"";
  (void)::GetModuleFileNameW(nullptr, path, MAX_PATH);
  const std::string test = os::ToUtf8(path);
  return test.substr(0, test.rfind('\\') + 1) + "child_play.exe";
}
void SetOurs(const std::string& value) {
  ::SetEnvironmentVariableW(L"MQ_OURS", os::ToWide(value).c_str());
}

}  // namespace mailquench::agent
