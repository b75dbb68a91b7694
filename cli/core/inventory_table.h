// A table of machines, as inventories export it (CSV, RFC 4180).
#ifndef MAILQUENCH_CLI_CORE_INVENTORY_TABLE_H_
#define MAILQUENCH_CLI_CORE_INVENTORY_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mailquench/v1/antivirus.pb.h"

namespace mailquench::cli {

// The rows of a table, the first with the others. Separated by what the first line has: a comma, a
// semicolon (as spreadsheets in many countries write it) or a tab. Quoted fields may have line
// breaks. Error: INVALID_ARGUMENT/BAD_TABLE with the line.
absl::StatusOr<std::vector<std::vector<std::string>>> ReadCsv(const std::string& text);

// The first row names the columns, in any order and case: `name` (or hostname, computer, machine,
// fqdn), and where they are there `kind` (or type; "server", "workstation", "client", "desktop",
// "laptop") and `site` (or location). Others are left out. Error: INVALID_ARGUMENT/BAD_TABLE.
absl::StatusOr<std::vector<v1::InventoryMachine>> ReadInventory(const std::string& text);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_INVENTORY_TABLE_H_
