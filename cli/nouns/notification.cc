// notification: list, test.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

struct NotificationArgs {
  std::string channel;
  bool undelivered = false;
  bool given_up = false;
  int limit = 100;
};

std::string StateOf(const v1::NoticeDelivery& one) {
  if (one.delivered()) return "delivered";
  if (one.given_up()) return "given up";
  return one.tries() == 0 ? "waits" : "failed";
}

std::string DetailOf(const v1::NoticeDelivery& one) {
  if (one.delivered()) return HumanTime(one.deliver_time());
  std::string out = one.error();
  if (one.given_up() && one.has_give_up_time())
    absl::StrAppend(&out, out.empty() ? "" : "; ", "given up at ", HumanTime(one.give_up_time()));
  if (one.tries() > 0)
    absl::StrAppend(&out, out.empty() ? "" : "; ", one.tries(),
                    one.tries() == 1 ? " try" : " tries");
  if (!one.given_up() && one.has_next_try_time())
    absl::StrAppend(&out, out.empty() ? "" : ", ", "next at ", HumanTime(one.next_try_time()));
  return out.empty() ? "-" : out;
}

absl::StatusOr<int> DoList(Session* session, const NotificationArgs& args) {
  v1::ListNoticesRequest request;
  request.set_undelivered_only(args.undelivered);
  request.set_given_up_only(args.given_up);
  request.set_limit(args.limit);
  MQ_ASSIGN_OR_RETURN(const v1::ListNoticesResponse all,
                      session->Call(&Stub::ListNotices, request));
  Table table{{"NOTICE", "TIME", "KIND", "SEVERITY", "CHANNEL", "STATE", "DETAIL", "TEXT"}, {}};
  for (const v1::NoticeRecord& record : all.notices()) {
    const v1::Notice& notice = record.notice();
    std::vector<std::string> row = {notice.notice_id(), HumanTime(notice.time()), notice.kind(),
                                    notice.severity()};
    if (record.deliveries_size() == 0) {
      row.insert(row.end(), {"-", "no channel", "-", notice.text()});
      table.rows.push_back(row);
    }
    for (const v1::NoticeDelivery& one : record.deliveries()) {
      auto whole = row;
      whole.insert(whole.end(), {one.channel(), StateOf(one), DetailOf(one), notice.text()});
      table.rows.push_back(whole);
    }
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoTest(Session* session, const NotificationArgs& args) {
  v1::TestNotificationRequest request;
  request.set_channel(args.channel);
  MQ_ASSIGN_OR_RETURN(const v1::TestNotificationResponse tested,
                      session->Call(&Stub::TestNotification, request));
  Table table{{"CHANNEL", "STATE", "DETAIL"}, {}};
  int failed = 0;
  for (const v1::NoticeDelivery& one : tested.deliveries()) {
    failed += one.delivered() ? 0 : 1;
    table.rows.push_back({one.channel(), one.delivered() ? "took it" : "failed",
                          one.delivered() ? "-" : one.error()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, tested, table, *session->env.out));
  session->Tell(tested.deliveries_size() == 0
                    ? std::string("there is no channel: nobody would be told anything")
                    : absl::StrCat(tested.deliveries_size() - failed, " of ",
                                   tested.deliveries_size(), " channels took it in ",
                                   HumanSeconds(Seconds(tested.took()))));
  // Without a channel nobody is told either.
  return failed > 0 || tested.deliveries_size() == 0 ? kExitSomeFailed : kExitOk;
}

}  // namespace

void AddNotification(CLI::App* root, Session* session) {
  CLI::App* noun =
      AddCommand(root, "notification", "What people were told, and whether it reached them",
                 {"mailquench notification list --undelivered", "mailquench notification test"});
  noun->require_subcommand(1);
  auto args = std::make_shared<NotificationArgs>();
  CLI::App* list = AddCommand(
      noun, "list", "Notices, the newest first, a line for each channel",
      {"mailquench notification list", "mailquench notification list --undelivered -o json",
       "mailquench notification list --given-up"});
  list->add_flag("--undelivered", args->undelivered,
                 "Only those that a channel has not taken: they wait, or were given up");
  list->add_flag("--given-up", args->given_up,
                 "Only those that a channel has given up: nobody was told");
  list->add_option("--limit", args->limit, "At most so many; 100 if not given")
      ->check(CLI::Range(1, 10000))
      ->type_name("COUNT");
  list->callback([=] { session->action = [=] { return DoList(session, *args); }; });
  CLI::App* test = AddCommand(
      noun, "test", "Send a notice of kind test now; exit code 2 where a channel did not take it",
      {"mailquench notification test", "mailquench notification test pager"});
  test->add_option("CHANNEL", args->channel, "Only this one")->type_name("CHANNEL");
  test->callback([=] { session->action = [=] { return DoTest(session, *args); }; });
}

}  // namespace mailquench::cli
