#include "cli/output/guard.h"

#include <ostream>

#include "common/text/harmless.h"

namespace mailquench::cli {

Guard::~Guard() {
  Raw("");
}

bool Guard::Pass(std::string_view text) {
  const auto size = static_cast<std::streamsize>(text.size());
  return to_->sputn(text.data(), size) == size;
}

void Guard::Raw(std::string_view text) {
  Pass(HarmlessLines(cut_));
  cut_.clear();
  Pass(text);
}

std::streamsize Guard::xsputn(const char* text, std::streamsize size) {
  std::string all = std::move(cut_);
  all.append(text, static_cast<std::size_t>(size));
  const std::size_t cut = CutAtEnd(all);
  cut_ = all.substr(all.size() - cut);
  all.resize(all.size() - cut);
  return Pass(HarmlessLines(all)) ? size : 0;
}

Guard::int_type Guard::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char one = traits_type::to_char_type(c);
  return xsputn(&one, 1) == 1 ? c : traits_type::eof();
}

int Guard::sync() {
  return to_->pubsync();
}

std::ostream& operator<<(std::ostream& out, Colour colour) {
  const char* text = colour == Colour::kRed      ? "\x1b[31m"
                     : colour == Colour::kGreen  ? "\x1b[32m"
                     : colour == Colour::kYellow ? "\x1b[33m"
                                                 : "\x1b[0m";
  if (auto* guard = dynamic_cast<Guard*>(out.rdbuf()); guard != nullptr) {
    guard->Raw(text);
    return out;
  }
  return out << text;
}

}  // namespace mailquench::cli
