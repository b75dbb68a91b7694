// The X-headers of a file for Replay.
#include "agent/mail/exchange/envelope.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr char kSpam[] = "Subject: x\r\n\r\nbody\r\n";
// As transport writes it before what it exports.
constexpr char kExchanges[] =
    "X-Sender: <A@b.test> BODY=7bit RET=HDRS\r\n"
    "X-Receiver: <c@d.test> NOTIFY=NEVER\r\n ORcpt=c@d.test\r\n"
    "X-CreatedBy: MSExchange15\r\nX-ExtendedProps: BQBj\r\nX-EndOfInjectedXHeaders: 123\r\n";

std::string Written(const std::string& content) {
  const auto text = WithEnvelope("a@b.test", {"c@d.test"}, content);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}
// The size is that of the lines before it.
std::string Ours(const std::string& message) {
  const std::string before =
      "X-Sender: <a@b.test>\r\nX-Receiver: <c@d.test>\r\nX-CreatedBy: Mailquench\r\n";
  return absl::StrCat(before, "X-EndOfInjectedXHeaders: ", before.size(), "\r\n", message);
}

TEST(Envelope, OneLineAnAddressAndAMarkAtTheEnd) {
  EXPECT_EQ(Ours(kSpam), Written(kSpam));
  const auto null_sender = WithEnvelope("", {"c@d.test", "e@f.test"}, kSpam);
  ASSERT_TRUE(null_sender.ok());
  EXPECT_EQ(0U, null_sender->find("X-Sender: <>\r\nX-Receiver: <c@d.test>\r\n"
                                  "X-Receiver: <e@f.test>\r\n"));
}

TEST(Envelope, WhatIsNoAddressCannotComeBack) {
  const auto reason = [](const std::string& sender, const std::vector<std::string>& recipients) {
    return ReasonOf(CheckEnvelope(sender, recipients));
  };
  EXPECT_EQ("", reason("", {"c@d.test"}));
  EXPECT_EQ("BAD_ENVELOPE", reason("a@b.test", {}));
  for (const char* bad : {"postmaster", "@d.test", "c@", "c@d.test>\r\nX-Receiver: <z@z", "a b@c",
                          "/O=Contoso/CN=anna", "\xC3\xA4@d.test"}) {
    EXPECT_EQ("BAD_ENVELOPE", reason(bad, {"c@d.test"})) << bad;
    EXPECT_EQ("BAD_ENVELOPE", reason("a@b.test", {"c@d.test", bad})) << bad;
  }
  EXPECT_EQ("BAD_ENVELOPE", reason("a@b.test", {""}));
  EXPECT_EQ("BAD_ENVELOPE", reason("a@b.test", {std::string(1100, 'a') + "@d.test"}));
}

TEST(Envelope, AMessageAddsNoRecipients) {
  for (const char* own :
       {"X-Receiver: <victim@z.test>\r\n", "x-receiver : <victim@z.test>\r\n",
        "X-Sender: <q@q.test>\r\nX-Receiver: <victim@z.test>\r\n",
        "X-Receiver:\r\n <victim@z.test>\r\n",
        // A block of its own, with the mark: it names others.
        "X-Sender: <a@b.test>\r\nX-Receiver: <c@d.test>\r\nX-Receiver: <victim@z.test>\r\n"
        "X-CreatedBy: MSExchange15\r\nX-EndOfInjectedXHeaders: 9\r\n",
        // Twice the same recipient is not the envelope either.
        "X-Sender: <a@b.test>\r\nX-Receiver: <c@d.test>\r\nX-Receiver: <c@d.test>\r\n"
        "X-CreatedBy: MSExchange15\r\nX-EndOfInjectedXHeaders: 9\r\n"}) {
    EXPECT_EQ(Ours(kSpam), Written(absl::StrCat(own, kSpam))) << own;
    EXPECT_EQ(absl::StrCat(kExchanges, kSpam), Written(absl::StrCat(kExchanges, own, kSpam)))
        << own;
  }
  // Between other X-headers, too: all before the first regular field are Replay's.
  EXPECT_EQ(Ours(absl::StrCat("X-Mailer: m\r\n", kSpam)),
            Written(absl::StrCat("X-Mailer: m\r\nX-Receiver: <victim@z.test>\r\n", kSpam)));
  // Behind it they are a message's own business.
  EXPECT_EQ(Ours(absl::StrCat("From: q\r\nX-Sender: q@q.test\r\n", kSpam)),
            Written(absl::StrCat("From: q\r\nX-Sender: q@q.test\r\n", kSpam)));
}

TEST(Envelope, TransportsOwnBlockStaysWhereItNamesTheSame) {
  EXPECT_EQ(absl::StrCat(kExchanges, kSpam), Written(absl::StrCat(kExchanges, kSpam)));
  for (const auto& [from, to] : std::vector<std::pair<const char*, const char*>>{
           {"<c@d.test>", "<other@d.test>"},
           {"<A@b.test>", "<other@b.test>"},
           {"X-CreatedBy: MSExchange15", "X-CreatedBy:"},
           {"X-EndOfInjectedXHeaders: 123\r\n", ""}})
    EXPECT_EQ(Ours(kSpam),
              Written(absl::StrReplaceAll(absl::StrCat(kExchanges, kSpam), {{from, to}})))
        << from;
}

}  // namespace
}  // namespace mailquench::agent::exchange
