#include "controller/escalation/json_document.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 32;

std::string Short(const std::string& text) {
  constexpr std::size_t kMost = 200;
  return Harmless(text.size() <= kMost ? text : text.substr(0, kMost) + "...");
}

// Makes the document as the library's own reader would, and stops at what is not wanted.
class Builder final : public nlohmann::json_sax<json> {
 public:
  explicit Builder(json* root) : root_(root) {}
  const std::string& why() const { return why_; }

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return Stop("binary data"); }
  bool start_object(std::size_t /*size*/) override { return Open(json::object()); }
  bool start_array(std::size_t /*size*/) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      return Stop(absl::StrCat("an object has the name '", Short(name), "' twice"));
    }
    name_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t /*at*/,
                   const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    const std::string text = error.what();
    const std::size_t end = text.find("] ");
    return Stop(Short(end == std::string::npos ? text : text.substr(end + 2)));
  }

 private:
  bool Stop(std::string why) {
    why_ = std::move(why);
    return false;
  }
  json* Place(json value) {
    if (open_.empty()) {
      *root_ = std::move(value);
      return root_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    json& place = parent[name_];
    place = std::move(value);
    return &place;
  }
  bool Put(json value) {
    Place(std::move(value));
    return true;
  }
  // A parent does not grow while a child of it is open, so that the places stay where they are.
  bool Open(json value) {
    if (open_.size() == kMaxDepth) {
      return Stop(absl::StrCat("it is nested more than ", kMaxDepth, " levels deep"));
    }
    open_.push_back(Place(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  json* const root_;
  std::vector<json*> open_;
  std::string name_;
  std::string why_;
};

}  // namespace

absl::Status BadAlerts(const std::string& where, const std::string& why) {
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_ALERTS",
      absl::StrCat(where.empty() ? "The document" : where, ": ", why, "; nothing of it was taken"));
}

absl::StatusOr<json> ParseJson(const std::string& document) {
  if (document.find('\0') != std::string::npos) {
    return BadAlerts("", absl::StrCat("byte ", document.find('\0') + 1, " is NUL"));
  }
  if (document.find_first_not_of(" \t\r\n") == std::string::npos) {
    return BadAlerts("", "it is empty");
  }
  json root;
  Builder builder(&root);
  if (!json::sax_parse(document, &builder)) return BadAlerts("", builder.why());
  return root;
}

absl::StatusOr<JsonObject> JsonObject::Of(const json& value, const std::string& where) {
  if (!value.is_object()) {
    return BadAlerts(where, absl::StrCat("an object is wanted, not ", value.type_name()));
  }
  return JsonObject(&value, where);
}

std::string JsonObject::Where(const std::string& name) const {
  return where_.empty() ? name : absl::StrCat(where_, ".", name);
}

absl::Status JsonObject::At(const absl::Status& status) const {
  return where_.empty() ? status : Prepend(status, where_);
}

const json* JsonObject::Find(const std::string& name) const {
  const auto found = value_->find(name);
  return found == value_->end() ? nullptr : &*found;
}

absl::Status JsonObject::Wrong(const std::string& name, const std::string& wanted) const {
  return BadAlerts(Where(name), absl::StrCat(wanted, " is wanted, not ", Find(name)->type_name()));
}

absl::Status JsonObject::Text(const std::string& name, std::string* text) const {
  text->clear();
  const json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) return Wrong(name, "a text");
  *text = value->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status JsonObject::Texts(const std::string& name,
                               google::protobuf::Map<std::string, std::string>* texts) const {
  texts->clear();
  const json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_object()) return Wrong(name, "an object of texts");
  for (const auto& [key, one] : value->items()) {
    if (!one.is_string()) {
      return BadAlerts(absl::StrCat(Where(name), ".", Short(key)),
                       absl::StrCat("a text is wanted, not ", one.type_name()));
    }
    (*texts)[key] = one.template get_ref<const std::string&>();
  }
  return absl::OkStatus();
}

absl::Status JsonObject::Count(const std::string& name, std::int64_t* count) const {
  *count = 0;
  const json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  constexpr std::uint64_t kMost = 1'000'000'000'000;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kMost) {
    return BadAlerts(Where(name), "a whole number from 0 on is wanted");
  }
  *count = static_cast<std::int64_t>(value->get<std::uint64_t>());
  return absl::OkStatus();
}

absl::Status JsonObject::Time(const std::string& name,
                              google::protobuf::Timestamp* time,
                              bool* set) const {
  *set = false;
  std::string text;
  MQ_RETURN_IF_ERROR(Text(name, &text));
  if (text.empty()) return absl::OkStatus();
  absl::Time parsed;
  std::string why;
  // The library also reads "infinite-past".
  if (text.find_first_not_of("0123456789-+:.TtZz") != std::string::npos ||
      !absl::ParseTime(absl::RFC3339_full, text, &parsed, &why)) {
    return BadAlerts(Where(name), absl::StrCat("'", Short(text),
                                               "' is no time as RFC 3339 has "
                                               "them (2026-11-26T07:30:00Z)"));
  }
  const absl::CivilSecond civil = absl::ToCivilSecond(parsed, absl::UTCTimeZone());
  if (civil.year() <= 1) return absl::OkStatus();
  if (civil.year() > 9999) return BadAlerts(Where(name), "the year is beyond 9999");
  const std::int64_t seconds = absl::ToUnixSeconds(parsed);
  time->set_seconds(seconds);
  time->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(parsed - absl::FromUnixSeconds(seconds))));
  *set = true;
  return absl::OkStatus();
}

absl::StatusOr<const json*> JsonObject::Array(const std::string& name) const {
  const json* value = Find(name);
  if (value != nullptr && !value->is_array()) return Wrong(name, "an array");
  return value;
}

}  // namespace mailquench::controller
