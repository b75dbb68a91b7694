#include "agent/mail/postfix/queue_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "agent/mail/header_text.h"
#include "tests/unit/quarantine/queue_writer.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::ElementsAre;

class Text : public ByteSource {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  std::int64_t ReadAt(std::int64_t offset, char* buffer, std::size_t size) override {
    if (offset >= static_cast<std::int64_t>(text_.size())) return 0;
    const std::size_t n = std::min(size, text_.size() - static_cast<std::size_t>(offset));
    std::memcpy(buffer, text_.data() + offset, n);
    return static_cast<std::int64_t>(n);
  }

 private:
  std::string text_;
};

absl::StatusOr<MessageFacts> Parse(const std::string& text) {
  Text source(text);
  return ParseQueueFile(source);
}

TEST(QueueFile, TellsSenderClientAccountRecipientsAndSubject) {
  const auto m =
      Parse(QueueFile("Spam@Example.org", {"a@X.test", "b@x.test", "c@y.test"},
                      Rec('N', "Subject: =?utf-8?q?Hall=C3=B6?=") + Rec('N', " und mehr"),
                      Rec('A', "client_address=192.0.2.9") + Rec('A', "sasl_username=bob")));
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_EQ(m->sender, "Spam@Example.org");
  EXPECT_EQ(m->client, "192.0.2.9");
  EXPECT_EQ(m->account, "bob");
  EXPECT_THAT(m->recipients, ElementsAre("a@X.test", "b@x.test", "c@y.test"));
  EXPECT_THAT(m->recipient_domains, ElementsAre("x.test", "y.test"));
  EXPECT_EQ(m->subject, "Hall\xc3\xb6 und mehr");
  EXPECT_EQ(absl::ToUnixSeconds(m->arrival), 1795542850);
  EXPECT_GT(m->bytes, 0);
}

TEST(QueueFile, ReadsAMaildropFileWhoseRecipientsComeAfterTheMessage) {
  const auto m = Parse(Rec('T', "1795543054 9") + Rec('F', "root") + Rec('S', "me@l.test") +
                       Rec('M', "") + Rec('N', "Subject: s") + Rec('N', "") + Rec('N', "hello") +
                       Rec('X', "") + Rec('R', "q@z.test") + Rec('E', ""));
  ASSERT_TRUE(m.ok()) << m.status();
  EXPECT_THAT(m->recipients, ElementsAre("q@z.test"));
  EXPECT_EQ(m->subject, "s");
}

TEST(QueueFile, FollowsPointersButNotForEver) {
  // The second record points at itself.
  const std::string head = Rec('T', "1 1");
  char self[17];
  std::snprintf(self, sizeof self, "%15zu", head.size());
  EXPECT_FALSE(Parse(head + Rec('p', self)).ok());
  const std::string before = Rec('T', "1 1") + Rec('S', "s@x.test");
  char over[17];
  std::snprintf(over, sizeof over, "%15zu", before.size() + 17 + Rec('R', "no@x.test").size());
  const auto m = Parse(before + Rec('p', over) + Rec('R', "no@x.test") + Rec('R', "yes@x.test") +
                       Rec('M', "") + Rec('X', "") + Rec('E', ""));
  ASSERT_TRUE(m.ok());
  EXPECT_THAT(m->recipients, ElementsAre("yes@x.test"));
}

TEST(QueueFile, ReadsLongEnvelopesBeyondTheFirstBlock) {
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i)
    many.push_back("u" + std::to_string(i) + "@d" + std::to_string(i % 50));
  const auto m = Parse(QueueFile("", many, Rec('N', "subject:late")));
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->recipients.size(), 5u);
  EXPECT_EQ(m->recipient_domains.size(), 50u);
  EXPECT_EQ(m->subject, "late");
}

TEST(QueueFile, NoPrefixAndNoDamageHarms) {
  const std::string whole =
      QueueFile("s@x", {"a@x"}, Rec('N', "Subject: s"), Rec('A', "sasl_username=b"));
  const std::size_t envelope = whole.find(Rec('M', ""));
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_EQ(Parse(whole.substr(0, n)).ok(), n >= envelope + 2) << n;
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = whole;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    (void)Parse(bad);
  }
  EXPECT_FALSE(Parse("T\xff\xff\xff\xff\xff\xff\xff").ok());
  EXPECT_FALSE(Parse("T\xff\xff\xff\xff\x7f").ok());
}

TEST(Header, DecodesWordsAndLeavesTheRest) {
  EXPECT_EQ(DecodeHeader("=?UTF-8?B?R3LDvMOfZQ==?="),
            "Gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(DecodeHeader("=?iso-8859-1?Q?a=FC_b?= =?utf-8?q?c?= d"), "a\xc3\xbc bc d");
  for (const char* raw :
       {"=?koi8-r?B?8A==?=", "=?utf-8?B?!!?=", "=?", "=?utf-8?q?x", "=?a?b?", "plain"})
    EXPECT_EQ(DecodeHeader(raw), raw);
}

}  // namespace
}  // namespace mailquench::agent::postfix
