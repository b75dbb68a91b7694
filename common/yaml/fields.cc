#include "common/yaml/fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/operation/duration.h"

namespace mailquench::yaml {
namespace {
constexpr std::size_t kMaxText = 1000;
constexpr std::size_t kMaxLines = 20000;

bool IsOneLine(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}
}  // namespace

Fields::Fields(const Kind& kind,
               std::string file,
               const YAML::Node& map,
               const std::set<std::string>& keys)
    : kind_(kind), file_(std::move(file)), map_(map), status_(OnlyKeys(kind_, map_, file_, keys)) {}

void Fields::Fault(const char* key, const std::string& what) {
  if (status_.ok())
    status_ = yaml::Fault(kind_, file_, map_[key] ? map_[key].Mark() : map_.Mark(), what);
}

void Fields::With(const char* key, const std::function<void(const YAML::Node&)>& read) {
  if (Has(key)) read(map_[key]);
}

void Fields::Need(const char* key) {
  if (status_.ok() && !map_[key]) Fault(key, absl::StrCat("'", key, "' is missing"));
}

void Fields::Text(const char* key, std::string& out) {
  With(key, [&](const YAML::Node& node) {
    if (!node.IsScalar() || node.Scalar().empty() || node.Scalar().size() > kMaxText ||
        !IsOneLine(node.Scalar()))
      return Fault(key, absl::StrCat("'", key, "' is one line of text"));
    out = node.Scalar();
  });
}

void Fields::Lines(const char* key, std::string& out) {
  With(key, [&](const YAML::Node& node) {
    if (!node.IsScalar() || node.Scalar().size() > kMaxLines)
      return Fault(key, absl::StrCat("'", key, "' is a text of at most ", kMaxLines, " bytes"));
    out = node.Scalar();
  });
}

void Fields::Flag(const char* key, bool& out) {
  With(key, [&](const YAML::Node& node) {
    if (!YAML::convert<bool>::decode(node, out))
      Fault(key, absl::StrCat("'", key, "' is yes or no"));
  });
}

void Fields::Texts(const char* key, std::vector<std::string>& out) {
  With(key, [&](const YAML::Node& node) {
    const auto take = [&](const YAML::Node& one) {
      if (!one.IsScalar() || one.Scalar().empty() || one.Scalar().size() > kMaxText ||
          !IsOneLine(one.Scalar()))
        return Fault(key, absl::StrCat("'", key, "' is a list of texts"));
      out.push_back(one.Scalar());
    };
    out.clear();
    if (!node.IsSequence()) return take(node);
    for (const YAML::Node& one : node) take(one);
  });
}

void Fields::Length(const char* key,
                    absl::Duration shortest,
                    absl::Duration longest,
                    absl::Duration& out) {
  With(key, [&](const YAML::Node& node) {
    const auto length =
        node.IsScalar() ? ParseDuration(node.Scalar()) : absl::InvalidArgumentError("");
    if (!length.ok() || *length < shortest || *length > longest)
      return Fault(
          key, absl::StrCat("'", key, "' is a time span between ", absl::FormatDuration(shortest),
                            " and ", absl::FormatDuration(longest)));
    out = *length;
  });
}

}  // namespace mailquench::yaml
