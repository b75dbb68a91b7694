#include "tests/simulation/smtpsvc/message_file.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mailquench::simulation {
namespace {

std::filesystem::path PathOf(const std::string& utf8) {
  return std::filesystem::path(std::u8string(utf8.begin(), utf8.end()));
}

std::string NewName() {
  static const std::uint64_t base = std::random_device()();
  static std::atomic<std::uint64_t> next = 0;
  return absl::StrFormat("NTFS_%08x%08x", base, ++next);
}

// Under a name that nobody takes for a message, then renamed.
bool WriteWhole(const std::string& folder, const std::string& name, const std::string& text) {
  const std::filesystem::path temporary = PathOf(absl::StrCat(folder, "/", name, ".tmp"));
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    if (!out.flush()) return false;
  }
  std::error_code error;
  std::filesystem::rename(temporary, PathOf(absl::StrCat(folder, "/", name)), error);
  return !error;
}

std::string Whole(const Message& message) {
  std::string text = absl::StrCat("x-sender: ", message.sender, "\r\n");
  for (const std::string& one : message.recipients)
    absl::StrAppend(&text, "x-receiver: ", one, "\r\n");
  return absl::StrCat(text, message.content);
}

}  // namespace

std::string WriteMessage(const std::string& folder, const Message& message) {
  const std::string name = NewName() + ".EML";
  return WriteWhole(folder, name, Whole(message)) ? absl::StrCat(folder, "/", name) : "";
}

std::optional<Message> ReadMessage(const std::string& path) {
  std::ifstream in(PathOf(path), std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  Message message;
  bool known = false;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos) break;
    const std::string line = text.substr(at, end - at);
    if (absl::StartsWithIgnoreCase(line, "x-sender:")) {
      known = true;
      message.sender = line.size() > 10 ? line.substr(10) : "";
    } else if (absl::StartsWithIgnoreCase(line, "x-receiver: ")) {
      message.recipients.push_back(line.substr(12));
    } else {
      break;
    }
    at = end + 2;
  }
  if (!known || message.recipients.empty()) return std::nullopt;
  message.content = text.substr(at);
  return message;
}

bool WriteBadMail(const std::string& folder, const Message& message, const std::string& why) {
  const std::string name = NewName();
  return WriteWhole(folder, name + ".BAD", message.content) &&
         WriteWhole(folder, name + ".BDR",
                    absl::StrCat("Unable to deliver this message because: ", why, "\r\n")) &&
         WriteWhole(folder, name + ".BDP", Whole({message.sender, message.recipients, ""}));
}

}  // namespace mailquench::simulation
