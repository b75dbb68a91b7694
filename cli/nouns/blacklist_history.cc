// blacklist history.
#include <memory>
#include <ostream>

#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::cli {
namespace {

absl::StatusOr<int> DoHistory(Session* session, const v1::ListBlacklistHistoryRequest& request) {
  auto all = session->Call(&v1::Blacklists::Stub::ListHistory, request);
  if (!all.ok()) return all.status();
  Table table{{"TIME", "WHAT", "SUBJECT", "LIST", "LISTING", "TEXT"}, {}};
  for (const v1::BlacklistChange& one : all->changes()) {
    table.rows.push_back(
        {HumanTime(one.time()), EnumWord(one.kind(), ""),
         one.subject().empty() ? "-" : one.subject(), one.zone().empty() ? "-" : one.zone(),
         one.listing_id().empty() ? "-" : one.listing_id().substr(0, 8), one.text()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *all, table, *session->env.out));
  return kExitOk;
}

}  // namespace

void AddBlacklistHistory(CLI::App* blacklist, Session* session) {
  struct Args {
    std::string address, domain, zone, incident;
    int limit = 100;
  };
  auto args = std::make_shared<Args>();
  CLI::App* app = AddCommand(blacklist, "history", "What has changed, the newest last",
                             {"mailquench blacklist history --limit 20",
                              "mailquench blacklist history --address 192.0.2.1",
                              "mailquench blacklist history --zone bl.spamcop.net -o jsonl"});
  CLI::Option* address =
      app->add_option("--address", args->address, "Only of this address")->type_name("ADDRESS");
  app->add_option("--domain", args->domain, "Only of this domain")
      ->type_name("DOMAIN")
      ->excludes(address);
  app->add_option("--zone", args->zone, "Only of this list")->type_name("ZONE");
  app->add_option("--incident", args->incident, "Only of this incident")->type_name("INCIDENT");
  app->add_option("--limit", args->limit, "At most so many, 1000 at the most")
      ->check(CLI::Range(1, 1000))
      ->type_name("COUNT");
  app->callback([=] {
    v1::ListBlacklistHistoryRequest request;
    request.set_subject(args->address.empty() ? args->domain : args->address);
    request.set_zone(args->zone);
    request.set_incident_id(args->incident);
    request.set_limit(args->limit);
    session->action = [=] { return DoHistory(session, request); };
  });
}

}  // namespace mailquench::cli
