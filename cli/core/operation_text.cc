#include "cli/core/operation_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/output/printer.h"
#include "common/operation/duration.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string DotName(std::string field) {
  const auto at = field.find('_');
  if (at != std::string::npos) field[at] = '.';
  return field;
}

absl::Status BadValue(const std::string& path, const std::string& value, const std::string& want) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE",
               absl::StrCat("'", value, "' does not fit ", path, "; write ", want, "."));
}

absl::Status SetOne(Message* message,
                    const FieldDescriptor* field,
                    const std::string& path,
                    const std::string& value) {
  const auto* reflection = message->GetReflection();
  const bool many = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      many ? reflection->AddString(message, field, value)
           : reflection->SetString(message, field, value);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value != "true" && value != "false") return BadValue(path, value, "true or false");
      reflection->SetBool(message, field, value == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64: {
      std::int64_t number = 0;
      const char* end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, number);
      const bool small = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32;
      if (read.ec != std::errc() || read.ptr != end ||
          (small && number != static_cast<std::int32_t>(number))) {
        return BadValue(path, value, "a whole number");
      }
      small ? reflection->SetInt32(message, field, static_cast<std::int32_t>(number))
            : reflection->SetInt64(message, field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      char* end = nullptr;
      const double number = std::strtod(value.c_str(), &end);
      if (value.empty() || *end != '\0') return BadValue(path, value, "a number");
      reflection->SetDouble(message, field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string words;
      const std::string prefix =
          std::string(field->enum_type()->value(0)->name())
              .substr(0, field->enum_type()->value(0)->name().size() - sizeof("UNSPECIFIED") + 1);
      for (int i = 1; i < field->enum_type()->value_count(); ++i) {
        const auto* candidate = field->enum_type()->value(i);
        const std::string word = EnumWord(candidate->name(), prefix);
        if (value == word || value == candidate->name()) {
          reflection->SetEnum(message, field, candidate);
          return absl::OkStatus();
        }
        absl::StrAppend(&words, words.empty() ? "" : ", ", word);
      }
      return BadValue(path, value, absl::StrCat("one of ", words));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field->message_type()->full_name() == "google.protobuf.Duration") {
        auto duration = ParseDuration(value);
        if (!duration.ok()) return duration.status();
        reflection->MutableMessage(message, field)->CopyFrom(ToProtoDuration(*duration));
        return absl::OkStatus();
      }
      return BadValue(path, value, "its parts one by one, with dots");
    default:
      return BadValue(path, value, "another field; this one cannot be set here");
  }
}

std::string FieldNames(const Message& message) {
  std::vector<std::string> names;
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  std::string out;
  for (const auto& name : names) absl::StrAppend(&out, out.empty() ? "" : ", ", name);
  return out.empty() ? "none" : out;
}

Message* Arguments(v1::Operation* operation) {
  const auto* field = operation->GetReflection()->GetOneofFieldDescriptor(
      *operation, operation->GetDescriptor()->oneof_decl(0));
  return field == nullptr ? nullptr : operation->GetReflection()->MutableMessage(operation, field);
}

}  // namespace

std::vector<std::string> OperationNames() {
  std::vector<std::string> names;
  const auto* type = v1::Operation::descriptor();
  for (int i = 0; i < type->field_count(); ++i) names.push_back(DotName(type->field(i)->name()));
  return names;
}

absl::StatusOr<v1::Operation> MakeOperation(const std::string& name) {
  const auto* type = v1::Operation::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (DotName(type->field(i)->name()) != name) continue;
    v1::Operation operation;
    operation.GetReflection()->MutableMessage(&operation, type->field(i));
    return operation;
  }
  return Error(
      absl::StatusCode::kInvalidArgument, "UNKNOWN_OPERATION",
      absl::StrCat("There is no operation '", name, "'.", DidYouMean(name, OperationNames()),
                   " `mailquench run op --help` lists them."));
}

std::string NameOf(const v1::Operation& operation) {
  const auto* field = operation.GetReflection()->GetOneofFieldDescriptor(
      operation, operation.GetDescriptor()->oneof_decl(0));
  return field == nullptr ? "" : DotName(field->name());
}

absl::Status SetField(v1::Operation* operation, const std::string& assignment) {
  const auto equals = assignment.find('=');
  Message* message = Arguments(operation);
  if (equals == std::string::npos || message == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_VALUE",
                 absl::StrCat("--set wants field=value, not '", assignment, "'."));
  }
  const std::string path = assignment.substr(0, equals);
  const std::string value = assignment.substr(equals + 1);
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto* field = message->GetDescriptor()->FindFieldByName(parts[i]);
    if (field == nullptr) {
      return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_FIELD",
                   absl::StrCat(NameOf(*operation), " has no field '", path, "'; at '", parts[i],
                                "' there are: ", FieldNames(*message), "."));
    }
    if (i + 1 < parts.size()) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
        return BadValue(path, value, absl::StrCat("no dot after ", parts[i]));
      }
      message = message->GetReflection()->MutableMessage(message, field);
      continue;
    }
    if (!field->is_repeated()) return SetOne(message, field, path, value);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return BadValue(path, value, "this through its own command; --set has no form for it");
    }
    for (const std::string& one : std::vector<std::string>(absl::StrSplit(value, ','))) {
      MQ_RETURN_IF_ERROR(SetOne(message, field, path, one));
    }
  }
  return absl::OkStatus();
}

v1::MessageFilter* FilterOf(v1::Operation* operation) {
  switch (operation->kind_case()) {
    case v1::Operation::kQueueQuarantine:
      return operation->mutable_queue_quarantine()->mutable_filter();
    case v1::Operation::kQuarantineAnalyse:
      return operation->mutable_quarantine_analyse()->mutable_filter();
    case v1::Operation::kQuarantineRelease:
      return operation->mutable_quarantine_release()->mutable_filter();
    case v1::Operation::kQuarantineDiscard:
      return operation->mutable_quarantine_discard()->mutable_filter();
    default:
      return nullptr;
  }
}

v1::OperationClass ClassOf(const v1::Operation& operation) {
  const v1::OperationClass known = mailquench::ClassOf(operation);
  return known == v1::OPERATION_CLASS_UNSPECIFIED ? v1::OPERATION_CLASS_REVERSIBLE : known;
}

}  // namespace mailquench::cli
