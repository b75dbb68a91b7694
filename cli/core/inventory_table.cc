#include "cli/core/inventory_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

absl::Status BadTable(std::size_t line, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_TABLE",
               absl::StrCat("line ", line, ": ", why, "; nothing was imported"));
}

char SeparatorOf(absl::string_view text) {
  const absl::string_view first = text.substr(0, text.find_first_of("\r\n"));
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char one : {',', ';', '\t'}) {
    const auto count = std::count(first.begin(), first.end(), one);
    if (count > most) {
      most = count;
      best = one;
    }
  }
  return best;
}

// -1: there is none of these columns.
int ColumnOf(const std::vector<std::string>& header, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (absl::AsciiStrToLower(absl::StripAsciiWhitespace(header[i])) == name)
        return static_cast<int>(i);
    }
  }
  return -1;
}

std::string Cell(const std::vector<std::string>& row, int column) {
  if (column < 0 || static_cast<std::size_t>(column) >= row.size()) return "";
  return std::string(absl::StripAsciiWhitespace(row[static_cast<std::size_t>(column)]));
}

// Which of the two an inventory means; what it says else is left as it is, to be refused by name.
std::string KindOf(const std::string& said) {
  const std::string kind = absl::AsciiStrToLower(said);
  if (kind == "client" || kind == "desktop" || kind == "laptop" || kind == "pc")
    return "workstation";
  return kind;
}

}  // namespace

absl::StatusOr<std::vector<std::vector<std::string>>> ReadCsv(const std::string& given) {
  const absl::string_view text = absl::StripPrefix(given, "\xef\xbb\xbf");
  const char separator = SeparatorOf(text);
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false, was_quoted = false;
  std::size_t line = 1, began = 1;
  const auto end_field = [&] {
    row.push_back(std::move(field));
    field.clear();
    was_quoted = false;
  };
  const auto end_row = [&] {
    end_field();
    if (row.size() > 1 || !row[0].empty()) rows.push_back(std::move(row));
    row.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty() && !was_quoted) {
      quoted = was_quoted = true;
      began = line;
    } else if (c == separator) {
      end_field();
    } else if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
      end_row();
    } else if (was_quoted) {
      return BadTable(line, "there is text after a quoted field");
    } else {
      field += c;
    }
  }
  if (quoted) return BadTable(began, "a quoted field does not end");
  if (!field.empty() || was_quoted || !row.empty()) end_row();
  return rows;
}

absl::StatusOr<std::vector<v1::InventoryMachine>> ReadInventory(const std::string& text) {
  MQ_ASSIGN_OR_RETURN(const auto rows, ReadCsv(text));
  if (rows.empty()) return BadTable(1, "the table is empty");
  const int name = ColumnOf(rows[0], {"name", "hostname", "fqdn", "computer", "machine", "host"});
  const int kind = ColumnOf(rows[0], {"kind", "type"});
  const int site = ColumnOf(rows[0], {"site", "location"});
  if (name < 0)
    return BadTable(1, absl::StrCat("no column is named 'name' or 'hostname'; there are ",
                                    absl::StrJoin(rows[0], ", ")));
  std::vector<v1::InventoryMachine> machines;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    v1::InventoryMachine& machine = machines.emplace_back();
    machine.set_name(Cell(rows[i], name));
    machine.set_kind(KindOf(Cell(rows[i], kind)));
    machine.set_site(Cell(rows[i], site));
  }
  return machines;
}

}  // namespace mailquench::cli
