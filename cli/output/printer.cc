#include "cli/output/printer.h"

#include <google/protobuf/util/json_util.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void EmitText(const std::string& text, YAML::Emitter* out) {
  // "12" and "true" as text must stay text for whoever reads it, and what is escaped must stand in
  // double quotes.
  const bool quote =
      text.empty() || text == "~" || OrderedJson::accept(text) || Harmless(text) != text;
  if (quote) *out << YAML::DoubleQuoted;
  *out << text;
}

void Emit(const OrderedJson& json, YAML::Emitter* out) {
  if (json.is_object()) {
    if (json.empty()) *out << YAML::Flow;
    *out << YAML::BeginMap;
    for (const auto& [key, value] : json.items()) {
      *out << YAML::Key;
      EmitText(key, out);
      *out << YAML::Value;
      Emit(value, out);
    }
    *out << YAML::EndMap;
  } else if (json.is_array()) {
    if (json.empty()) *out << YAML::Flow;
    *out << YAML::BeginSeq;
    for (const auto& value : json) Emit(value, out);
    *out << YAML::EndSeq;
  } else if (json.is_string()) {
    EmitText(json.get<std::string>(), out);
  } else {
    *out << json.dump();
  }
}

std::string Yaml(const OrderedJson& json) {
  YAML::Emitter out;
  Emit(json, &out);
  return EscapeHarmful(out.c_str());
}

const google::protobuf::FieldDescriptor* ListField(const google::protobuf::Message& message) {
  const auto* type = message.GetDescriptor();
  if (type->name().rfind("List", 0) != 0 || type->field_count() == 0) return nullptr;
  const auto* field = type->field(0);
  return field->is_repeated() &&
                 field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE
             ? field
             : nullptr;
}

}  // namespace

std::string Render(const Table& table) {
  std::vector<std::vector<std::string>> rows;
  if (!table.header.empty()) rows.push_back(table.header);
  rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = Harmless(row[i]);
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string out;
  const auto status = google::protobuf::util::MessageToJsonString(message, &out, options);
  if (!status.ok()) {
    return Error(absl::StatusCode::kInternal, "OUTPUT_FAILED",
                 absl::StrCat("The answer cannot be written as JSON (", status.ToString(),
                              "); it was received whole, ask again with -o table."));
  }
  return EscapeHarmful(out);
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  auto line = ToJsonLine(message);
  if (!line.ok()) return line.status();
  return EscapeHarmful(OrderedJson::parse(*line).dump(2));
}

absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message) {
  auto line = ToJsonLine(message);
  if (!line.ok()) return line.status();
  return Yaml(OrderedJson::parse(*line));
}

absl::Status Print(const std::string& output,
                   const google::protobuf::Message& message,
                   const Table& table,
                   std::ostream& out) {
  if (output == "table") {
    out << Render(table);
    return absl::OkStatus();
  }
  if (output == "jsonl") {
    if (const auto* list = ListField(message); list != nullptr) {
      const auto* reflection = message.GetReflection();
      for (int i = 0; i < reflection->FieldSize(message, list); ++i) {
        auto line = ToJsonLine(reflection->GetRepeatedMessage(message, list, i));
        if (!line.ok()) return line.status();
        out << *line << '\n';
      }
      return absl::OkStatus();
    }
  }
  auto text = output == "yaml"    ? ToYaml(message)
              : output == "jsonl" ? ToJsonLine(message)
                                  : ToJson(message);
  if (!text.ok()) return text.status();
  out << *text << '\n';
  return absl::OkStatus();
}

absl::Status Results::Add(const google::protobuf::Message& message, const Table& table) {
  if (!as_list_ || output_ == "table" || output_ == "jsonl") {
    return Print(output_, message, table, *out_);
  }
  auto line = ToJsonLine(message);
  if (!line.ok()) return line.status();
  kept_.push_back(*std::move(line));
  return absl::OkStatus();
}

void Results::Finish() {
  if (kept_.empty()) return;
  OrderedJson all = OrderedJson::array();
  for (const std::string& line : kept_) all.push_back(OrderedJson::parse(line));
  *out_ << (output_ == "yaml" ? Yaml(all) : EscapeHarmful(all.dump(2))) << '\n';
  kept_.clear();
}

std::string EnumWord(const std::string& name, const std::string& prefix) {
  std::string word = name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
  for (char& c : word) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return word;
}

}  // namespace mailquench::cli
