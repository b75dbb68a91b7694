// The last thing before the terminal: every byte of stdout and stderr goes through a Guard, so that
// what a command forgot to clean is harmless all the same.
#ifndef MAILQUENCH_CLI_OUTPUT_GUARD_H_
#define MAILQUENCH_CLI_OUTPUT_GUARD_H_

#include <iosfwd>
#include <streambuf>
#include <string>
#include <string_view>

namespace mailquench::cli {

// Passes HarmlessLines() of what is written on to `to`, which must outlive it.
class Guard final : public std::streambuf {
 public:
  explicit Guard(std::streambuf* to) : to_(to) {}
  ~Guard() override;

  // Our own colours are the one thing that passes as it is.
  void Raw(std::string_view text);

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  bool Pass(std::string_view text);

  std::streambuf* const to_;
  std::string cut_;  // The beginning of a character whose rest has not come yet.
};

enum class Colour { kNone, kRed, kGreen, kYellow };

// Whoever writes this asks Session::Colour() first.
std::ostream& operator<<(std::ostream& out, Colour colour);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_GUARD_H_
