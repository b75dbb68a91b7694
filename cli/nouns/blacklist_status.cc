// blacklist: status, explain.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/nouns/blacklist.h"
#include "cli/output/check.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::cli {
namespace {

std::string StateWord(const v1::Listing& listing) {
  return EnumWord(v1::ListingState_Name(listing.state()), "LISTING_STATE_");
}

// How it is known that the subject is the hosts'.
std::string Origin(const v1::BlacklistSubject& subject) {
  if (subject.confirmed()) return "seen from outside";
  return subject.reported() ? "reported" : "set";
}

void PrintFaults(const v1::BlacklistStatus& status, std::ostream& out) {
  for (const v1::BlacklistInfo& one : status.sick())
    out << "left out: " << one.zone() << ": " << one.health().reason() << "\n";
  if (!status.catalogue_fault().empty()) out << "lists: " << status.catalogue_fault() << "\n";
  if (!status.resolver_fault().empty()) out << "resolver: " << status.resolver_fault() << "\n";
  if (status.waiting_questions() > 0)
    out << status.waiting_questions() << " questions wait for tomorrow's quota\n";
  if (status.has_sweep_time())
    out << "last sweep: " << HumanTime(status.sweep_time()) << ", " << status.sweep_questions()
        << " questions in " << HumanSeconds(Seconds(status.sweep_took())) << "\n";
}

absl::StatusOr<int> DoStatus(Session* session) {
  auto status = session->Call(&v1::Blacklists::Stub::GetStatus, v1::GetBlacklistStatusRequest());
  if (!status.ok()) return status.status();
  Table table{{"SUBJECT", "HOSTS", "KNOWN", "LISTED", "PACE", "CHECKED"}, {}};
  for (const v1::BlacklistSubject& one : status->subjects())
    table.rows.push_back({one.subject(), absl::StrJoin(one.host_names(), ","), Origin(one),
                          one.skipped().empty() ? std::to_string(one.listed()) : "-",
                          one.skipped().empty() ? one.pace() : "not asked",
                          one.skipped().empty() ? HumanTime(one.check_time()) : one.skipped()});
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *status, table, out));
  if (session->flags.output != "table") return kExitOk;
  if (status->listings_size() > 0) {
    Table listings{{"LISTING", "SUBJECT", "LIST", "STATE", "SINCE"}, {}};
    for (const v1::Listing& one : status->listings())
      listings.rows.push_back({one.listing_id().substr(0, 8), one.subject(),
                               absl::StrCat(one.list_operator(), " ", one.component()),
                               StateWord(one), HumanTime(one.first_seen_time())});
    out << "\n" << Render(listings);
  }
  out << "\n";
  PrintFaults(*status, out);
  return kExitOk;
}

std::string Says(const v1::BlacklistAnswer& answer) {
  if (!answer.reason().empty()) return answer.reason();
  std::string text = absl::StrJoin(answer.meanings(), ", ");
  if (answer.texts_size() > 0)
    absl::StrAppend(&text, text.empty() ? "" : ": ", absl::StrJoin(answer.texts(), " "));
  return text;
}

absl::StatusOr<int> DoExplain(Session* session, const std::string& subject) {
  v1::ExplainSubjectRequest request;
  request.set_subject(subject);
  auto known = session->Call(&v1::Blacklists::Stub::Explain, request);
  if (!known.ok()) return known.status();
  Table table{{"VERDICT", "LIST", "ANSWER", "SERVER", "ASKED", "SAYS"}, {}};
  for (const v1::BlacklistAnswer& one : known->answers())
    table.rows.push_back(
        {VerdictWord(one.verdict()), one.zone(),
         one.addresses_size() > 0 ? absl::StrJoin(one.addresses(), ",") : one.rcode(), one.server(),
         HumanTime(one.time()), Says(one)});
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *known, table, out));
  if (session->flags.output != "table") return kExitOk;
  if (known->answers_size() == 0)
    out << "nothing is known of it: no list was asked. `mailquench blacklist check " << subject
        << "` asks\n";
  const v1::AddressIdentity& identity = known->identity();
  if (!identity.address().empty())
    out << "\nreverse DNS: " << absl::StrJoin(identity.names(), ", ")
        << (identity.confirmed() ? ", confirmed" : "") << "\n";
  for (const std::string& fault : identity.faults()) out << "note: " << fault << "\n";
  for (const v1::Listing& one : known->listings())
    out << "listing " << one.listing_id().substr(0, 8) << ": " << one.list_operator() << " "
        << one.component() << ", " << StateWord(one) << ", first seen "
        << HumanTime(one.first_seen_time()) << "\n";
  return kExitOk;
}

}  // namespace

void AddBlacklistStatus(CLI::App* blacklist, Session* session) {
  CLI::App* status =
      AddCommand(blacklist, "status", "Every address and domain of the fleet, and what is open",
                 {"mailquench blacklist status", "mailquench blacklist status -o json"});
  status->callback([=] { session->action = [=] { return DoStatus(session); }; });
  auto subject = std::make_shared<std::string>();
  CLI::App* explain =
      AddCommand(blacklist, "explain",
                 "Everything that is known of one address or domain: each list's last answer, raw",
                 {"mailquench blacklist explain 203.0.113.5"});
  explain->add_option("SUBJECT", *subject, "Address or domain")->required()->type_name("SUBJECT");
  explain->callback([=] { session->action = [=] { return DoExplain(session, *subject); }; });
}

}  // namespace mailquench::cli
