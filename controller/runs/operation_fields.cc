#include "controller/runs/operation_fields.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "controller/runs/group_rules.h"
#include "google/protobuf/util/json_util.h"

namespace mailquench::controller {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Where a value came from, for the error.
absl::Status Wrong(const std::string& where, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE",
               where + ": " + what + "; nothing was done");
}

// The short word of an enumeration's value: "authenticated-only" of
// RELAY_MODE_AUTHENTICATED_ONLY.
std::string ShortWord(const google::protobuf::EnumValueDescriptor* value) {
  constexpr std::size_t kUnspecified = sizeof("UNSPECIFIED") - 1;
  const std::size_t prefix = value->type()->value(0)->name().size() - kUnspecified;
  std::string word = value->name().substr(prefix);
  for (char& c : word) c = c == '_' ? '-' : absl::ascii_tolower(c);
  return word;
}

// The value that `text` names, as a short word or in full; upper and lower case alike.
const google::protobuf::EnumValueDescriptor* EnumValue(const FieldDescriptor* field,
                                                       const std::string& text) {
  const std::string word = absl::StrReplaceAll(absl::AsciiStrToLower(text), {{"_", "-"}});
  for (int i = 1; i < field->enum_type()->value_count(); ++i) {
    const auto* value = field->enum_type()->value(i);
    if (word == ShortWord(value) || absl::EqualsIgnoreCase(text, value->name())) return value;
  }
  return nullptr;
}

std::string EnumWords(const FieldDescriptor* field) {
  std::vector<std::string> words;
  for (int i = 1; i < field->enum_type()->value_count(); ++i) {
    words.push_back(ShortWord(field->enum_type()->value(i)));
  }
  return absl::StrJoin(words, ", ");
}

// Sets, or for a list adds, one value.
absl::Status SetScalar(Message* message,
                       const FieldDescriptor* field,
                       const std::string& text,
                       const std::string& where) {
  const auto* reflection = message->GetReflection();
  const std::string bad = "'" + text + "' is no value for " + field->name();
  const bool list = field->is_repeated();
  std::int64_t number = 0;
  double real = 0;
  bool flag = false;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (list) {
        reflection->AddString(message, field, text);
      } else {
        reflection->SetString(message, field, text);
      }
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = EnumValue(field, text);
      if (value == nullptr)
        return Wrong(where, bad + ", one of these is wanted: " + EnumWords(field));
      reflection->SetEnum(message, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32:
      if (!absl::SimpleAtoi(text, &number) || number != static_cast<std::int32_t>(number)) {
        return Wrong(where, bad + ", a whole number is wanted");
      }
      reflection->SetInt32(message, field, static_cast<std::int32_t>(number));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT64:
      if (!absl::SimpleAtoi(text, &number)) return Wrong(where, bad + ", a whole number is wanted");
      reflection->SetInt64(message, field, number);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!absl::SimpleAtod(text, &real)) return Wrong(where, bad + ", a number is wanted");
      reflection->SetDouble(message, field, real);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!absl::SimpleAtob(text, &flag)) return Wrong(where, bad + ", true or false is wanted");
      reflection->SetBool(message, field, flag);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (field->message_type()->full_name() != "google.protobuf.Duration") break;
      const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
      if (!duration.ok() || *duration > absl::Hours(24 * 365)) {
        return Wrong(where, bad + ", a length of time such as 2s or 15m is wanted");
      }
      reflection->MutableMessage(message, field)->CopyFrom(ToProtoDuration(*duration));
      return absl::OkStatus();
    }
    default:
      break;
  }
  return Wrong(where, bad);
}

std::string Place(const YAML::Node& node, const std::string& file) {
  return absl::StrCat(file, ":", node.Mark().line + 1, ":", node.Mark().column + 1);
}

// The message of the operation's kind.
Message* KindOf(v1::Operation* operation) {
  const auto* oneof = v1::Operation::descriptor()->FindOneofByName("kind");
  const auto* field = operation->GetReflection()->GetOneofFieldDescriptor(*operation, oneof);
  return field == nullptr ? nullptr : operation->GetReflection()->MutableMessage(operation, field);
}

absl::Status SetParameter(Message* message,
                          const FieldDescriptor* field,
                          const std::string& text,
                          const std::string& where) {
  const bool is_duration = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                           field->message_type()->full_name() == "google.protobuf.Duration";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !is_duration) {
    message->GetReflection()->ClearField(message, field);
    std::unique_ptr<Message> part(message->New());
    const auto status = google::protobuf::util::JsonStringToMessage(
        "{\"" + field->name() + "\":" + text + "}", part.get());
    if (!status.ok()) return Wrong(where, "no valid JSON: " + std::string(status.message()));
    message->MergeFrom(*part);
    return absl::OkStatus();
  }
  message->GetReflection()->ClearField(message, field);
  if (!field->is_repeated()) return SetScalar(message, field, text, where);
  const std::vector<std::string> values = absl::StrSplit(text, ',', absl::SkipEmpty());
  for (const std::string& value : values) {
    MQ_RETURN_IF_ERROR(SetScalar(message, field, value, where));
  }
  return absl::OkStatus();
}

}  // namespace

std::string OperationName(const v1::Operation& operation) {
  const auto* oneof = v1::Operation::descriptor()->FindOneofByName("kind");
  const auto* field = operation.GetReflection()->GetOneofFieldDescriptor(operation, oneof);
  if (field == nullptr) return "";
  std::string name = field->name();
  std::replace(name.begin(), name.end(), '_', '.');
  return name;
}

bool SetOperation(const std::string& name, v1::Operation* operation) {
  std::string field_name = name;
  std::replace(field_name.begin(), field_name.end(), '.', '_');
  const FieldDescriptor* field = v1::Operation::descriptor()->FindFieldByName(field_name);
  if (field == nullptr || name.find('_') != std::string::npos) return false;
  operation->GetReflection()->MutableMessage(operation, field);
  return true;
}

absl::Status FillFromYaml(const YAML::Node& map, const std::string& file, Message* outer) {
  Message* message = outer;
  if (auto* operation = dynamic_cast<v1::Operation*>(outer)) message = KindOf(operation);
  if (message == nullptr || !map.IsMap()) return Wrong(Place(map, file), "a map is wanted here");
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string where = Place(entry.first, file);
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(key);
    if (field == nullptr) {
      return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_KEY",
                   absl::StrCat(where, ": there is no '", key, "' in ",
                                message->GetDescriptor()->name(), "; nothing was done"));
    }
    // YAML's readers differ in which of the two counts, and so would a person.
    if (!seen.insert(key).second) return Wrong(where, "'" + key + "' twice");
    const YAML::Node& value = entry.second;
    if (value.IsSequence() != field->is_repeated()) {
      return Wrong(where,
                   "'" + key + "' is " + (field->is_repeated() ? "a list" : "a single value"));
    }
    if (value.IsScalar()) {
      MQ_RETURN_IF_ERROR(SetScalar(message, field, value.Scalar(), Place(value, file)));
      continue;
    }
    const bool messages = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (value.IsMap() && messages) {
      MQ_RETURN_IF_ERROR(
          FillFromYaml(value, file, message->GetReflection()->MutableMessage(message, field)));
      continue;
    }
    if (!value.IsSequence()) return Wrong(where, "'" + key + "' has no usable value");
    for (const YAML::Node& item : value) {
      if (messages) {
        MQ_RETURN_IF_ERROR(
            FillFromYaml(item, file, message->GetReflection()->AddMessage(message, field)));
      } else {
        if (!item.IsScalar()) return Wrong(Place(item, file), "'" + key + "' lists single values");
        MQ_RETURN_IF_ERROR(SetScalar(message, field, item.Scalar(), Place(item, file)));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyParameters(const std::map<std::string, std::string>& parameters,
                             v1::Playbook* playbook) {
  for (const auto& [name, text] : parameters) {
    const std::string where = "parameter " + name;
    bool used = false;
    if (name == "waves") {
      const std::vector<std::string> waves = absl::StrSplit(text, ',', absl::SkipEmpty());
      playbook->clear_waves();
      for (const std::string& wave : waves) playbook->add_waves(wave);
      continue;
    }
    if (name == "max_failures") {
      int number = 0;
      if (!absl::SimpleAtoi(text, &number) || number < 0) {
        return Wrong(where, "'" + text + "' is no number of failures");
      }
      playbook->set_max_failures(number);
      continue;
    }
    if (name == kWithoutCopies) continue;  // It names organisations: the plan knows them.
    if (name == "until" || name == "organisation_elsewhere") {
      return Wrong(where, "how a contain is parted between steps and hosts is no parameter");
    }
    for (v1::PlaybookStep& step : *playbook->mutable_steps()) {
      Message* kind = KindOf(step.mutable_operation());
      if (name == "vantage" && step.operation().has_relay_probe()) {
        step.set_vantage(text);
        used = true;
      }
      if (kind == nullptr) continue;
      const FieldDescriptor* field = kind->GetDescriptor()->FindFieldByName(name);
      if (field == nullptr) continue;
      MQ_RETURN_IF_ERROR(SetParameter(kind, field, text, where));
      used = true;
    }
    if (used) continue;
    return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_PARAMETER",
                 "no step of the playbook " + playbook->name() + " takes the parameter '" + name +
                     "'; nothing was done");
  }
  if (parameters.count("lease") == 0) return absl::OkStatus();
  for (const v1::PlaybookStep& step : playbook->steps()) {
    if (ShortLease(step))
      return Wrong("parameter lease",
                   absl::StrCat("of a contain in lockstep it is at least ", kLeastLeaseSeconds,
                                "s, three heartbeats: a shorter one ends while the group waits"));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
