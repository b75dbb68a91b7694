// A BIND whose zone example.test the key mq.test may change.
#ifndef MAILQUENCH_TESTS_UNIT_DNS_UPDATE_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_DNS_UPDATE_FIXTURE_H_

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/dns/update.h"
#include "tests/e2e/processes.h"
#include "tests/unit/dns/name_server.h"

namespace mailquench::controller::dns::test {

inline constexpr char kZones[] =
    "zone \"example.test\" { type primary; file \"zone\"; "
    "update-policy { grant mq.test zonesub ANY; }; };\n";

class BindUpdate : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeKey(folder_, "key", "hmac-sha256", "mq.test");
    MakeKey(folder_, "narrow", "hmac-sha256", "narrow.test");
    folder_.Write("zone", ExampleZone());
    folder_.Write("locked", ExampleZone());
    port_ = mailquench::test::FreePort();
    server_.emplace(Server::Bind(
        folder_, "127.0.0.1", port_, "",
        absl::StrCat("include \"", folder_.path("key"), "\";\ninclude \"", folder_.path("narrow"),
                     "\";\nzone \"locked.test\" { type primary; file \"locked\"; };\n",
                     "zone \"example.test\" { type primary; file \"zone\"; update-policy { ",
                     "grant mq.test zonesub ANY; ",
                     "grant narrow.test name granted.example.test A; }; };\n"),
        true));
    primary_.emplace(Primary{
        server_->address(), "example.test", LoadKey(folder_, "key"), {absl::Milliseconds(500), 3}});
  }

  const Folder& folder() const { return folder_; }
  const Primary& primary() const { return *primary_; }
  const Server& server() const { return *server_; }
  const std::string& address() const { return server_->address(); }
  int port() const { return port_; }

  absl::StatusOr<Done> Send(const Change& change) {
    return Update(primary(), {change}, absl::Now());
  }
  std::vector<std::string> Values(const std::string& name, const std::string& type) {
    const auto found = Look(primary(), name, type, absl::Now());
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->values : std::vector<std::string>{};
  }
  // An update with the key fails, says so, shows no secret and changes nothing.
  void Expect(const std::string& reason, const std::string& words, const TsigKey& key) {
    Primary with = primary();
    with.key = key;
    const auto done =
        Update(with, {{"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}}, absl::Now());
    EXPECT_EQ(ReasonOf(done.status()), reason) << done.status();
    EXPECT_THAT(std::string(done.status().message()), ::testing::HasSubstr(words));
    EXPECT_EQ(done.status().ToString().find(absl::Base64Escape(key.secret())), std::string::npos);
    EXPECT_THAT(Values("mx1.example.test", "A"), ::testing::ElementsAre("192.0.2.10"));
  }

 private:
  Folder folder_;
  int port_ = 0;
  std::optional<Server> server_;
  std::optional<Primary> primary_;
};

}  // namespace mailquench::controller::dns::test

#endif  // MAILQUENCH_TESTS_UNIT_DNS_UPDATE_FIXTURE_H_
