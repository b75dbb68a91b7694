// Who stands behind a reply. The texts are replies as they were published, with addresses for
// documentation.
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/blockers_count.h"
#include "agent/mail/blockers_table.h"

namespace mailquench::agent {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// Shows the texts, and does not keep them.
DeliveryReply Reply(absl::string_view text, absl::string_view server, bool rejected = true) {
  DeliveryReply reply;
  reply.time = kNow;
  reply.server = server;
  reply.address = "198.51.100.25";
  reply.text = text;
  reply.rejected = rejected;
  return reply;
}

v1::MailBlockersResult Count(const std::string& text, const std::string& server = "mx.a.test") {
  BlockersCount count;
  count.Add(Reply(text, server));
  v1::MailBlockersResult result;
  count.Fill(&result);
  return result;
}

struct Case {
  const char* name;
  const char* text;
  const char* server = "mx.a.test";
};
constexpr Case kCases[] = {
    {"Microsoft 365",
     "550 5.7.511 Access denied, banned sender[203.0.113.9]. To request removal from this list "
     "please "
     "forward this message to delist@messaging.microsoft.com."},
    {"Microsoft 365",
     "451 4.7.650 The mail server [203.0.113.9] has been temporarily rate limited due to IP "
     "reputation. (S775)"},
    {"Microsoft",
     "550 5.7.1 Unfortunately, messages from [203.0.113.9] weren't sent. Please contact your "
     "Internet "
     "service provider since part of their network is on our block list (S3140). You can also "
     "refer "
     "your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. "
     "[VI1EUR05FT055.eop-eur05.prod.protection.outlook.com] (in reply to MAIL FROM command)",
     "hotmail-com.olc.protection.outlook.com"},
    {"Microsoft", "550 5.7.1 on our block list (S3150)."},
    {"Microsoft",
     "550 5.7.606 Access denied, banned sending IP [203.0.113.9]; To request removal from this "
     "list "
     "please visit https://sender.office.com/ and follow the directions."},
    {"Microsoft",
     "550 SC-001 (COL0-MC4-F44) Unfortunately, messages from 203.0.113.9 weren't sent."},
    {"Microsoft",
     "550 OU-002 (SNT004-MC1F6) Unfortunately, messages from 203.0.113.9 weren't sent."},
    {"Gmail",
     "421-4.7.0 [203.0.113.9      15] Our system has detected that this message is 421-4.7.0 "
     "suspicious due to the very low reputation of the sending IP address. - gsmtp"},
    {"Gmail",
     "550-5.7.1 [203.0.113.9] Gmail has detected that this message is likely 550-5.7.1 unsolicited "
     "mail. https://support.google.com/mail/answer/188131 - gsmtp"},
    {"Gmail",
     "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail. To protect 421-4.7.28 our "
     "users from spam, mail has been temporarily rate limited. - gsmtp (in reply to end of DATA)"},
    {"Yahoo",
     "421 4.7.0 [TSS04] Messages from 203.0.113.9 temporarily deferred due to unexpected volume or "
     "user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes"},
    {"Yahoo",
     "421 4.7.0 [TS02] Messages from 203.0.113.9 temporarily deferred due to user complaints"},
    {"Apple iCloud",
     "554 5.7.1 [CS01] Message rejected due to local policy. Please visit "
     "https://support.apple.com/en-us/HT204137"},
    {"Apple iCloud", "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.9",
     "mx01.mail.icloud.com"},
    {"Proofpoint", "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.9"},
    {"Cloudmark",
     "550 smtp-13.iol.local IP blacklisted by CSI. For remediation please use "
     "http://csi.cloudmark.com/reset-request/?ip=203.0.113.9"},
    {"Cloudmark", "421 203.0.113.9 has a poor reputation on Cloudmark Sender Intelligence (CSI)."},
    {"Trend Micro",
     "550 Service unavailable; Client host [203.0.113.9] blocked using Trend Micro RBL+. Please "
     "see "
     "http://www.mail-abuse.com/cgi-bin/lookup?ip_address=203.0.113.9"},
    {"Trend Micro",
     "550 5.7.1 Mail from 203.0.113.9 has been blocked by Trend Micro Email Reputation Service."},
    {"Cisco Talos",
     "554 Your access to this mail system has been rejected due to the sending MTA's poor "
     "reputation. If you believe that this failure is in error, please contact the intended "
     "recipient via alternate means."},
    {"Cisco Talos", "554 SBRS score too low: http://www.senderbase.org/"},
    {"T-Online",
     "554 IP=203.0.113.9 - A problem occurred. (Ask your postmaster for help or to contact "
     "tosa@rx.t-online.de to clarify.) (BL)"},
    {"GMX",
     "554-gmx.net (mxgmx114) Nemesis ESMTP Service not available 554-No SMTP service 554-Bad DNS "
     "PTR "
     "resource record. 554 For explanation visit "
     "http://postmaster.gmx.com/en/error-messages?ip=203.0.113.9&c=rdns"},
    {"Comcast",
     "554 imta14.emeryville.ca.mail.comcast.net comcast 203.0.113.9 Comcast block for spam. Please "
     "see http://postmaster.comcast.net/smtp-error-codes.php#BL000000"},
    {"Mimecast",
     "550 csi.mimecast.org Poor Reputation Sender. - "
     "https://community.mimecast.com/docs/DOC-1369#550 [EM-f6hnWN9maa42OLPquOA.us166]"},
    {"SpamCop",
     "550 spamcop.mimecast.org Blocked - see https://www.spamcop.net/bl.shtml?203.0.113.9. - "
     "https://community.mimecast.com/docs/DOC-1369#550"},
    // Microsoft uses it; what counts is whom to ask.
    {"Spamhaus",
     "550 5.7.1 Service unavailable, Client host [203.0.113.9] blocked using Spamhaus. To request "
     "removal from this list see https://www.spamhaus.org/query/ip/203.0.113.9 (AS3130). "
     "[BN8NAM12FT053.eop-nam12.prod.protection.outlook.com]"},
    {"Spamhaus",
     "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org"},
    {"Barracuda", "550 http://www.barracudanetworks.com/reputation/?pr=1&ip=203.0.113.9"},
    {"Barracuda",
     "554 Service unavailable; Client host [a.test] blocked using Barracuda Reputation; "
     "http://bbl.barracudacentral.com/q.cgi?ip=203.0.113.9"},
    {"UCEPROTECT",
     "554 blocked using dnsbl-1.uceprotect.net; IP 203.0.113.9 is UCEPROTECT-Level 1"},
    {"Backscatterer", "554 blocked using ips.backscatterer.org; Sorry 203.0.113.9 is blacklisted"},
    {"Abusix", "554 blocked using combined.mail.abusix.zone"},
    {"PSBL", "554 blocked using psbl.surriel.com; Listed in PSBL, see http://psbl.org/listing"},
    {"blocklist.de", "554 blocked using bl.blocklist.de"},
    {"SpamRATS", "554 blocked using noptr.spamrats.com"},
    {"Mailspike", "554 blocked using bl.mailspike.net"},
    {"Spam Eating Monkey", "554 blocked using bl.spameatingmonkey.net"},
    {"DroneBL", "554 blocked using dnsbl.dronebl.org"},
    {"0Spam", "554 blocked using bl.0spam.org"},
    {"SPFBL", "554 blocked using dnsbl.spfbl.net"},
    {"Hostkarma", "554 blocked using hostkarma.junkemailfilter.com"},
    {"S5H", "554 blocked using all.s5h.net"},
    {"JustSpam", "554 blocked using dnsbl.justspam.org"},
    {"invaluement", "554 blocked using sip.invaluement.com"},
    {"Validity", "554 blocked using bl.score.senderscore.com"},
    {"SURBL", "554 5.7.1 message has a domain listed in multi.surbl.org"},
    {"URIBL", "554 5.7.1 message has a domain listed in multi.uribl.com"},
    {"SORBS", "554 blocked using dnsbl.sorbs.net; Currently Sending Spam"},
    {"NiX Spam", "554 5.7.1 Client host [203.0.113.9] blocked using ix.dnsbl.manitu.net"},
    {"rbl.nobody.example",
     "554 5.7.1 Client host [203.0.113.9] blocked using rbl.nobody.example; no"},
};

TEST(Blockers, NamesEachByAPublishedReply) {
  std::set<std::string> seen;
  for (const Case& one : kCases) {
    const auto result = Count(one.text, one.server);
    ASSERT_EQ(result.blockers_size(), 1) << one.name << ": " << one.text;
    EXPECT_EQ(result.blockers(0).name(), one.name) << one.text;
    EXPECT_EQ(result.blockers(0).samples(0), std::string(one.text).substr(0, 500));
    EXPECT_EQ(result.other(), 0);
    seen.insert(one.name);
    const std::string text = one.text;
    if (text.find("203.0.113.9") != std::string::npos)
      EXPECT_THAT(result.blockers(0).addresses(), ElementsAre("203.0.113.9")) << text;
    else
      EXPECT_EQ(result.blockers(0).addresses_size(), 0) << text;
  }
  for (const BlockerRule& rule : BlockerRules())
    EXPECT_EQ(seen.count(rule.name), 1u) << rule.name << " has no case";
}

TEST(Blockers, TheTableIsSound) {
  std::set<std::string> names;
  for (const BlockerRule& rule : BlockerRules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_NE(rule.kind, v1::BLOCKER_KIND_UNSPECIFIED);
    EXPECT_FALSE(std::string(rule.way_out).empty() && std::string(rule.note).empty()) << rule.name;
    ASSERT_NE(rule.marks[0].text, nullptr) << rule.name;
    for (const BlockerMark& mark : rule.marks) {
      for (const char* word : {mark.text, mark.also, mark.server}) {
        if (word == nullptr) continue;
        for (const char* c = word; *c != '\0'; ++c) EXPECT_FALSE(*c >= 'A' && *c <= 'Z') << word;
      }
    }
  }
}

TEST(Blockers, LeavesOutWhatIsNoBlockAndKeepsWhatLooksLikeOne) {
  for (const char* text :
       {"550 5.1.1 <a@b.test>: Recipient address rejected: User unknown in local recipient table",
        "450 4.2.0 <a@b.test>: Recipient address rejected: Greylisted, see http://postgrey.test",
        "452 4.2.2 The email account that you tried to reach is over quota - gsmtp",
        "550-5.1.1 The email account that you tried to reach does not exist. "
        "https://support.google.com/mail/?p=NoSuchUser - gsmtp",
        "451 Internal resource temporarily unavailable - "
        "https://community.mimecast.com/docs/DOC-1369#451",
        "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550",
        "550 5.1.1 unknown user es31401"}) {
    const auto result = Count(text);
    EXPECT_EQ(result.blockers_size(), 0) << text << result.DebugString();
    EXPECT_EQ(result.other(), 0) << text;
    EXPECT_EQ(result.replies(), 1);
  }
  for (const char* text : {"554 5.7.1 rejected for policy reasons", "550 spam detected",
                           "550 Your IP is listed", "554 5.7.1 Access denied"}) {
    const auto result = Count(text);
    EXPECT_EQ(result.blockers_size(), 0) << text;
    EXPECT_EQ(result.other(), 1) << text;
    EXPECT_THAT(result.other_samples(), ElementsAre(text));
  }
  // What the content filter of the host itself says is no block by others.
  BlockersCount own;
  DeliveryReply reply = Reply("554 5.7.0 Reject, spam", "127.0.0.1");
  reply.address = "127.0.0.1";
  own.Add(reply);
  v1::MailBlockersResult result;
  own.Fill(&result);
  EXPECT_EQ(result.other(), 0);
}

TEST(Blockers, CountsReceiversTimesAndTheNewestSamples) {
  BlockersCount count;
  for (int i = 0; i < 20; ++i) {
    const std::string text = absl::StrCat("550 5.7.1 messages from [203.0.113.9] ", i, " (S3140)");
    const std::string server =
        absl::StrCat("mx", i, i < 10 ? ".a" : absl::StrCat(".b", i % 7), ".co.uk");
    DeliveryReply reply = Reply(text, server, i % 2 == 0);
    reply.time = kNow + absl::Minutes(i);
    count.Add(reply);
  }
  count.Add(Reply("554 blocked using zen.spamhaus.org", "mx.c.test"));
  v1::MailBlockersResult result;
  count.Fill(&result);
  ASSERT_EQ(result.blockers_size(), 2);
  const v1::Blocker& most = result.blockers(0);
  EXPECT_EQ(most.name(), "Microsoft");
  EXPECT_EQ(most.kind(), v1::BLOCKER_KIND_RECEIVER);
  EXPECT_EQ(most.way_out(), "https://sender.office.com/");
  EXPECT_EQ(most.rejected(), 10);
  EXPECT_EQ(most.deferred(), 10);
  EXPECT_EQ(most.first_time().seconds(), absl::ToUnixSeconds(kNow));
  EXPECT_EQ(most.last_time().seconds(), absl::ToUnixSeconds(kNow + absl::Minutes(19)));
  ASSERT_EQ(most.receivers_size(), 5);
  EXPECT_EQ(most.receivers(0).value(), "a.co.uk");
  EXPECT_EQ(most.receivers(0).messages(), 10);
  ASSERT_EQ(most.samples_size(), 3);
  EXPECT_THAT(most.samples(0), HasSubstr("] 19 ("));
  EXPECT_THAT(most.samples(2), HasSubstr("] 17 ("));
  EXPECT_EQ(result.blockers(1).kind(), v1::BLOCKER_KIND_LIST);
}

TEST(Blockers, HostileRepliesAreBounded) {
  BlockersCount count;
  for (int i = 0; i < 3000; ++i) {
    const std::string text =
        absl::StrCat("550 \x1b[2J\xff\xe2\x80\xae blocked using x", i, ".evil.test ", i / 256 % 256,
                     ".", i % 256, ".9.9 S3140x ", std::string(2000, '\xc3'));
    count.Add(Reply(text, absl::StrCat("mx.e", i, ".test")));
    const std::string named = absl::StrCat("550 (S3140) 9.9.", i / 256, ".", i % 256);
    count.Add(Reply(named, absl::StrCat("mx.e", i, "\xff\x1b.test")));
  }
  v1::MailBlockersResult result;
  count.Fill(&result);
  EXPECT_EQ(result.blockers_size(), 51) << "50 lists that nobody knows, and Microsoft";
  EXPECT_EQ(result.other(), 2950);
  for (const v1::Blocker& one : result.blockers()) {
    EXPECT_LE(one.addresses_size(), 20);
    EXPECT_LE(one.samples_size(), 3);
    for (const std::string& sample : one.samples()) {
      EXPECT_LE(sample.size(), 500u);
      EXPECT_EQ(sample.find('\x1b'), std::string::npos);
      EXPECT_EQ(sample.find('\xff'), std::string::npos);
    }
    for (const v1::CountOf& receiver : one.receivers())
      EXPECT_EQ(receiver.value().find('\x1b'), std::string::npos);
  }
  EXPECT_LT(result.ByteSizeLong(), 200'000u);
  v1::MailBlockersResult parsed;  // Protocol Buffers take only UTF-8.
  EXPECT_TRUE(parsed.ParseFromString(result.SerializeAsString()));
}

TEST(Blockers, TellsAddressesFromNumbers) {
  const auto result = Count(
      "550 5.7.1 S3140 2001:DB8::9, [IPv6:2001:db8::a] 203.0.113.9. 12:30:45 v1.2.3.4x 127.0.0.2 "
      "198.51.100.25 1.2.3 ip=203.0.113.10&x");
  EXPECT_THAT(
      result.blockers(0).addresses(),
      testing::UnorderedElementsAre("2001:db8::9", "2001:db8::a", "203.0.113.9", "203.0.113.10"));
}

}  // namespace
}  // namespace mailquench::agent
