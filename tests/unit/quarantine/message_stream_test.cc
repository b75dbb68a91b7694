// The message in a queue file, as a scanner gets it.
#include "agent/mail/postfix/message_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/unit/quarantine/queue_writer.h"

namespace mailquench::agent::postfix {
namespace {

class FileText final : public ByteSource {
 public:
  explicit FileText(std::string text) : text_(std::move(text)) {}
  std::int64_t ReadAt(std::int64_t offset, char* buffer, std::size_t size) override {
    if (offset >= static_cast<std::int64_t>(text_.size())) return 0;
    return static_cast<std::int64_t>(text_.copy(buffer, size, static_cast<std::size_t>(offset)));
  }

 private:
  const std::string text_;
};

// All of it, in pieces of `piece` bytes; "ERROR" at its end where it is none.
std::string MessageOf(const std::string& file, std::size_t piece = 7) {
  FileText text(file);
  MessageStream stream(text, static_cast<std::int64_t>(file.size()));
  std::string out, buffer(piece, ' ');
  for (;;) {
    const auto got = stream.Read(buffer.data(), buffer.size());
    if (!got.ok()) return out + "ERROR";
    if (*got == 0) return out;
    out.append(buffer, 0, *got);
  }
}

TEST(MessageStreamTest, IsTheMessageWithoutItsEnvelope) {
  EXPECT_EQ(MessageOf(QueueFile("a@x.test", {"r@y.test"}, Rec('N', "Subject: s"))),
            "Received: x\nSubject: s\n\nbody\n");
}

TEST(MessageStreamTest, LongLinesAreWhole) {
  const std::string half(2048, 'h');
  EXPECT_EQ(MessageOf(QueueFile("a@x.test", {"r@y.test"},
                                Rec('L', half) + Rec('L', half) + Rec('N', "end"))),
            "Received: x\n" + half + half + "end\n\nbody\n");
}

TEST(MessageStreamTest, AnyTornFileIsAnError) {
  const std::string whole =
      QueueFile("a@x.test", {"r@y.test"}, Rec('N', "Subject: " + std::string(300, 's')));
  for (std::size_t cut = 0; cut + 4 < whole.size(); ++cut) {
    const std::string got = MessageOf(whole.substr(0, cut));
    ASSERT_GE(got.size(), 5u) << cut;
    EXPECT_EQ(got.substr(got.size() - 5), "ERROR") << cut;
  }
}

TEST(MessageStreamTest, ARingOfPointersEnds) {
  const std::string head = QueueFile("a@x.test", {"r@y.test"}, "");
  const std::size_t content = head.find(Rec('M', "")) + 2;
  const std::string ring =
      head.substr(0, content) + Rec('N', "x") + Rec('p', absl::StrCat(content));
  const std::string got = MessageOf(ring, 4096);
  EXPECT_EQ(got.substr(got.size() - 5), "ERROR");
  EXPECT_LT(got.size(), 1000000u);
}

TEST(MessageStreamTest, GarbageNeverRunsAway) {
  std::mt19937 random(7);
  std::string file = QueueFile("a@x.test", {"r@y.test"}, Rec('N', "Subject: s"));
  for (int i = 0; i < 20000; ++i) {
    std::string broken = file;
    for (int k = 0; k < 3; ++k) broken[random() % broken.size()] = static_cast<char>(random());
    EXPECT_LT(MessageOf(broken, 4096).size(), 10000000u);
  }
}

}  // namespace
}  // namespace mailquench::agent::postfix
