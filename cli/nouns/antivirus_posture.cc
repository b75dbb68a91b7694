// antivirus: posture, import, waive.
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/inventory_table.h"
#include "cli/nouns/antivirus.h"
#include "cli/output/printer.h"
#include "common/operation/duration.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"
#include "mailquench/v1/antivirus.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Antivirus::Stub;
constexpr std::size_t kMaxTable = std::size_t{64} * 1024 * 1024;

std::string StateWord(v1::PostureState state) {
  return EnumWord(v1::PostureState_Name(state), "POSTURE_STATE_");
}

std::string Products(const v1::PostureRow& row) {
  std::vector<std::string> names;
  for (const v1::AntivirusProduct& one : row.products())
    names.push_back(absl::StrCat(one.product().empty() ? one.adapter() : one.product(),
                                 one.second_opinion() ? " (second opinion)" : ""));
  return names.empty() ? "-" : absl::StrJoin(names, ", ");
}

Table TableOf(const google::protobuf::RepeatedPtrField<v1::PostureRow>& rows) {
  Table table{{"MACHINE", "KIND", "STATE", "PRODUCT", "ASKED", "SCANNED", "WHY"}, {}};
  for (const v1::PostureRow& row : rows)
    table.rows.push_back(
        {row.name(), row.kind().empty() ? "-" : row.kind(),
         absl::StrCat(StateWord(row.state()), row.waived_by().empty() ? "" : " (waived)"),
         Products(row), row.has_status_time() ? HumanTime(row.status_time()) : "-",
         row.has_scan_time() ? HumanTime(row.scan_time()) : "-",
         absl::StrCat(row.why(), row.waived_by().empty()
                                     ? ""
                                     : absl::StrCat("; waived by ", row.waived_by(), " until ",
                                                    HumanTime(row.waive_end_time()), ": ",
                                                    row.waive_reason()))});
  return table;
}

absl::StatusOr<int> DoPosture(Session* session, const std::string& selector) {
  v1::GetPostureRequest request;
  request.set_selector(selector);
  auto posture = session->Call(&Stub::GetPosture, request);
  if (!posture.ok()) return posture.status();
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *posture, TableOf(posture->rows()), out));
  if (session->flags.output != "table") return kExitOk;
  // In the order of the rows: the worst first.
  std::vector<std::string> parts;
  for (const v1::PostureRow& row : posture->rows()) {
    const std::string word = StateWord(row.state());
    const std::string part = absl::StrCat(posture->counts().at(word), " ", word);
    if (parts.empty() || parts.back() != part) parts.push_back(part);
  }
  out << "\n" << posture->rows_size() << " machines: " << absl::StrJoin(parts, ", ") << "\n";
  if (posture->inventory() == 0) {
    out << "There is no inventory: machines without an agent are not counted. `mailquench "
           "antivirus import` takes one\n";
  } else {
    out << "inventory: " << posture->inventory() << " machines, of "
        << HumanTime(posture->inventory_time()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> DoImport(Session* session, const std::string& file) {
  auto text = os::ReadWhole(file, kMaxTable);
  if (!text.ok()) return Prepend(text.status(), file);
  auto machines = ReadInventory(*text);
  if (!machines.ok()) return Prepend(machines.status(), file);
  v1::ImportInventoryRequest request;
  request.set_source(file);
  request.mutable_machines()->Assign(machines->begin(), machines->end());
  auto response = session->Call(&Stub::ImportInventory, request);
  if (!response.ok()) return response.status();
  const Table table{{"MACHINES", "NOT ENROLLED", "HOSTS NOT IN IT"},
                    {{absl::StrCat(response->machines()), absl::StrCat(response->not_enrolled()),
                      absl::StrCat(response->enrolled_only())}}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *response, table, *session->env.out));
  return kExitOk;
}

struct WaiveArgs {
  std::string host, reason, life;
};

absl::StatusOr<int> DoWaive(Session* session, const WaiveArgs& args) {
  v1::WaiveHostRequest request;
  request.set_host(args.host);
  request.set_reason(args.reason);
  if (!args.life.empty()) {
    auto life = ParseDuration(args.life);
    if (!life.ok()) return life.status();
    *request.mutable_life() = ToProtoDuration(*life);
  }
  auto row = session->Call(&Stub::WaiveHost, request);
  if (!row.ok()) return row.status();
  google::protobuf::RepeatedPtrField<v1::PostureRow> rows;
  *rows.Add() = *row;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *row, TableOf(rows), *session->env.out));
  return kExitOk;
}

}  // namespace

void AddAntivirusPosture(CLI::App* antivirus, Session* session) {
  auto selector = std::make_shared<std::string>();
  CLI::App* posture = AddCommand(
      antivirus, "posture",
      "Every machine: up to date, stale, off, absent, infected, unknown, or not enrolled",
      {"mailquench antivirus posture", "mailquench antivirus posture -l site=fra"});
  posture->add_option("-l,--selector", *selector, "Hosts with these labels alone")
      ->type_name("SELECTOR");
  posture->callback([=] { session->action = [=] { return DoPosture(session, *selector); }; });

  auto file = std::make_shared<std::string>();
  CLI::App* table =
      AddCommand(antivirus, "import",
                 "Take the machines that there should be from a table (CSV with the columns name, "
                 "kind, site), in the place of those from before",
                 {"mailquench antivirus import machines.csv"});
  table->add_option("FILE", *file, "The table")->required()->type_name("FILE");
  table->callback([=] { session->action = [=] { return DoImport(session, *file); }; });

  auto args = std::make_shared<WaiveArgs>();
  CLI::App* waive = AddCommand(
      antivirus, "waive", "Let a host's antivirus stand in the way of nothing for some time",
      {"mailquench antivirus waive mx1 --reason 'updates come tonight' --for 12h"});
  waive->add_option("HOST", args->host, "Name or id")->required()->type_name("HOST");
  waive->add_option("--reason", args->reason, "Why")->required()->type_name("TEXT");
  waive->add_option("--for", args->life, "How long, at most 30d; 24h unless it is said")
      ->type_name("DURATION");
  waive->callback([=] { session->action = [=] { return DoWaive(session, *args); }; });
}

}  // namespace mailquench::cli
