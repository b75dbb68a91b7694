// delist: list, show, request, drop, note.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::cli {
namespace {

using BlacklistsStub = v1::Blacklists::Stub;

struct DelistArgs {
  std::string listing, text, how, despite, incident, host, reason;
  bool all = false;
  bool evidence = false;
  bool dry_run = false;
};

std::string StateOf(const v1::Listing& listing) {
  std::string state = EnumWord(v1::ListingState_Name(listing.state()), "LISTING_STATE_");
  if (listing.late()) absl::StrAppend(&state, ", late");
  if (!listing.doubt().empty()) absl::StrAppend(&state, ", in doubt");
  return state;
}

// "2026-11-26T10:00:00Z, in 3 h 20 min".
std::string Expected(const v1::Listing& listing) {
  if (!listing.has_expected_clear_time()) return "-";
  const double left = static_cast<double>(listing.expected_clear_time().seconds() -
                                          absl::ToUnixSeconds(absl::Now()));
  return absl::StrCat(HumanTime(listing.expected_clear_time()), ", ",
                      left >= 0 ? absl::StrCat("in ", HumanSeconds(left))
                                : absl::StrCat(HumanSeconds(-left), " ago"));
}

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string WayOut(const v1::Listing& listing) {
  std::string text = OrDash(listing.delist_how());
  if (listing.has_clears_after())
    absl::StrAppend(&text, ", takes up to ", HumanSeconds(Seconds(listing.clears_after())));
  if (!listing.delist_note().empty()) absl::StrAppend(&text, "; ", listing.delist_note());
  return text;
}

Table ListingTable(const v1::Listing& listing) {
  Table table;
  table.rows = {{"listing", listing.listing_id()},
                {"subject", listing.subject()},
                {"hosts", OrDash(absl::StrJoin(listing.host_names(), ", "))},
                {"list", absl::StrCat(listing.list_operator(), " ", listing.component(),
                                      listing.alert() ? "" : " (wakes nobody)")},
                {"shown by", absl::StrJoin(listing.zones(), ", ")},
                {"means", OrDash(absl::StrJoin(listing.meanings(), ", "))}};
  const auto add = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) table.rows.push_back({name, text});
  };
  for (const std::string& text : listing.texts()) add("says", text);
  add("state", StateOf(listing));
  add("followed no further", listing.dropped());
  add("doubt", listing.doubt());
  add("first seen", HumanTime(listing.first_seen_time()));
  add("last seen", HumanTime(listing.last_seen_time()));
  if (listing.has_clear_time()) add("cleared", HumanTime(listing.clear_time()));
  if (listing.clean_in_row() > 0)
    add("clean", absl::StrCat(listing.clean_in_row(), " in a row",
                              listing.clean_at_source() ? ", also at its own name servers" : ""));
  if (listing.times_relisted() > 0)
    add("relisted", absl::StrCat(listing.times_relisted(), " times"));
  add("incident", OrDash(listing.incident_id()));
  add("quiet since", HumanTime(listing.quiet_since_time()));
  add("way out", WayOut(listing));
  add("link", listing.delist_link());
  add("look up", listing.lookup_link());
  if (listing.has_request_time()) {
    add("requested", absl::StrCat(HumanTime(listing.request_time()), " by ", listing.requested_by(),
                                  ": ", listing.request_how()));
    if (!listing.request_despite().empty()) add("despite", listing.request_despite());
  }
  add("expected", Expected(listing));
  for (const auto& entry : listing.history())
    add(HumanTime(entry.time()), absl::StrCat(entry.actor(), ": ", entry.text()));
  return table;
}

absl::StatusOr<int> PrintListing(Session* session, const absl::StatusOr<v1::Listing>& listing) {
  if (!listing.ok()) return listing.status();
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, *listing, ListingTable(*listing), *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoList(Session* session, const DelistArgs& args) {
  v1::ListListingsRequest request;
  request.set_with_cleared(args.all);
  request.set_incident_id(args.incident);
  request.set_host(args.host);
  auto all = session->Call(&BlacklistsStub::ListListings, request);
  if (!all.ok()) return all.status();
  Table table{{"LISTING", "SUBJECT", "LIST", "TIER", "STATE", "FIRST SEEN", "EXPECTED", "HOSTS"},
              {}};
  for (const auto& one : all->listings()) {
    table.rows.push_back({one.listing_id().substr(0, 8), one.subject(),
                          absl::StrCat(one.list_operator(), " ", one.component()),
                          std::to_string(one.tier()), StateOf(one),
                          HumanTime(one.first_seen_time()), Expected(one),
                          OrDash(absl::StrJoin(one.host_names(), ","))});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoShow(Session* session, const DelistArgs& args) {
  v1::GetListingRequest request;
  request.set_listing_id(args.listing);
  auto listing = session->Call(&BlacklistsStub::GetListing, request);
  if (!listing.ok()) return listing.status();
  if (args.evidence) {
    *session->env.out << listing->evidence();
    return kExitOk;
  }
  MQ_ASSIGN_OR_RETURN(const int code, PrintListing(session, listing));
  if (session->flags.output == "table")
    *session->env.out << "\nFor the removal form:\n\n" << listing->evidence();
  return code;
}

absl::StatusOr<int> DoRequest(Session* session, const DelistArgs& args) {
  v1::RequestDelistingRequest request;
  request.set_listing_id(args.listing);
  request.set_how(args.how);
  request.set_despite(args.despite);
  if (args.dry_run) {
    session->Tell(absl::StrCat("would do: record that the removal of ", args.listing,
                               " was requested: ", args.how));
    return kExitOk;
  }
  return PrintListing(session, session->Call(&BlacklistsStub::RequestDelisting, request));
}

absl::StatusOr<int> DoDrop(Session* session, const DelistArgs& args) {
  v1::DropListingRequest request;
  request.set_listing_id(args.listing);
  request.set_reason(args.reason);
  if (args.dry_run) {
    session->Tell(absl::StrCat("would do: follow ", args.listing, " no further: ", args.reason));
    return kExitOk;
  }
  return PrintListing(session, session->Call(&BlacklistsStub::DropListing, request));
}

absl::StatusOr<int> DoNote(Session* session, const DelistArgs& args) {
  v1::AddListingNoteRequest request;
  request.set_listing_id(args.listing);
  request.set_text(args.text);
  if (args.dry_run) {
    session->Tell("would do: add a note");
    return kExitOk;
  }
  return PrintListing(session, session->Call(&BlacklistsStub::AddListingNote, request));
}

}  // namespace

void AddDelist(CLI::App* root, Session* session) {
  CLI::App* noun =
      AddCommand(root, "delist", "Getting off blacklists: what is listed, and how far it is",
                 {"mailquench delist list", "mailquench delist show 192.0.2.1",
                  "mailquench delist show L --evidence",
                  "mailquench delist request L --how \"form, ticket 4711\""});
  noun->require_subcommand(1);
  auto args = std::make_shared<DelistArgs>();
  using Do = absl::StatusOr<int> (*)(Session*, const DelistArgs&);
  const auto add = [=](const char* name, const char* summary,
                       const std::vector<std::string>& examples, bool takes_id, Do act) {
    CLI::App* app = AddCommand(noun, name, summary, examples);
    if (takes_id) {
      app->add_option("LISTING", args->listing,
                      "Its id, the beginning of that, or an address that has one open listing")
          ->required()
          ->type_name("LISTING");
    }
    app->callback([=] { session->action = [=] { return act(session, *args); }; });
    return app;
  };
  const auto dry = [=](CLI::App* app) {
    app->add_flag("--dry-run", args->dry_run, "Say what would be done; change nothing");
  };
  CLI::App* list =
      add("list", "What is listed, and when each is expected to be cleared",
          {"mailquench delist list", "mailquench delist list --incident I -o json"}, false, DoList);
  list->add_flag("--all", args->all, "Cleared ones too");
  list->add_option("--incident", args->incident, "Only of this incident")->type_name("INCIDENT");
  list->add_option("--host", args->host, "Only of this host")->type_name("HOST");
  CLI::App* show =
      add("show", "One listing in full, with text for the removal form",
          {"mailquench delist show 192.0.2.1", "mailquench delist show L --evidence > form.txt"},
          true, DoShow);
  show->add_flag("--evidence", args->evidence, "The text for the removal form alone");
  CLI::App* request =
      add("request", "Record that the removal was asked for; refused while the attack goes on",
          {"mailquench delist request L --how \"form, ticket 4711\"",
           "mailquench delist request L --how mail --despite \"the list wants to be told first\""},
          true, DoRequest);
  request->add_option("--how", args->how, "What was done")->required()->type_name("TEXT");
  request
      ->add_option("--despite", args->despite, "Why, although the attack is not known to be over")
      ->type_name("TEXT");
  dry(request);
  CLI::App* drop =
      add("drop", "Follow a listing no further: its list has died, or the address is not yours",
          {"mailquench delist drop L --reason \"the list was shut down\""}, true, DoDrop);
  drop->add_option("--reason", args->reason, "Why")->required()->type_name("TEXT");
  dry(drop);
  CLI::App* note = add("note", "Write into the history of a listing",
                       {"mailquench delist note L \"they answered: two days\""}, true, DoNote);
  note->add_option("TEXT", args->text, "What")->required()->type_name("TEXT");
  dry(note);
}

}  // namespace mailquench::cli
