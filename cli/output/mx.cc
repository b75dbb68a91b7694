#include "cli/output/mx.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"

namespace mailquench::cli {
namespace {

std::string ValuesText(const v1::RecordSet& set) {
  if (set.values().empty()) return "-";
  return absl::StrCat(absl::StrJoin(set.values(), ", "), " ttl ", set.ttl());
}

std::string DashIfEmpty(const std::string& text) {
  return text.empty() ? "-" : text;
}

void AddServers(const v1::DomainView& view, Table* table) {
  for (const auto& one : view.servers()) {
    table->rows.push_back(
        {"name server",
         absl::StrCat(one.name(), one.address().empty() ? "" : absl::StrCat(" ", one.address()),
                      one.answers()
                          ? absl::StrCat(" serial ", one.serial(), " MX ", ValuesText(one.mx()))
                          : "",
                      one.problem().empty() ? "" : absl::StrCat(": ", one.problem()))});
  }
}

void AddExchangers(const v1::DomainView& view, Table* table) {
  for (const auto& one : view.exchangers()) {
    table->rows.push_back(
        {view.implicit_mx() ? "no MX" : "exchanger",
         absl::StrCat(view.implicit_mx() ? "" : absl::StrCat(one.preference(), " "), one.name(),
                      one.problem().empty() ? "" : absl::StrCat(" ", one.problem()))});
    for (const auto& address : one.addresses()) {
      table->rows.push_back(
          {"", absl::StrCat(address.address(), " ttl ", address.ttl(), " PTR ",
                            address.ptr().empty() ? "-" : absl::StrJoin(address.ptr(), ", "),
                            address.forward_confirmed() ? " confirmed" : "",
                            address.generic_ptr() ? " generic" : "")});
    }
    for (const auto& tlsa : one.tlsa()) table->rows.push_back({"", absl::StrCat("TLSA ", tlsa)});
  }
}

}  // namespace

std::string WordOf(v1::SwitchState state) {
  return EnumWord(v1::SwitchState_Name(state), "SWITCH_STATE_");
}
std::string WordOf(v1::RecordState state) {
  return EnumWord(v1::RecordState_Name(state), "RECORD_STATE_");
}
std::string WordOf(v1::CheckState state) {
  return EnumWord(v1::CheckState_Name(state), "CHECK_STATE_");
}

Table DomainTable(const v1::DomainView& view) {
  Table table;
  table.rows = {
      {"domain", view.domain()},
      {"zone", absl::StrCat(DashIfEmpty(view.zone()), ", negative TTL ", view.negative_ttl())},
      {"asked", view.resolver()}};
  AddServers(view, &table);
  if (view.null_mx()) table.rows.push_back({"MX", "null: takes no mail (RFC 7505)"});
  if (!view.null_mx() && !view.implicit_mx())
    table.rows.push_back({"MX", absl::StrCat("ttl ", view.mx_ttl())});
  AddExchangers(view, &table);
  table.rows.push_back(
      {"SPF", view.spf().record().empty()
                  ? "-"
                  : absl::StrCat(view.spf().record(), " (", view.spf().lookups(), " look-ups, ",
                                 view.spf().void_lookups(), " of them find nothing)")});
  for (const auto& one : view.dkim()) {
    table.rows.push_back(
        {"DKIM",
         absl::StrCat(one.selector(), " ",
                      one.present() ? absl::StrCat(one.key_type(), " ", one.bits(), " bits") : "",
                      one.problem())});
  }
  table.rows.push_back({"DMARC", DashIfEmpty(view.dmarc())});
  table.rows.push_back({"MTA-STS", DashIfEmpty(view.mta_sts())});
  table.rows.push_back({"TLS-RPT", DashIfEmpty(view.tls_rpt())});
  for (const auto& problem : view.problems()) table.rows.push_back({"problem", problem});
  return table;
}

Table ChecksTable(const google::protobuf::RepeatedPtrField<v1::Check>& checks) {
  Table table{{"CHECK", "STATE", "FOUND", "TO DO"}, {}};
  for (const auto& one : checks) {
    const bool waived = one.state() == v1::CHECK_STATE_WAIVED;
    table.rows.push_back(
        {one.check_id(), WordOf(one.state()), DashIfEmpty(one.found()),
         waived ? absl::StrCat("waived by ", one.waived_by(), ": ", one.waive_reason())
                : DashIfEmpty(one.remedy())});
  }
  return table;
}

Table RecordsTable(const v1::MxSwitch& one) {
  Table table{{"FOR", "TYPE", "NAME", "BEFORE", "AFTER", "VIA", "STATE", "NOTE"}, {}};
  for (const auto& record : one.records()) {
    std::string note = record.error();
    for (const std::string& text : record.notes())
      absl::StrAppend(&note, note.empty() ? "" : "; ", text);
    table.rows.push_back({record.purpose(), record.before().type(), record.before().name(),
                          ValuesText(record.before()), ValuesText(record.after()),
                          EnumWord(v1::SwitchVia_Name(record.via()), "SWITCH_VIA_"),
                          WordOf(record.state()), DashIfEmpty(note)});
  }
  return table;
}

Table WhereTable(const v1::MxSwitch& one, bool wide) {
  Table table{{"RECORD", "WHERE", "HAS", "SERIAL", "TTL LEFT", "IN WORDS"}, {}};
  for (const auto& record : one.records()) {
    const std::string name = absl::StrCat(record.before().type(), " ", record.before().name());
    for (const auto& server : record.servers()) {
      if (!wide && server.standing() == "current") continue;
      table.rows.push_back({name, absl::StrCat(server.name(), " ", server.address()),
                            server.standing(), absl::StrCat(server.serial()), "-",
                            DashIfEmpty(server.sentence())});
    }
    for (const auto& resolver : record.resolvers()) {
      if (!wide && resolver.standing() == "new") continue;
      table.rows.push_back({name, resolver.resolver(), resolver.standing(), "-",
                            absl::StrCat(resolver.ttl()), DashIfEmpty(resolver.sentence())});
    }
  }
  return table;
}

Table SwitchesTable(const v1::ListSwitchesResponse& all) {
  Table table{{"SWITCH", "STATE", "FROM", "TO", "DOMAINS", "BY", "CREATED", "HOW IT STANDS"}, {}};
  for (const auto& one : all.switches()) {
    table.rows.push_back(
        {one.switch_id(), WordOf(one.state()), DashIfEmpty(one.request().from_address()),
         one.request().exchanger().empty()
             ? one.request().to_address()
             : absl::StrCat(one.request().exchanger(), " ", one.request().to_address()),
         absl::StrCat(one.request().domains_size()), one.requested_by(),
         HumanTime(one.create_time()), one.sentence()});
  }
  return table;
}

}  // namespace mailquench::cli
