// blacklist lists: the catalogue, with the health of each list; lint of an own file.
#include <algorithm>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/nouns/blacklist.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/blacklist/file.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct ListsArgs {
  std::vector<std::string> zones;
  bool all = false;
  bool health = false;
  bool from_here = false;
  HereOptions here;
  std::string file;
};

std::string HealthWord(const v1::BlacklistHealth& health) {
  return health.state() == v1::LIST_HEALTH_STATE_UNSPECIFIED
             ? "-"
             : EnumWord(v1::ListHealthState_Name(health.state()), "LIST_HEALTH_STATE_");
}

std::string Note(const v1::BlacklistInfo& info) {
  if (!info.health().reason().empty()) return info.health().reason();
  if (info.status() != "live")
    return absl::StrCat(info.since().empty() ? "" : "since " + info.since() + ": ", info.why());
  if (info.needs_key() && !info.has_key()) return "wants the key of an account";
  return info.summary();
}

Table ListTable(const v1::ListBlacklistsResponse& lists) {
  Table table{{"LIST", "OPERATOR", "COVERS", "TIER", "ON", "HEALTH", "NOTE"}, {}};
  for (const v1::BlacklistInfo& one : lists.lists()) {
    table.rows.push_back({one.zone(), one.list_operator(), absl::StrJoin(one.covers(), ","),
                          std::to_string(one.tier()),
                          one.status() != "live" ? one.status()
                          : one.enabled()        ? "yes"
                                                 : "no",
                          HealthWord(one.health()), Note(one)});
  }
  return table;
}

// One list, everything.
Table OneTable(const v1::BlacklistInfo& one) {
  Table table;
  table.rows = {{"list", one.zone()},
                {"operator", one.list_operator()},
                {"summary", one.summary()},
                {"covers", absl::StrJoin(one.covers(), ", ")},
                {"status", absl::StrCat(one.status(), one.enabled() ? ", on" : ", off")},
                {"health", absl::StrCat(HealthWord(one.health()), " ", one.health().reason())},
                {"tier", absl::StrCat(one.tier(), one.alert() ? "" : ", tells nothing alone")},
                {"look up", one.lookup_link()},
                {"removal", absl::StrCat(one.delist_how(), " ", one.delist_link())},
                {"policy", one.delist_note()}};
  if (one.has_clears_after())
    table.rows.push_back({"clears after", HumanSeconds(Seconds(one.clears_after()))});
  if (one.per_day() > 0)
    table.rows.push_back({"a day", absl::StrCat(one.per_day(), " questions, over all its zones")});
  if (one.per_second() > 0) table.rows.push_back({"a second", absl::StrCat(one.per_second())});
  if (!one.since().empty()) table.rows.push_back({"since", one.since()});
  if (!one.why().empty()) table.rows.push_back({"why", one.why()});
  table.rows.erase(
      std::remove_if(table.rows.begin(), table.rows.end(),
                     [](const auto& row) { return row[1].find_first_not_of(' ') == row[1].npos; }),
      table.rows.end());
  return table;
}

// As the controller has them; from here where none is known, or something is given that only means
// something from here.
absl::StatusOr<v1::ListBlacklistsResponse> ListsFromAnywhere(Session* session,
                                                             const ListsArgs& args) {
  const absl::Status context = session->CurrentContext().status();
  const bool none = ReasonOf(context) == "NO_CONTEXT" && session->flags.context.empty() &&
                    session->env.getenv("MAILQUENCH_CONTEXT").empty();
  if (args.from_here || IsForHere(args.here) || none) {
    // A dead list may be looked at; it is only not asked.
    MQ_ASSIGN_OR_RETURN(Here here, Here::Open(WithEnvironment(args.here, *session)));
    return here.Lists(args.all, args.health);
  }
  v1::ListBlacklistsRequest request;
  request.set_with_disabled(args.all);
  for (const std::string& zone : args.here.zones) request.add_zones(zone);
  return session->Call(&v1::Blacklists::Stub::ListLists, request);
}

absl::StatusOr<int> DoLists(Session* session, const ListsArgs& args) {
  auto lists = ListsFromAnywhere(session, args);
  if (!lists.ok()) return lists.status();
  const bool one = lists->lists_size() == 1 && args.here.zones.size() == 1;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *lists,
                           one ? OneTable(lists->lists(0)) : ListTable(*lists), *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoLint(Session* session, const std::string& file) {
  MQ_ASSIGN_OR_RETURN(const blacklist::Catalogue catalogue, blacklist::LoadCatalogue(file));
  int enabled = 0;
  for (const blacklist::List& list : catalogue.lists()) enabled += list.enabled ? 1 : 0;
  *session->env.out << file << ": good; with it " << catalogue.lists().size()
                    << " lists are known, " << enabled << " of them on\n";
  return kExitOk;
}

}  // namespace

void AddBlacklistLists(CLI::App* blacklist, Session* session) {
  auto args = std::make_shared<ListsArgs>();
  CLI::App* lists =
      AddCommand(blacklist, "lists", "The lists that are known, and whether they are well",
                 {"mailquench blacklist lists                      # those that are on",
                  "mailquench blacklist lists --health             # asks each of them",
                  "mailquench blacklist lists --list zen.spamhaus.org",
                  "mailquench blacklist lists lint blacklists.yaml"});
  lists->require_subcommand(0, 1);
  lists->add_flag("--all", args->all, "Also those that are off or dead");
  lists->add_flag("--health", args->health,
                  "From here: ask each one its test points, a random name, SOA and NS. The "
                  "controller's lists always show their health");
  lists->add_flag("--from-here", args->from_here, "Do not ask the controller");
  lists->add_option("--list", args->here.zones, "This one in full; may be given more than once")
      ->type_name("ZONE");
  AddHereOptions(lists, &args->here);
  CLI::App* lint = AddCommand(lists, "lint", "Check a file of your own lists; change nothing",
                              {"mailquench blacklist lists lint blacklists.yaml"});
  lint->add_option("FILE", args->file, "The file")->required()->type_name("FILE");
  lint->callback([=] { session->action = [=] { return DoLint(session, args->file); }; });
  lists->callback([=] {
    if (lists->get_subcommands().empty()) session->action = [=] { return DoLists(session, *args); };
  });
}

}  // namespace mailquench::cli
