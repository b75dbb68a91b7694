// delist.fetch: what it may ask, and that it is never asked twice by itself.
#include "agent/operations/delist.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "tests/unit/http/web_server.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
using ::testing::HasSubstr;

std::string Json(const std::string& url, const std::string& more = "") {
  return absl::StrCat(R"({"url":")", url, "\"", more, "}");
}

std::string Reason(const v1::OperationReport& report) {
  return ReasonOf(FromProto(report.error()));
}

// A server on loopback that the host's own list names by its address.
struct Listed {
  explicit Listed(const std::string& text) : server(Says(text)) {
    rig.delist_hosts = {{"127.0.0.1", server.port()}};
    rig.Open();
  }
  Rig rig;
  WebServer server;
};

TEST(Delist, AsksFromTheAddressThatWasToldAndShowsWhatTheListSaid) {
  Listed at("HTTP/1.1 200 OK\r\n\r\nremoved \x1b[31m127.0.0.7\nthank you");
  at.server.Start();
  const auto report = at.rig.Do(
      "c1", "delist.fetch", Json(at.server.Url("/rblremove"), R"(,"sourceAddress":"127.0.0.7")"));
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  const auto& result = report.result().delist_fetch();
  EXPECT_EQ(result.http_status(), 200);
  EXPECT_EQ(result.body(), "removed  [31m127.0.0.7\nthank you");
  EXPECT_EQ(result.from_address(), "127.0.0.7");
  EXPECT_EQ(result.peer_address(), "127.0.0.1");
  // The same command again is answered from the journal.
  EXPECT_EQ(at.rig
                .Do("c1", "delist.fetch",
                    Json(at.server.Url("/rblremove"), R"(,"sourceAddress":"127.0.0.7")"))
                .outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(at.server.Requests().size(), 1u);
}

TEST(Delist, KeepsFourKibibytesAndSaysThatThereIsMore) {
  Listed at(absl::StrCat("HTTP/1.1 200 OK\r\n\r\n", std::string(9000, '\xff')));
  at.server.Start();
  const auto report = at.rig.Do("c1", "delist.fetch", Json(at.server.Url()));
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_LE(report.result().delist_fetch().body().size(), 4096u);
  EXPECT_TRUE(report.result().delist_fetch().body_cut());
}

TEST(Delist, ARefusalOfTheListIsAFailureWithItsAnswer) {
  Listed at("HTTP/1.1 403 Forbidden\r\n\r\nnot listed");
  at.server.Start();
  const auto report = at.rig.Do("c1", "delist.fetch", Json(at.server.Url()));
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(Reason(report), "LIST_REFUSED");
  EXPECT_EQ(report.result().delist_fetch().body(), "not listed");
}

TEST(Delist, TheHostsOwnListDecidesAndADryRunConnectsToNobody) {
  Listed at("HTTP/1.1 200 OK\r\n\r\n");
  at.server.Start();
  for (const std::string& other :
       {absl::StrCat("http://localhost:", at.server.port(), "/"), std::string("http://127.0.0.1/"),
        std::string("http://a.test/"), std::string("http://169.254.169.254/")}) {
    const auto report = at.rig.Do("other", "delist.fetch", Json(other));
    EXPECT_EQ(report.outcome(), v1::OUTCOME_REFUSED) << other;
    EXPECT_EQ(Reason(report), "HOST_NOT_ALLOWED") << other;
    EXPECT_THAT(report.error().message(), HasSubstr("delist_hosts in agent.yaml, has 127.0.0.1:"));
    EXPECT_TRUE(at.rig.executor->Plan(at.rig.Make("p", "delist.fetch", Json(other))).has_refused());
  }
  EXPECT_EQ(Reason(at.rig.Do("t", "delist.fetch", Json(at.server.Url(), R"(,"timeout":"0.5s")"))),
            "BAD_TIMEOUT");
  EXPECT_EQ(Reason(at.rig.Do("u", "delist.fetch", Json(at.server.Url(), R"(,"timeout":"121s")"))),
            "BAD_TIMEOUT");
  EXPECT_EQ(
      Reason(at.rig.Do("s", "delist.fetch", Json(at.server.Url(), R"(,"sourceAddress":"me")"))),
      "BAD_SOURCE");
  const auto planned = at.rig.executor->Plan(at.rig.Make(
      "p", "delist.fetch", Json(at.server.Url("/x"), R"(,"sourceAddress":"127.0.0.7")")));
  ASSERT_TRUE(planned.has_plan()) << planned.DebugString();
  EXPECT_EQ(planned.plan().operation_class(), v1::OPERATION_CLASS_REVERSIBLE);
  EXPECT_THAT(planned.plan().steps(0),
              HasSubstr(absl::StrCat("GET ", at.server.Url("/x"), " once, from 127.0.0.7")));
  EXPECT_EQ(planned.plan().preview().delist_fetch().from_address(), "127.0.0.7");
  EXPECT_TRUE(at.server.Requests().empty());
}

TEST(Delist, ANameThatLeadsInsideIsRefusedUnlessTheHostAllowsThat) {
  WebServer server(Says("HTTP/1.1 200 OK\r\n\r\n"));
  server.Start();
  const std::string url = absl::StrCat("http://localhost:", server.port(), "/");
  Rig rig;
  rig.delist_hosts = {{"localhost", server.port()}};
  rig.Open();
  const auto refused = rig.Do("c1", "delist.fetch", Json(url));
  EXPECT_EQ(refused.outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(Reason(refused), "PRIVATE_TARGET");
  EXPECT_THAT(refused.error().message(), HasSubstr("nothing was asked of the list"));
  EXPECT_TRUE(server.Requests().empty());
  rig.delist_private_targets = true;
  rig.Open();
  EXPECT_EQ(rig.Do("c2", "delist.fetch", Json(url, R"(,"sourceAddress":"127.0.0.1")")).outcome(),
            v1::OUTCOME_SUCCEEDED);
}

TEST(Delist, TheDefaultHostsAreThoseThatWantToBeAskedFromTheListedHost) {
  std::vector<std::string> names;
  for (const AllowedHost& host : DefaultDelistHosts()) names.push_back(host.host);
  EXPECT_THAT(names, testing::UnorderedElementsAre("www.usenix.org.uk", "www.justspam.org"));
}

TEST(Delist, AnUrgentChangeDoesNotWaitForAListThatDoesNotAnswer) {
  Listed at("");
  at.server.Start();  // Closes without an answer, after it was asked.
  const auto closed = at.rig.Do("c1", "delist.fetch", Json(at.server.Url()));
  EXPECT_EQ(closed.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(closed.error().message(), HasSubstr("took the request is not known"));
  // One that takes the connection and says nothing.
  Listed mute("");
  std::thread contain([&] {
    absl::SleepFor(absl::Milliseconds(300));
    mute.rig.executor->Expect(mute.rig.Make("c", "contain"));
  });
  const absl::Time begin = absl::Now();
  const auto made_way = mute.rig.Do("c2", "delist.fetch", Json(mute.server.Url()));
  contain.join();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_EQ(Reason(made_way), "MADE_WAY");
  EXPECT_THAT(made_way.error().message(), HasSubstr("look the address up before asking again"));
}

TEST(Delist, OneThatAKillCutShortIsReportedAndNeverRepeated) {
  Rig rig;
  WebServer server(Says("HTTP/1.1 200 OK\r\n\r\n"));
  rig.delist_hosts = {{"127.0.0.1", server.port()}};
  rig.executor.reset();
  rig.journal.reset();  // SQLite's handles are not for a child.
  const pid_t child = fork();
  if (child == 0) {
    rig.Open();
    (void)rig.Do("cut", "delist.fetch", Json(server.Url()));  // Nobody accepts: it waits.
    _exit(0);
  }
  absl::SleepFor(absl::Milliseconds(1500));
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  server.Start();
  rig.Open();
  ASSERT_EQ(rig.journal->Unfinished()->size(), 1u) << "it was not yet begun";
  // By the same id it is not asked again either.
  const auto again = rig.Do("cut", "delist.fetch", Json(server.Url()));
  EXPECT_EQ(again.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(Reason(again), "INTERRUPTED");
  EXPECT_EQ(again.error().message(),
            "interrupted; whether the list took the request is not known; look it up before asking "
            "again");
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_LE(server.Requests().size(), 1u) << "the one of before the kill";
  EXPECT_TRUE(rig.journal->Unfinished()->empty());
}

TEST(Delist, OneThatWasCutShortIsClosedByTheNextStart) {
  Listed at("HTTP/1.1 200 OK\r\n\r\n");
  at.server.Start();
  v1::OperationReport none;
  ASSERT_TRUE(
      at.rig.journal->Begin(at.rig.Make("cut", "delist.fetch", Json(at.server.Url())), true, &none)
          .ok());
  at.rig.Open();
  at.rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(Reason((*at.rig.journal->Report("cut")).value()), "INTERRUPTED");
  EXPECT_TRUE(at.server.Requests().empty());
}

}  // namespace
}  // namespace mailquench::agent
