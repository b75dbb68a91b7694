// Matchers of alerts, as Alertmanager writes them.
#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/rules.h"
#include "re2/re2.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kMostPattern = 1024;
// Of one regular expression, compiled. Larger ones are refused, not run slowly.
constexpr std::int64_t kMostMemory = std::int64_t{256} * 1024;

absl::Status Wrong(const std::string& text, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_MATCHER",
               absl::StrCat("the matcher '", text, "' is wrong: ", what,
                            "; one reads like alertname=\"MailQueueFlood\" or "
                            "severity=~\"critical|page\""));
}

bool IsNameByte(char c, bool first) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == ':' ||
         (!first && absl::ascii_isdigit(static_cast<unsigned char>(c)));
}

// What stands behind the operator, without its quotes and escapes: \" \n \\ are escapes, any other
// backslash is one. "" and an error's sentence.
std::string Unquote(absl::string_view raw, std::string* value) {
  bool quoted = !raw.empty() && raw.front() == '"';
  if (quoted) raw.remove_prefix(1);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    const bool last = i + 1 == raw.size();
    if (c == '\\' && !last) {
      const char next = raw[++i];
      if (next == 'n') {
        value->push_back('\n');
      } else {
        if (next != '"' && next != '\\') value->push_back('\\');
        value->push_back(next);
      }
    } else if (c == '"') {
      if (!quoted || !last) return "a quote inside the value is written \\\"";
      quoted = false;
    } else {
      value->push_back(c);
    }
  }
  return quoted ? "its closing quote is missing" : "";
}

}  // namespace

absl::StatusOr<Matcher> Matcher::Parse(const std::string& text) {
  if (text.size() > kMostPattern)
    return Wrong(text.substr(0, 60) + "...",
                 absl::StrCat("it has more than ", kMostPattern, " bytes"));
  Matcher matcher;
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  matcher.text_ = std::string(rest);
  std::size_t name = 0;
  while (name < rest.size() && IsNameByte(rest[name], name == 0)) ++name;
  if (name == 0) return Wrong(text, "it begins with no label's name");
  matcher.label_ = std::string(rest.substr(0, name));
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(name));
  for (const char* one : {"=~", "!~", "!=", "="}) {
    if (rest.substr(0, std::string(one).size()) != one) continue;
    matcher.operator_ = one;
    break;
  }
  if (matcher.operator_.empty()) return Wrong(text, "=, !=, =~ or !~ is missing behind the label");
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(matcher.operator_.size()));
  const std::string wrong = Unquote(rest, &matcher.value_);
  if (!wrong.empty()) return Wrong(text, wrong);

  const bool negated = matcher.operator_[0] == '!';
  if (matcher.operator_.back() != '~') {
    matcher.test_ = [negated, value = matcher.value_](const std::string& one) {
      return (one == value) != negated;
    };
    return matcher;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  const auto expression = std::make_shared<const RE2>(matcher.value_, options);
  if (!expression->ok())
    return Wrong(text, "its regular expression is not valid: " + expression->error());
  matcher.test_ = [negated, expression](const std::string& one) {
    return RE2::FullMatch(one, *expression) != negated;
  };
  return matcher;
}

bool Matcher::Matches(const google::protobuf::Map<std::string, std::string>& labels) const {
  const auto label = labels.find(label_);
  return test_(label == labels.end() ? std::string() : label->second);
}

bool Matcher::FollowsFrom(const std::vector<Matcher>& others) const {
  return std::any_of(others.begin(), others.end(), [&](const Matcher& other) {
    if (other.label_ != label_) return false;
    if (other.operator_ == operator_ && other.value_ == value_) return true;
    return other.operator_ == "=" && test_(other.value_);
  });
}

}  // namespace mailquench::controller
