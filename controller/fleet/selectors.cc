#include "controller/fleet/selectors.h"

#include <algorithm>
#include <cctype>

#include "common/status/error.h"

namespace mailquench::controller {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  void SkipSpace() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool AtEnd() {
    SkipSpace();
    return at_ == text_.size();
  }
  bool Take(const std::string& token) {
    SkipSpace();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  std::string Word() {
    SkipSpace();
    const std::size_t from = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string("._-/").find(text_[at_]) != std::string::npos)) {
      ++at_;
    }
    return text_.substr(from, at_ - from);
  }
  // A whole word, so that a label "index" is not read as the operator "in".
  bool TakeWord(const std::string& word) {
    const std::size_t before = at_;
    if (Word() == word) return true;
    at_ = before;
    return false;
  }
  absl::Status Wrong(const std::string& expected) {
    SkipSpace();
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SELECTOR",
                 "the selector '" + text_ + "' is wrong at column " + std::to_string(at_ + 1) +
                     ": expected " + expected + "; nothing was done");
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

absl::StatusOr<Selector> Selector::Parse(const std::string& text) {
  Selector selector;
  Reader reader(text);
  if (reader.AtEnd()) return selector;
  do {
    Term term;
    term.negated = reader.Take("!");
    const bool bare = term.negated;
    term.key = reader.Word();
    if (term.key.empty()) return reader.Wrong("a label's key");
    if (!bare) {
      if (reader.Take("!=")) {
        term.negated = true;
        term.values.push_back(reader.Word());
      } else if (reader.Take("=")) {
        reader.Take("=");  // `==` means the same.
        term.values.push_back(reader.Word());
      } else if (reader.TakeWord("in") || (term.negated = reader.TakeWord("notin"))) {
        if (!reader.Take("(")) return reader.Wrong("'('");
        do {
          term.values.push_back(reader.Word());
          if (term.values.back().empty()) return reader.Wrong("a value");
        } while (reader.Take(","));
        if (!reader.Take(")")) return reader.Wrong("',' or ')'");
      }
      if (!term.values.empty() && term.values[0].empty()) return reader.Wrong("a value");
    }
    selector.terms_.push_back(std::move(term));
    if (reader.AtEnd()) return selector;
  } while (reader.Take(","));
  return reader.Wrong("',' or an operator ('=', '!=', 'in', 'notin')");
}

bool Selector::Matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const auto label = labels.find(term.key);
    bool holds = label != labels.end();
    if (holds && !term.values.empty()) {
      holds = std::find(term.values.begin(), term.values.end(), label->second) != term.values.end();
    }
    return holds != term.negated;
  });
}

std::vector<std::string> Selector::Keys() const {
  std::vector<std::string> keys;
  for (const Term& term : terms_) keys.push_back(term.key);
  return keys;
}

}  // namespace mailquench::controller
