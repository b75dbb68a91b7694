#include "agent/mail/postfix/main_cf.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mailquench::agent::postfix {
namespace {
std::string NameOf(const FlatLine& line) {
  const std::size_t equals = line.text.find('=');
  if (equals == std::string::npos) return "";
  return std::string(absl::StripAsciiWhitespace(line.text.substr(0, equals)));
}
}  // namespace

MainCf::MainCf(const std::string& text) : file_(text, NameOf) {}

std::optional<std::string> MainCf::Value(const std::string& name) const {
  const std::optional<std::string> raw = Get(name);
  if (!raw.has_value()) return std::nullopt;
  const std::string text = Flatten(*raw).text;
  return std::string(absl::StripAsciiWhitespace(text.substr(text.find('=') + 1)));
}

void MainCf::Set(const std::string& name, const std::string& value) {
  file_.SetRaw(name, absl::StrCat(name, " = ", value, file_.line_end()));
}

void MainCf::SetRaw(const std::string& name, const std::optional<std::string>& raw) {
  if (raw.has_value()) {
    file_.SetRaw(name, *raw);
  } else {
    file_.Remove(name);
  }
}

}  // namespace mailquench::agent::postfix
