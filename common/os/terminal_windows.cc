#include <windows.h>
// After windows.h.
#include <fcntl.h>
#include <io.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "absl/strings/string_view.h"
#include "common/os/terminal.h"
#include "common/os/wide.h"

namespace mailquench::os {
namespace {

// Older than the headers of some compilers; Windows 10 1511 and later.
constexpr DWORD kEscapeSequences = 0x0004;  // ENABLE_VIRTUAL_TERMINAL_PROCESSING
// One call takes no more than 64 KiB on older systems.
constexpr std::size_t kMostWide = 8192;

bool IsConsole(DWORD stream) {
  DWORD mode = 0;
  return ::GetConsoleMode(::GetStdHandle(stream), &mode) != 0;
}

// Bytes at the end of `text` that begin a character and do not end it.
std::size_t Unfinished(const std::string& text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

bool WriteWide(HANDLE console, const std::string& utf8) {
  const std::wstring wide = ToWide(utf8);
  for (std::size_t done = 0; done < wide.size();) {
    const auto size = static_cast<DWORD>(std::min(kMostWide, wide.size() - done));
    DWORD written = 0;
    if (::WriteConsoleW(console, wide.data() + done, size, &written, nullptr) == 0 || written == 0)
      return false;
    done += written;
  }
  return true;
}

// A code page of UTF-8 would stay with the console after us, and before Windows 8 a write to it
// returned characters for bytes, so that the C library wrote the end again.
class ConsoleBuffer final : public std::streambuf {
 public:
  explicit ConsoleBuffer(HANDLE console) : console_(console) {}
  ~ConsoleBuffer() override { ConsoleBuffer::sync(); }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char byte = traits_type::to_char_type(c);
    return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    held_.append(text, static_cast<std::size_t>(size));
    if (held_.size() >= kMostWide && sync() != 0) return 0;
    return size;
  }
  int sync() override {
    const std::size_t whole = held_.size() - Unfinished(held_);
    const bool written = WriteWide(console_, held_.substr(0, whole));
    held_.erase(0, whole);
    return written ? 0 : -1;
  }

 private:
  const HANDLE console_;
  std::string held_;
};

}  // namespace

bool InputIsTerminal() {
  return IsConsole(STD_INPUT_HANDLE);
}

bool ErrorIsTerminal() {
  return IsConsole(STD_ERROR_HANDLE);
}

bool ErrorTakesColour() {
  const HANDLE console = ::GetStdHandle(STD_ERROR_HANDLE);
  DWORD mode = 0;
  if (::GetConsoleMode(console, &mode) == 0) return false;
  return (mode & kEscapeSequences) != 0 || ::SetConsoleMode(console, mode | kEscapeSequences) != 0;
}

bool OutputReaderIsGone() {
  // Nothing asks a pipe for its other end without writing to it, and a write to one fails for no
  // other reason.
  return ::GetFileType(::GetStdHandle(STD_OUTPUT_HANDLE)) == FILE_TYPE_PIPE;
}

void WriteError(const std::string& text) {
  const HANDLE error = ::GetStdHandle(STD_ERROR_HANDLE);
  if (IsConsole(STD_ERROR_HANDLE)) {
    (void)WriteWide(error, text);
    return;
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

Console::Console() {
  for (FILE* stream : {stdout, stderr}) ::_setmode(::_fileno(stream), _O_BINARY);
  if (IsConsole(STD_OUTPUT_HANDLE)) {
    out_ = std::make_unique<ConsoleBuffer>(::GetStdHandle(STD_OUTPUT_HANDLE));
    old_out_ = std::cout.rdbuf(out_.get());
  }
  if (IsConsole(STD_ERROR_HANDLE)) {
    err_ = std::make_unique<ConsoleBuffer>(::GetStdHandle(STD_ERROR_HANDLE));
    old_err_ = std::cerr.rdbuf(err_.get());
    std::cerr << std::unitbuf;
  }
}

Console::~Console() {
  std::cout.flush();
  if (old_out_ != nullptr) std::cout.rdbuf(old_out_);
  if (old_err_ != nullptr) std::cerr.rdbuf(old_err_);
}

}  // namespace mailquench::os
