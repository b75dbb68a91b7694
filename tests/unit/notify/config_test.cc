#include <gmock/gmock.h>

#include "common/status/error.h"
#include "controller/notify/kinds.h"
#include "controller/notify/notices.h"
#include "controller/notify/warnings.h"
#include "controller/notify/words.h"
#include "tests/unit/notify/rig.h"

namespace mailquench::controller {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

absl::StatusOr<NotifyOptions> Read(const std::string& text) {
  return ReadNotifications("rules.yaml", YAML::Load(text));
}

constexpr char kAll[] = R"(
channels:
  - name: bridge
    webhook: {url: "https://bridge.test/hook", secret_file: /s, token_file: /t, ca_file: /ca}
    kinds: [page, proposal]
    severity: page
  - name: mail
    smtp: {relay: "relay.elsewhere.test:587", from: mailquench@ops.test, to: [a@ops.test], user: u,
           password_file: /p, null_sender: yes}
    subject: "{{severity}}: {{ title }}"
    body: |
      {{text}}
      {{fields.outcome}}
  - name: log
    syslog: {target: "tcp://log.test:6514", facility: local1}
first_retry: 2s
last_retry: 5m
give_up: 24h
limit: 3s
)";

TEST(Notifications, AreRead) {
  const auto options = Read(kAll);
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->channels.size(), 3u);
  EXPECT_EQ(options->channels[0].url, "https://bridge.test/hook");
  EXPECT_THAT(options->channels[0].kinds, ElementsAre("page", "proposal"));
  EXPECT_EQ(options->channels[1].kind, ChannelKind::kSmtp);
  EXPECT_TRUE(options->channels[1].starttls);
  EXPECT_TRUE(options->channels[1].null_sender);
  EXPECT_EQ(options->channels[2].facility, "local1");
  EXPECT_EQ(options->give_up, absl::Hours(24));
  EXPECT_EQ(options->limit, absl::Seconds(3));
  EXPECT_EQ(Read("").value().channels.size(), 0u);
  EXPECT_EQ(Read("limit: 5s").value().channels.size(), 0u);
}

TEST(Notifications, FaultsHaveAPlace) {
  const auto channel = [](const std::string& rest) {
    return absl::StrCat("channels:\n  - name: a\n    ", rest, "\n");
  };
  const auto smtp = [&](const std::string& rest) { return channel("smtp: {" + rest + "}"); };
  for (const auto& [text, what] : std::map<std::string, std::string>{
           {"channels: {}", "'channels' is a list"},
           {"chanels: []", "unknown key 'chanels'"},
           {"first_retry: 10m\nlast_retry: 1m", "'last_retry' is at least"},
           {"limit: 1h", "'limit' is a time span"},
           {"channels: [{webhook: {url: 'http://a.test'}}]", "'name' is missing"},
           {channel("kinds: [page]"), "one of 'webhook', 'smtp' and 'syslog'"},
           {channel("webhook: {url: 'http://a.test'}\n    syslog: {}"), "one of 'webhook'"},
           {channel("webhook: {url: 'ftp://a.test'}"), "must begin with http"},
           {channel("webhook: {}"), "either 'url' or 'url_file'"},
           {channel("webhook: {url: 'http://a.test', url_file: /u}"), "either 'url' or"},
           {channel("webhook: {url: 'http://a.test', secret: hunter2}"), "unknown key 'secret'"},
           {channel("webhook: {url: 'http://a.test'}\n    body: x"), "has no template"},
           {channel("webhook: {url: 'http://a.test'}\n    kinds: [pages]"),
            "no kind of notice 'pages'"},
           {channel("webhook: {url: 'http://a.test'}\n    severity: high"),
            "info, warning or page"},
           {smtp("relay: 'r.test:25', from: a@b.test"), "'to' is missing"},
           {smtp("relay: r.test, from: a@b.test, to: c@d.test"), "a host and a port"},
           {smtp("relay: 'r.test:25', from: a, to: c@d.test"), "'from' is a mail address"},
           {smtp("relay: 'r.test:25', from: a@b.test, to: ['c@d.test, e@f.test']"),
            "mail addresses"},
           {smtp("relay: 'r.test:25', from: a@b.test, to: \"c@d.test>\\r\\nDATA\""),
            "list of texts"},
           {smtp("relay: 'r.test:25', from: a@b.test, to: c@d.test, user: u"), "belong together"},
           {smtp("relay: 'r.test:25', from: a@b.test, to: c@d.test, user: u, password_file: /p, "
                 "starttls: no"),
            "over TLS alone"},
           {smtp("relay: 'r.test:25', from: a@b.test, to: c@d.test, password: hunter2"),
            "unknown key 'password'"},
           {channel("syslog: {target: udp}"), "path of a socket"},
           {channel("syslog: {target: 'udp://'}"), "path of a socket"},
           {channel("syslog: {facility: kern}"), "'facility' is"},
           {channel("syslog: {}\n    subject: x"), "syslog has no subject"},
           {channel("syslog: {}\n    body: '{{hots}}'"), "there is no field {{hots}}"},
           {channel("syslog: {}\n    body: '{{hosts'"), "has no }}"},
           {"channels:\n  - {name: a, syslog: {}}\n  - {name: a, syslog: {}}",
            "rules.yaml:3:5: two channels have the name 'a'"}}) {
    const auto bad = Read(text);
    EXPECT_EQ(ReasonOf(bad.status()), "BAD_RULES") << text;
    EXPECT_THAT(std::string(bad.status().message()), HasSubstr(what)) << text;
    EXPECT_THAT(std::string(bad.status().message()), testing::StartsWith("rules.yaml:"));
    EXPECT_THAT(std::string(bad.status().message()), Not(HasSubstr("hunter2")));
  }
}

TEST(Words, TellATiredPersonWhatHappenedWhereAndWhatNext) {
  v1::Notice notice = NoticeOf("n-1");
  EXPECT_EQ(SubjectOf("", notice), "[mailquench warning] A run failed: mx1.test");
  EXPECT_EQ(BodyOf("", notice),
            "The run contain failed on mx1.test: it was stopped and not swept.\n"
            "\nWhat to do now:\n    mailquench run show r-1\n"
            "\nHosts:      mx1.test\nTime:       2023-11-14T22:13:20Z\nIncident:   i-1\n"
            "Escalation: e-1\nRun:        r-1\n\noutcome: failed\n"
            "\n-- \nMailquench, notice n-1 (run-failed, warning)\n");
  for (int i = 0; i < 500; ++i) notice.add_hosts(absl::StrCat("h", i));
  EXPECT_EQ(SubjectOf("", notice),
            "[mailquench warning] A run failed: mx1.test, h0, h1 and 498 more");
  EXPECT_THAT(BodyOf("", notice), HasSubstr(" and 401 more\n"));
  notice.set_text("x");
  EXPECT_EQ(FillTemplate("{{ text }}|{{fields.outcome}}|{{fields.none}}|{{host_count}}|{ {{id}} }",
                         notice),
            "x|failed||501|{ n-1 }");
  // What stands in a field is no template.
  notice.set_text("{{id}} {{");
  EXPECT_EQ(FillTemplate("{{text}}", notice), "{{id}} {{");
  EXPECT_LE(SubjectOf(std::string(1000, 'x'), notice).size(), 200u);
}

TEST(Kinds, AllHaveASeverityAndATitle) {
  for (const NoticeKind& kind : NoticeKinds()) {
    EXPECT_GE(SeverityRank(kind.severity), 0) << kind.name;
    EXPECT_FALSE(kind.title.empty());
    EXPECT_EQ(FindNoticeKind(kind.name), &kind);
  }
  EXPECT_EQ(NoticeKinds().size(), 21u);
  EXPECT_EQ(FindNoticeKind("pages"), nullptr);
}

TEST(Warnings, OfWhatMayLeavePeopleUntold) {
  EXPECT_THAT(NotificationWarnings({}, {}), ElementsAre(HasSubstr("nobody is told")));
  EXPECT_THAT(NotificationWarnings(Read(kAll).value(), {}), IsEmpty());
  v1::Host host;
  host.set_name("mx1");
  host.mutable_hello()->add_listeners("192.0.2.1:25");
  host.mutable_hello()->add_listeners("127.0.0.1:25");
  host.mutable_hello()->add_helo_names("MX1.example.org");
  host.mutable_hello()->add_mail_domains("Example.org");
  const auto mail = [&](const std::string& relay, const std::string& to) {
    return NotificationWarnings(Read(absl::StrCat("channels: [{name: m, smtp: {relay: '", relay,
                                                  "', from: a@b.test, to: ", to, "}}]"))
                                    .value(),
                                {host});
  };
  EXPECT_THAT(mail("relay.test:587", "x@y.test"), ElementsAre(HasSubstr("all channels are mail")));
  EXPECT_THAT(mail("mx1.example.org:587", "x@y.test"),
              Contains(HasSubstr("its relay mx1.example.org is mx1")));
  EXPECT_THAT(mail("192.0.2.1:25", "x@y.test"), Contains(HasSubstr("a host of the fleet")));
  EXPECT_THAT(mail("127.0.0.1:25", "x@y.test"), Not(Contains(HasSubstr("a host of the fleet"))));
  EXPECT_THAT(mail("relay.test:587", "ops@example.ORG"),
              Contains(HasSubstr("mx1 of this fleet takes mail for ops@example.ORG")));
  EXPECT_THAT(
      NotificationWarnings(
          Read("channels: [{name: w, webhook: {url: 'http://a.test'}, kinds: drift}]").value(), {}),
      ElementsAre(HasSubstr("forgery"), HasSubstr("plain text"),
                  HasSubstr("no channel takes notices of kind 'page'")));
}

}  // namespace
}  // namespace mailquench::controller
