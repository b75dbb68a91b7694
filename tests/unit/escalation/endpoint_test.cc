// The routes over real TLS: who gets in, what is answered, and what an attacker is told.
#include "controller/escalation/endpoint.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/unit/escalation/intake_fixture.h"

namespace mailquench::controller {
namespace {

using test::Answer;
using test::Get;
using test::Post;
using test::TlsClient;
using testing::HasSubstr;
using testing::Not;

std::string Webhook(int alerts, const std::string& start = "2026-11-26T06:31:20Z") {
  std::string all;
  for (int i = 0; i < alerts; ++i) {
    absl::StrAppend(&all, i == 0 ? "" : ",",
                    R"({"status":"firing","labels":{"alertname":"QueueFlood","host":"mx)", i,
                    R"("},"annotations":{},"startsAt":")", start,
                    R"(","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"f)", i,
                    R"("})");
  }
  return absl::StrCat(R"({"version":"4","groupKey":"{}:{}","truncatedAlerts":0,"status":"firing",)",
                      R"("receiver":"mq","externalURL":"http://am:9093","alerts":[)", all, "]}");
}

class Endpoint : public IntakeFixture {
 protected:
  Answer Ask(const std::string& request, const std::string& from = "127.0.0.1") {
    TlsClient client(port(), from);
    return client.Ask(request);
  }
};

TEST_F(Endpoint, TakesAlertsOnceTheyAreDurable) {
  const std::string token = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  Serve();
  TlsClient client(port());
  Answer answer = client.Ask(Post("/v1/alerts", Webhook(3), Bearer(token)));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, "{\"duplicates\":0,\"taken\":3}\n");
  EXPECT_EQ(Kept().size(), 3U);
  answer = client.Ask(Post("/v1/alerts", Webhook(4), Bearer(token)));
  EXPECT_EQ(answer.body, "{\"duplicates\":3,\"taken\":1}\n");
  const auto kept = Kept();
  EXPECT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept.front().alert().source(), "prom");
  EXPECT_EQ(endpoint_.Results()["taken"], 2);
}

TEST_F(Endpoint, TheTokenDecidesTheForm) {
  const std::string nagios = Token("icinga", v1::SOURCE_KIND_NAGIOS);
  const std::string generic = Token("script", v1::SOURCE_KIND_GENERIC);
  Serve();
  const std::string form = "host=mx1&state=DOWN&start=1799999000";
  EXPECT_EQ(Ask(Post("/v1/alerts", form, Bearer(nagios))).status, 202);
  EXPECT_EQ(Ask(Post("/v1/alerts", form, Bearer(generic))).status, 400);
  EXPECT_EQ(Ask(Post("/v1/alerts", R"({"labels":{"a":"b"}})", Bearer(generic))).status, 202);
  const Answer answer = Ask(Post("/v1/alerts", R"({"labels":{"a":"b"}})", Bearer(nagios)));
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr(R"({"error":"host: it is empty or not there; nothing)"));
  // A soft state is well and makes nothing.
  const Answer soft =
      Ask(Post("/v1/alerts", "host=mx1&state=DOWN&state_type=SOFT", Bearer(nagios)));
  EXPECT_EQ(soft.status, 202);
  EXPECT_EQ(soft.body, "{\"duplicates\":0,\"taken\":0}\n");
  EXPECT_EQ(Kept().size(), 2U);
}

TEST_F(Endpoint, TheSameAlertAThousandTimesIsOne) {
  const std::string token = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  Serve();
  std::atomic<int> taken{0};
  std::atomic<int> duplicates{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&]() {
      TlsClient client(port());
      for (int n = 0; n < 250; ++n) {
        const Answer answer = client.Ask(Post("/v1/alerts", Webhook(1), Bearer(token)));
        if (answer.body == "{\"duplicates\":0,\"taken\":1}\n") ++taken;
        if (answer.body == "{\"duplicates\":1,\"taken\":0}\n") ++duplicates;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(duplicates, 999);
  EXPECT_EQ(Kept().size(), 1U);
}

TEST_F(Endpoint, WhatCannotBeReadIsRefusedWhole) {
  const std::string token = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  Serve();
  const std::string whole = Webhook(2);
  std::string bad_second = whole;
  bad_second.replace(bad_second.rfind("firing"), 6, "burned");
  for (const std::string& body :
       {std::string(), std::string("{"), whole.substr(0, whole.size() / 2), bad_second,
        std::string(1'000'000, '['), Webhook(10'001)}) {
    const Answer answer = Ask(Post("/v1/alerts", body, Bearer(token)));
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("nothing of it was taken"));
  }
  EXPECT_THAT(Ask(Post("/v1/alerts", bad_second, Bearer(token))).body,
              HasSubstr("alerts[1].status"));
  EXPECT_TRUE(Kept().empty());
  EXPECT_EQ(endpoint_.Results()["bad"], 7);
}

TEST_F(Endpoint, AnInboxThatFailsIsToldSoThatTheSenderTriesAgain) {
  const std::string token = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  Serve();
  inbox_.broken = true;
  Answer answer = Ask(Post("/v1/alerts", Webhook(1), Bearer(token)));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers["retry-after"], "5");
  EXPECT_THAT(answer.body, Not(HasSubstr("/var/lib/secret")));
  inbox_.broken = false;
  EXPECT_EQ(Ask(Post("/v1/alerts", Webhook(1), Bearer(token))).body,
            "{\"duplicates\":0,\"taken\":1}\n");
  EXPECT_EQ(endpoint_.Results()["failed"], 1);
}

TEST_F(Endpoint, AWrongTokenIsToldNothing) {
  const std::string token = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  ASSERT_TRUE(sources_->Revoke("prom").ok());
  Serve();
  int at = 1;
  for (const std::string& header :
       {std::string(), Bearer(token), Bearer("mqs.prom.x"), Bearer(""),
        std::string("Authorization: Basic YTpi\r\n"), "Authorization: " + token + "\r\n",
        Bearer("a") + Bearer("b")}) {
    for (const char* path : {"/v1/alerts", "/metrics", "/nowhere"}) {
      // Each from an address of its own, so that none is limited.
      Answer answer = Ask(Post(path, Webhook(1), header), absl::StrCat("127.0.0.", ++at));
      EXPECT_EQ(answer.status, 401);
      EXPECT_EQ(answer.body, "");
      EXPECT_EQ(answer.headers["www-authenticate"], "Bearer");
      answer.headers.erase("content-length");
      answer.headers.erase("content-type");
      answer.headers.erase("date");
      answer.headers.erase("connection");
      EXPECT_EQ(answer.headers.size(), 1U);
    }
  }
  EXPECT_TRUE(Kept().empty());
}

TEST_F(Endpoint, TheWordBearerMayBeWrittenAnyhow) {
  const std::string token = Token("script", v1::SOURCE_KIND_GENERIC);
  Serve();
  for (const char* word : {"Bearer ", "bearer ", "BEARER   "}) {
    EXPECT_EQ(Ask(Post("/v1/alerts", R"({"labels":{"a":"b"}})",
                       absl::StrCat("Authorization: ", word, token, "\r\n")))
                  .status,
              202);
  }
}

TEST_F(Endpoint, WhoFailsTooOftenWaitsAndNobodyElse) {
  const std::string token = Token("script", v1::SOURCE_KIND_GENERIC);
  Serve();
  const std::string body = R"({"labels":{"a":"b"}})";
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer("mqs.script.x"))).status, 401);
  }
  Answer answer = Ask(Post("/v1/alerts", body, Bearer("mqs.script.x")));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers["retry-after"], "60");
  EXPECT_EQ(answer.body, "");
  // Others are not, and a right token is taken also from there.
  EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer("mqs.script.x")), "127.0.0.2").status, 401);
  EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer(token)), "127.0.0.2").status, 202);
  EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer(token))).status, 202);
  EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer("mqs.script.x"))).status, 429);
  clock_.now += absl::Seconds(61);
  EXPECT_EQ(Ask(Post("/v1/alerts", body, Bearer("mqs.script.x"))).status, 401);
  auto results = endpoint_.Results();
  EXPECT_EQ(results["unauthorized"], 12);
  EXPECT_EQ(results["limited"], 2);
  EXPECT_EQ(results["taken"], 2);
}

TEST_F(Endpoint, FiftyMegabytesOfSomebodyWithoutATokenAreNotRead) {
  Serve();
  TlsClient client(port());
  const Answer answer = client.Ask(
      "POST /v1/alerts HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n"
      "Content-Length: 3000000\r\n\r\n");
  EXPECT_EQ(answer.status, 401);
  EXPECT_TRUE(client.Ended());
}

TEST_F(Endpoint, MetricsAreForATokenOfMetricsAlone) {
  const std::string metrics = Token("prometheus", v1::SOURCE_KIND_METRICS);
  const std::string alerts = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
  Serve();
  Answer answer = Ask(Get("/metrics", Bearer(metrics)));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "mailquench_up 1\n");
  EXPECT_EQ(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(Ask(Get("/metrics")).status, 401);
  EXPECT_EQ(Ask(Get("/metrics", Bearer(alerts))).status, 403);
  EXPECT_EQ(Ask(Post("/v1/alerts", Webhook(1), Bearer(metrics))).status, 403);
  EXPECT_EQ(Ask(Post("/metrics", "", Bearer(metrics))).status, 405);
  EXPECT_TRUE(Kept().empty());
}

// Memory for a body is everybody's: whoever reads metrics, or knocks, has none of it.
TEST_F(Endpoint, ABodyWhereNoneIsWantedIsRefusedBeforeItIsRead) {
  const std::string metrics = Token("prometheus", v1::SOURCE_KIND_METRICS);
  const std::string generic = Token("script", v1::SOURCE_KIND_GENERIC);
  options_.max_bodies = options_.max_body;  // Room for one.
  Serve();
  struct Case {
    const char* request;
    std::string header;
    int status;
  };
  std::vector<std::unique_ptr<TlsClient>> all;
  for (const Case& one : std::vector<Case>{{"GET /metrics", Bearer(metrics), 400},
                                           {"HEAD /metrics", Bearer(metrics), 400},
                                           {"POST /v1/alerts", Bearer(metrics), 403},
                                           {"GET /healthz", "", 400},
                                           {"POST /healthz", "", 405},
                                           {"GET /metrics", "", 401},
                                           {"POST /v1/alerts", "", 401},
                                           {"POST /v1/alerts", Bearer("x"), 401},
                                           {"POST /nowhere", Bearer(generic), 404}}) {
    for (const char* length : {"Transfer-Encoding: chunked", "Content-Length: 3000000"}) {
      all.push_back(std::make_unique<TlsClient>(port()));
      const bool head = one.request[0] == 'H';
      const std::string request =
          absl::StrCat(one.request, " HTTP/1.1\r\nHost: h\r\n", one.header, length, "\r\n\r\n");
      ASSERT_TRUE(all.back()->Send(request));
      EXPECT_EQ(all.back()->Receive(head).status, one.status) << request;
    }
  }
  EXPECT_EQ(Ask(Post("/v1/alerts", R"({"labels":{"a":"b"}})", Bearer(generic))).status, 202);
  for (const auto& client : all) EXPECT_TRUE(client->Ended());
  EXPECT_EQ(endpoint_.Results()["bad"], 4);
}

TEST_F(Endpoint, ARefusalIsLoggedWithItsPeerAndWithoutTheToken) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/alerts";
  request.peer = "192.0.2.7";
  const auto lines = [&](int times) {
    out.str("");
    for (int i = 0; i < times; ++i) endpoint_.Screen(request);
    return out.str();
  };
  EXPECT_THAT(lines(1), HasSubstr("HTTPS refused 192.0.2.7 at /v1/alerts: no token\n"));
  request.headers["authorization"] = "Bearer mqs.prom.s3cret";
  EXPECT_EQ(lines(30), "");
  request.peer = "192.0.2.8";
  request.path = "/v1/alerts/mqs.prom.s3cret";
  request.query = "token=mqs.prom.s3cret";
  const std::string other = lines(1);
  EXPECT_THAT(other, HasSubstr("192.0.2.8 at a path that there is not: a token that is not valid"));
  EXPECT_THAT(other, Not(HasSubstr("s3cret")));
  clock_.now += absl::Seconds(61);
  request.peer = "192.0.2.7";
  EXPECT_THAT(lines(1), HasSubstr("(refused 31 times since the last line)"));
  // The right token of another kind is an alarm that nobody hears, too.
  request.peer = "192.0.2.9";
  request.path = "/v1/alerts";
  const std::string metrics = Token("prometheus", v1::SOURCE_KIND_METRICS);
  request.headers["authorization"] = "Bearer " + metrics;
  const std::string wrong = lines(1);
  EXPECT_THAT(wrong, HasSubstr("192.0.2.9 at /v1/alerts: source 'prometheus' may read metrics"));
  EXPECT_THAT(wrong, Not(HasSubstr(metrics)));
  spdlog::set_default_logger(before);
}

TEST_F(Endpoint, HealthNeedsNoTokenAndMethodsAreNamed) {
  const std::string token = Token("script", v1::SOURCE_KIND_GENERIC);
  Serve();
  EXPECT_EQ(Ask(Get("/healthz")).body, "ok\n");
  TlsClient head(port());
  EXPECT_EQ(head.Ask("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n", true).status, 200);
  Answer answer = Ask(Post("/healthz", "x"));
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers["allow"], "GET, HEAD");
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS", "BREW"}) {
    answer =
        Ask(absl::StrCat(method, " /v1/alerts HTTP/1.1\r\nHost: h\r\n", Bearer(token), "\r\n"));
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(answer.headers["allow"], "POST") << method;
  }
  for (const char* path : {"/", "/v1/alerts/", "/v1/alerts/../../etc/passwd", "//", "*"}) {
    EXPECT_EQ(Ask(Get(path, Bearer(token))).status, 404) << path;
  }
}

// None that was answered with 2xx is lost when the server ends under load.
TEST_F(Endpoint, WhatWasTakenBeforeTheEndIsThere) {
  const std::string token = Token("script", v1::SOURCE_KIND_GENERIC);
  Serve();
  std::atomic<int> taken{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i]() {
      TlsClient client(port());
      for (int n = 0;; ++n) {
        const std::string body = absl::StrCat(R"({"labels":{"n":")", i, "-", n, "\"}}");
        if (client.Ask(Post("/v1/alerts", body, Bearer(token))).status != 202) return;
        ++taken;
      }
    });
  }
  while (taken < 50) absl::SleepFor(absl::Milliseconds(5));
  server_->Stop();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(Kept().size(), static_cast<std::size_t>(taken));
}

TEST(FailureLog, FillsNoDiskAndForgetsNobodyWhoStays) {
  FailureLog log;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  int lines = 0;
  for (int i = 0; i < 100'000; ++i)
    lines += log.Count(absl::StrCat("10.0.", i / 256 % 256, ".", i % 256), now) > 0 ? 1 : 0;
  EXPECT_EQ(lines, FailureLog::kLines);
  now += absl::Minutes(1);
  EXPECT_GT(log.Count("192.0.2.1", now), 0);
  EXPECT_EQ(log.Count("192.0.2.1", now), 0);
  now -= absl::Hours(5);  // A clock that is set back silences nobody.
  EXPECT_EQ(log.Count("192.0.2.1", now), 2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(log.Count("192.0.2.1", now), 0);
  now += absl::Minutes(1);
  EXPECT_EQ(log.Count("192.0.2.1", now), 6);
  EXPECT_EQ(log.Count("2001:db8::1", now), 1);
  EXPECT_EQ(log.Count("2001:db8::2", now), 0) << "it is of the same net";
}

TEST(FailureLimit, RemembersSoManyPeersAndForgetsTheOldest) {
  FailureLimit limit;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  for (int i = 0; i < 11; ++i) limit.Fail("192.0.2.1", now);
  EXPECT_EQ(limit.Fail("192.0.2.1", now), absl::Minutes(1));
  for (std::size_t i = 0; i < FailureLimit::kPeers - 1; ++i) {
    limit.Fail(absl::StrCat("10.0.", i / 256, ".", i % 256), now);
  }
  EXPECT_EQ(limit.Peers(), FailureLimit::kPeers);
  EXPECT_GT(limit.Fail("192.0.2.1", now), absl::ZeroDuration());
  for (int i = 0; i < 100'000; ++i) {
    limit.Fail(absl::StrCat("10.", i / 65536 + 1, ".", i / 256 % 256, ".", i % 256), now);
  }
  EXPECT_EQ(limit.Peers(), FailureLimit::kPeers);
}

TEST(FailureLimit, IsOfAMinuteAndOfAWholeNetOfIpv6) {
  FailureLimit limit;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(limit.Fail(absl::StrCat("2001:db8::", i), now), absl::ZeroDuration());
  }
  EXPECT_EQ(limit.Fail("2001:db8::ffff", now), absl::Minutes(1));
  EXPECT_EQ(limit.Fail("2001:db8:0:1::1", now), absl::ZeroDuration());
  now += absl::Seconds(40);
  EXPECT_EQ(limit.Fail("2001:db8::1", now), absl::Seconds(20));
  now += absl::Seconds(20);
  EXPECT_EQ(limit.Fail("2001:db8::1", now), absl::ZeroDuration());
  // Nine a minute are never too many.
  for (int i = 0; i < 1000; ++i) {
    now += absl::Seconds(7);
    EXPECT_EQ(limit.Fail("192.0.2.9", now), absl::ZeroDuration());
  }
  // A clock that is set back does not limit for longer.
  for (int i = 0; i < 9; ++i) limit.Fail("192.0.2.8", now);
  now -= absl::Hours(5);
  EXPECT_EQ(limit.Fail("192.0.2.8", now), absl::ZeroDuration());
}

}  // namespace
}  // namespace mailquench::controller
