#include "agent/http/get.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/process.h"
#include "common/status/error.h"
#include "tests/unit/http/web_server.h"

namespace mailquench::agent {
namespace {
using ::testing::HasSubstr;

GetOptions Options(absl::Duration within = absl::Seconds(10)) {
  GetOptions options;
  options.private_targets = true;
  options.deadline = absl::Now() + within;
  return options;
}

absl::StatusOr<GetResult> GetFrom(const std::string& url, const GetOptions& options) {
  bool asked = false;
  return Get(ParseUrl(url).value(), options, &asked);
}

TEST(Get, SendsOneRequestAndGivesTheAnswer) {
  WebServer server(Says("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nremoved and more"));
  server.Start();
  GetOptions options = Options();
  options.source_address = "127.0.0.9";
  const auto got = GetFrom(server.Url("/remove?x=1"), options);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "removed");
  EXPECT_FALSE(got->body_cut);
  EXPECT_EQ(got->from_address, "127.0.0.9");
  EXPECT_EQ(got->peer_address, "127.0.0.1");
  ASSERT_EQ(server.Requests().size(), 1u);
  EXPECT_THAT(server.Requests()[0], testing::StartsWith("GET /remove?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.Requests()[0], HasSubstr(absl::StrCat("Host: 127.0.0.1:", server.port())));
}

TEST(Get, ReadsChunksAndInterimReplies) {
  WebServer server(
      Says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "4;x=y\r\ngone\r\n1\r\n!\r\n0\r\n\r\n"));
  server.Start();
  const auto got = GetFrom(server.Url(), Options());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->body, "gone!");
  EXPECT_FALSE(got->body_cut);
}

TEST(Get, FollowsNoRedirect) {
  WebServer server(Says("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n"));
  server.Start();
  const auto got = GetFrom(server.Url(), Options());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 302);
  EXPECT_EQ(got->location, "http://169.254.169.254/");
  EXPECT_EQ(server.Requests().size(), 1u);
}

TEST(Get, ReadsNoMoreThanItsLimit) {
  WebServer server([](const WebServer::Send& send) {
    send("HTTP/1.1 200 OK\r\n\r\n");
    while (send(std::string(65536, 'x'))) {
    }
  });
  server.Start();
  const auto got = GetFrom(server.Url(), Options());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->body.size(), 65536u);
  EXPECT_TRUE(got->body_cut);
}

TEST(Get, ChunksAndLengthsOfAnySizeAreCut) {
  for (const char* head :
       {"Content-Length: 99999999999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nfffffff0\r\n"}) {
    WebServer server(Says(absl::StrCat("HTTP/1.1 200 OK\r\n", head, "part")));
    server.Start();
    const auto got = GetFrom(server.Url(), Options());
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->body, "part") << head;
    EXPECT_TRUE(got->body_cut) << head;
  }
}

// Each byte comes well within any limit of a single read.
void Drip(const WebServer& server, const WebServer::Send& send, const std::string& text) {
  for (std::size_t i = 0; !server.ending() && send(text.substr(i % text.size(), 1)); ++i)
    absl::SleepFor(absl::Milliseconds(20));
}

TEST(Get, AServerThatDripsDoesNotHoldIt) {
  WebServer* self = nullptr;
  WebServer head([&](const WebServer::Send& send) {
    send("HTTP/1.1 200 OK\r\nX: ");
    Drip(*self, send, "x");
  });
  self = &head;
  head.Start();
  absl::Time begin = absl::Now();
  bool asked = false;
  const auto got = Get(ParseUrl(head.Url()).value(), Options(absl::Milliseconds(600)), &asked);
  EXPECT_EQ(ReasonOf(got.status()), "FETCH_TIMED_OUT");
  EXPECT_TRUE(asked);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
  WebServer* other = nullptr;
  WebServer body([&](const WebServer::Send& send) {
    send("HTTP/1.1 200 OK\r\n\r\nremoved");
    Drip(*other, send, ".");
  });
  other = &body;
  body.Start();
  begin = absl::Now();
  const auto status = GetFrom(body.Url(), Options(absl::Milliseconds(600)));
  ASSERT_TRUE(status.ok()) << "the status had come: " << status.status();
  EXPECT_THAT(status->body, testing::StartsWith("removed"));
  EXPECT_TRUE(status->body_cut);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
}

TEST(Get, EndsWhenItIsNotWantedAnyMore) {
  WebServer* self = nullptr;
  WebServer server([&](const WebServer::Send& send) { Drip(*self, send, "H"); });
  self = &server;
  server.Start();
  GetOptions options = Options(absl::Seconds(60));
  const absl::Time end = absl::Now() + absl::Milliseconds(300);
  options.still_wanted = [&] {
    return absl::Now() < end ? absl::OkStatus() : absl::CancelledError("no more");
  };
  EXPECT_TRUE(absl::IsCancelled(GetFrom(server.Url(), options).status()));
  EXPECT_LT(absl::Now() - end, absl::Seconds(3));
}

TEST(Get, AsksNobodyInsideUnlessThatWasMeant) {
  WebServer server(Says("HTTP/1.1 200 OK\r\n\r\n"));
  server.Start();
  GetOptions options = Options();
  options.private_targets = false;
  bool asked = true;
  for (const std::string& url :
       {server.Url(), absl::StrCat("http://localhost:", server.port(), "/"),
        std::string("http://169.254.169.254/latest/meta-data/"), std::string("http://[::1]:80/"),
        absl::StrCat("http://[::ffff:127.0.0.1]:", server.port(), "/")}) {
    const auto got = Get(ParseUrl(url).value(), options, &asked);
    EXPECT_EQ(ReasonOf(got.status()), "PRIVATE_TARGET") << url << got.status();
    EXPECT_FALSE(asked);
  }
  EXPECT_TRUE(server.Requests().empty());
}

TEST(Get, SaysWhatWentWrong) {
  GetOptions options = Options();
  options.source_address = "192.0.2.99";
  WebServer silent(Says(""));
  EXPECT_EQ(ReasonOf(GetFrom(silent.Url(), options).status()), "BAD_SOURCE");
  int port = 0;
  {
    WebServer gone(Says(""));
    port = gone.port();
  }
  EXPECT_EQ(ReasonOf(GetFrom(absl::StrCat("http://127.0.0.1:", port, "/"), Options()).status()),
            "NO_CONNECTION");
  // By whether this machine's resolver answers in time.
  const std::string nobody = ReasonOf(GetFrom("http://nobody.invalid/", Options()).status());
  EXPECT_TRUE(nobody == "NO_SUCH_HOST" || nobody == "FETCH_TIMED_OUT") << nobody;
  for (const std::string& answer :
       {std::string("SSH-2.0-x\r\n"), std::string("HTTP/1.1 2000 OK\r\n"),
        std::string("HTTP/1.1 200 OK\r\nA: b\r\n"),
        absl::StrCat("HTTP/1.1 200 OK\r\nA: ", std::string(40000, 'x'), "\r\n\r\n")}) {
    WebServer server(Says(answer));
    server.Start();
    EXPECT_EQ(ReasonOf(GetFrom(server.Url(), Options()).status()), "NO_ANSWER")
        << answer.substr(0, 40);
  }
}

TEST(Get, TrustsAServerOnlyByItsCertificate) {
  char folder[] = "/tmp/agentops-tls-XXXXXX";
  const std::string dir = mkdtemp(folder);
  const auto made = RunProcess({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                                dir + "/key.pem", "-out", dir + "/ca.pem"});
  if (!made.ok() || made->exit_code != 0) GTEST_SKIP() << "needs openssl(1)";
  std::ofstream(dir + "/both.pem")
      << std::ifstream(dir + "/ca.pem").rdbuf() << std::ifstream(dir + "/key.pem").rdbuf();
  WebServer server(Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), dir + "/both.pem");
  server.Start();
  GetOptions options = Options();
  options.ca_file = dir + "/ca.pem";
  const auto got = GetFrom(server.Url(), options);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->body, "ok");
  const auto other_name = GetFrom(absl::StrCat("https://localhost:", server.port(), "/"), options);
  EXPECT_EQ(ReasonOf(other_name.status()), "TLS_FAILED");
  EXPECT_THAT(std::string(other_name.status().message()), HasSubstr("not to be trusted"));
  // The system's store does not know it; a host without a store is told so.
  EXPECT_EQ(ReasonOf(GetFrom(server.Url(), Options()).status()), "TLS_FAILED");
  setenv("SSL_CERT_FILE", (dir + "/none.pem").c_str(), 1);
  setenv("SSL_CERT_DIR", dir.c_str(), 1);
  EXPECT_EQ(ReasonOf(GetFrom(server.Url(), Options()).status()), "NO_CA_STORE");
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  EXPECT_EQ(server.Requests().size(), 1u) << "nothing was asked of whom it did not trust";
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace mailquench::agent
