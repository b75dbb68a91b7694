// What a queue file tells of its message, whoever wrote it.
#include "agent/mail/folders/message_file.h"

#include "agent/quarantine/filter.h"
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MessageFile, TheEnvelopeOfDropAndPickupFiles) {
  const auto message = ParseMessage(
      SmtpHost::Message("a@example.org", "b@example.net", "=?UTF-8?B?R3LDvMOfZQ==?="), {});
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->source, EnvelopeSource::kLines);
  EXPECT_EQ(message->facts.sender, "a@example.org");
  EXPECT_THAT(message->facts.recipients, ElementsAre("b@example.net"));
  EXPECT_THAT(message->facts.recipient_domains, ElementsAre("example.net"));
  EXPECT_EQ(message->facts.subject,
            "Gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(message->facts.client, "203.0.113.7");
}

TEST(MessageFile, HeadersWhereThereIsNoMore) {
  const auto message = ParseMessage(
      "Received: from x ([IPv6:2001:db8::1]) by mx with Microsoft SMTPSVC(10); date\n"
      "\t(authenticated user ann@example.org)\nReturn-Path: <c@example.org>\nFrom: Other "
      "<o@example.org>\n"
      "To: One <one@example.net>,\n two@example.com\nCc: two@example.com\n\nTo: none@example.org\n",
      {});
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->source, EnvelopeSource::kHeaders);
  EXPECT_EQ(message->facts.sender, "c@example.org");
  EXPECT_THAT(message->facts.recipients, ElementsAre("one@example.net", "two@example.com"));
  EXPECT_EQ(message->facts.client, "2001:db8::1");
  EXPECT_EQ(message->facts.account, "ann@example.org");
}

TEST(MessageFile, AForeignReceivedHeaderSaysNothingOfTheClient) {
  const auto message = ParseMessage(
      "Received: from x ([1.2.3.4]) by other with ESMTP\n"
      "Received: from x ([5.6.7.8]) by mx with Microsoft SMTPSVC(10)\nFrom: a@example.org\n\n",
      {});
  EXPECT_EQ(message->facts.client, "");
}

TEST(MessageFile, AddressesOfAStreamAreAGuessAndSaidToBeOne) {
  std::string wide = std::string("\x01\x00\x22", 3);
  for (const char c : std::string("victim@example.net")) wide += std::string{c, '\0'};
  const NamedStream stream{"PROPERTIES", std::string("\0\x11spam@example.org\0\0", 21) + wide};
  const auto message = ParseMessage("From: spam@example.org\nTo: nobody@example.com\n\n", {stream});
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->source, EnvelopeSource::kStreams);
  EXPECT_EQ(message->facts.sender, "spam@example.org");
  EXPECT_THAT(message->facts.recipients, ElementsAre("victim@example.net"));
}

TEST(MessageFile, DeliveryReportsHaveTheNullSender) {
  const char kReport[] =
      "From: postmaster@example.org\nTo: victim@example.net\n"
      "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=x\n\n";
  EXPECT_EQ(ParseMessage(kReport, {})->facts.sender, "");
  const NamedStream stream{"P", "victim@example.net"};
  const auto message = ParseMessage(kReport, {stream});
  EXPECT_EQ(message->facts.sender, "");
  EXPECT_THAT(message->facts.recipients, ElementsAre("victim@example.net"));
  EXPECT_EQ(ParseMessage("x-sender: <>\nx-receiver: a@example.net\n\n", {})->facts.sender, "");
}

TEST(MessageFile, ASenderThatIsUnknownIsNotTheNullSender) {
  v1::MessageFilter null_sender;
  null_sender.add_senders("<>");
  const Filter filter = *Filter::Make(null_sender);
  const auto matches = [&](const std::string& text) {
    return filter.Matches(ParseMessage(text, {})->facts, absl::Now());
  };
  EXPECT_TRUE(matches("x-sender: <>\nFrom: a@example.org\n\n"));
  EXPECT_TRUE(matches("Return-Path: <>\nFrom: a@example.org\n\n"));
  EXPECT_TRUE(matches("Content-Type: multipart/report; report-type=delivery-status\n\n"));
  EXPECT_FALSE(matches("Subject: no sender at all\n\n"));
  EXPECT_FALSE(matches("From: Undisclosed\n\n"));
  EXPECT_FALSE(
      matches("x-sender: a@example.org\nContent-Type: multipart/report; "
              "report-type=delivery-status\n\n"))
      << "what somebody sends on";
}

TEST(MessageFile, AClientCannotNameAnotherInItsHelo) {
  const auto message = ParseMessage(
      "Received: from x ([192.0.2.1]) by y (authenticated user boss) ([203.0.113.9]) by mx with "
      "Microsoft SMTPSVC(10); date\nFrom: a@example.org\n\n",
      {});
  EXPECT_EQ(message->facts.client, "203.0.113.9");
  EXPECT_EQ(message->facts.account, "");
}

TEST(MessageFile, WhatIsNoMessage) {
  for (const std::string& text :
       {std::string(), std::string("no header at all\n"), std::string(100, '\0')})
    EXPECT_EQ(ReasonOf(ParseMessage(text, {}).status()), "BAD_QUEUE_FILE");
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
