#include "agent/os/windows/command_line.h"

#include "common/os/wide.h"

namespace mailquench::agent {
namespace {

std::wstring Quoted(const std::wstring& argument) {
  if (!argument.empty() && argument.find_first_of(L" \t\n\v\"") == std::wstring::npos)
    return argument;
  std::wstring out = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'\\') {
      ++backslashes;
      continue;
    }
    // Backslashes count as such but before a quote, where each needs another.
    out.append(c == L'"' ? 2 * backslashes + 1 : backslashes, L'\\');
    backslashes = 0;
    out += c;
  }
  out.append(2 * backslashes, L'\\');
  return out + L"\"";
}
}  // namespace

std::wstring CommandLine(const std::vector<std::string>& argv) {
  std::wstring line;
  for (const std::string& argument : argv) {
    if (!line.empty()) line += L' ';
    // A program's name is not unescaped: there only quotes around it are known, and a path has
    // none. Always quoted: "C:\Program Files\x" must not become C:\Program.
    line += line.empty() && argument.find(' ') != std::string::npos
                ? L"\"" + os::ToWide(argument) + L"\""
                : Quoted(os::ToWide(argument));
  }
  return line;
}

}  // namespace mailquench::agent
