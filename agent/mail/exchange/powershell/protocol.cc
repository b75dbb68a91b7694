#include "agent/mail/exchange/powershell/protocol.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::exchange {
namespace {
using nlohmann::json;

// A discarded value where it is none; without exceptions.
json Parse(absl::string_view text) {
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

// False where there is no such member of that type.
bool Get(const json& object, const char* name, std::string& to) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return false;
  to = at->get<std::string>();
  return true;
}
bool Get(const json& object, const char* name, bool& to) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_boolean()) return false;
  to = at->get<bool>();
  return true;
}
const json* GetArray(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() || !at->is_array() ? nullptr : &*at;
}

bool AllTexts(const json& array, std::vector<std::string>& to) {
  for (const json& one : array) {
    if (!one.is_string()) return false;
    to.push_back(one.get<std::string>());
  }
  return true;
}

std::optional<Cell> ParseCell(const json& value) {
  Cell cell;
  if (value.is_null()) return cell;
  cell.null = false;
  if (value.is_string()) {
    cell.texts.push_back(value.get<std::string>());
    return cell;
  }
  cell.list = true;
  if (!value.is_array() || !AllTexts(value, cell.texts)) return std::nullopt;
  return cell;
}

std::optional<Row> ParseRow(const json& cells, const std::vector<std::string>& fields) {
  if (!cells.is_array() || cells.size() != fields.size()) return std::nullopt;
  Row row;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::optional<Cell> cell = ParseCell(cells[i]);
    if (!cell) return std::nullopt;
    row[fields[i]] = *std::move(cell);
  }
  return row;
}

std::optional<Fault> ParseFault(const json& value) {
  Fault fault;
  if (!value.is_object() || !Get(value, "message", fault.message) || !Get(value, "id", fault.id) ||
      !Get(value, "category", fault.category) || !Get(value, "reason", fault.reason) ||
      !Get(value, "type", fault.type))
    return std::nullopt;
  return fault;
}
}  // namespace

std::string RequestLine(std::int64_t id, const std::string& text, const Pipeline& pipeline) {
  const json request = {
      {"id", id}, {"text", text}, {"fields", pipeline.fields}, {"local", pipeline.local}};
  return absl::StrCat(request.dump(-1, ' ', /*ensure_ascii=*/true), "\n");
}

std::optional<ShellFacts> ParseFacts(absl::string_view text) {
  const json value = Parse(text);
  ShellFacts facts;
  if (!value.is_object() || !Get(value, "language", facts.language_mode)) return std::nullopt;
  // Another mode says no more than its name.
  if (facts.language_mode == "FullLanguage" &&
      (!Get(value, "version", facts.version) || !Get(value, "policy", facts.execution_policy) ||
       !Get(value, "x64", facts.is_64_bit)))
    return std::nullopt;
  return facts;
}

std::optional<Reply> ParseReply(absl::string_view text,
                                std::int64_t expected,
                                const std::vector<std::string>& fields) {
  const json value = Parse(text);
  Reply reply;
  if (!value.is_object()) return std::nullopt;
  const auto id = value.find("id");
  if (id == value.end() || !id->is_number_integer()) return std::nullopt;
  reply.id = id->get<std::int64_t>();
  if (reply.id != expected) return reply;
  const json* const rows = GetArray(value, "rows");
  const json* const warnings = GetArray(value, "warnings");
  const json* const faults = GetArray(value, "errors");
  if (!Get(value, "opened", reply.opened) || !Get(value, "lost", reply.lost) || rows == nullptr ||
      warnings == nullptr || faults == nullptr || !AllTexts(*warnings, reply.warnings))
    return std::nullopt;
  for (const json& one : *rows) {
    std::optional<Row> row = ParseRow(one, fields);
    if (!row) return std::nullopt;
    reply.rows.push_back(*std::move(row));
  }
  for (const json& one : *faults) {
    std::optional<Fault> fault = ParseFault(one);
    if (!fault) return std::nullopt;
    reply.faults.push_back(*std::move(fault));
  }
  return reply;
}

}  // namespace mailquench::agent::exchange
