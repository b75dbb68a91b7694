// What goes over the wire, addresses of servers, and answers that nobody should send.
#include "common/blacklist/resolver_codec.h"

#include <gmock/gmock.h>

#include <fstream>
#include <random>

#include "absl/strings/ascii.h"
#include "common/blacklist/public_resolvers.h"
#include "common/blacklist/resolver_address.h"
#include "tests/unit/blacklist/resolver_servers.h"

namespace mailquench::blacklist {
namespace {

using ::testing::ElementsAre;

std::string NameOf(const Packet& packet) {
  return std::string(reinterpret_cast<const char*>(packet.bytes.data()) + kHeader,
                     packet.question_end - kHeader - 4);
}

TEST(Question, IsWrittenAsTheWireWantsIt) {
  Packet packet;
  ASSERT_TRUE(WriteQuestion("2.0.bl.Test", RecordType::kTxt, nullptr, packet));
  EXPECT_EQ(NameOf(packet), std::string("\1"
                                        "2\1"
                                        "0\2bl\4Test\0",
                                        13));
  EXPECT_EQ(packet.size, kHeader + 13 + 4 + kOpt);
  EXPECT_TRUE(packet.HasOpt());
  packet.DropOpt();
  EXPECT_EQ(packet.size, packet.question_end);
  ASSERT_TRUE(WriteQuestion("a\\.b\\032.test.", RecordType::kA, nullptr, packet));
  EXPECT_EQ(NameOf(packet), std::string("\4a.b \4test\0", 11));
  ASSERT_TRUE(WriteQuestion(".", RecordType::kNs, nullptr, packet));
  EXPECT_EQ(NameOf(packet), std::string("\0", 1));
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + "." + std::string(61, 'd');
  EXPECT_TRUE(WriteQuestion(longest, RecordType::kA, nullptr, packet));
  EXPECT_TRUE(WriteQuestion(longest + ".", RecordType::kA, nullptr, packet));
  EXPECT_EQ(NameOf(packet).size(), 255u);
  EXPECT_FALSE(WriteQuestion(longest + "d", RecordType::kA, nullptr, packet));
  EXPECT_FALSE(WriteQuestion(longest + ".e", RecordType::kA, nullptr, packet));
  for (const char* none : {"", "..", "a..b", ".a", "a\\", "a\\2", "a\\999b"})
    EXPECT_FALSE(WriteQuestion(none, RecordType::kA, nullptr, packet)) << none;
}

TEST(Question, HasLettersOfRandomCase) {
  Random random;
  Packet plain, one, other;
  const std::string name = "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.7.test";
  ASSERT_TRUE(WriteQuestion(name, RecordType::kA, nullptr, plain));
  ASSERT_TRUE(WriteQuestion(name, RecordType::kA, &random, one));
  ASSERT_TRUE(WriteQuestion(name, RecordType::kA, &random, other));
  EXPECT_NE(NameOf(one), NameOf(other));
  EXPECT_EQ(absl::AsciiStrToLower(NameOf(one)), NameOf(plain));
}

TEST(Servers, AreReadInEveryForm) {
  for (const char* good : {"192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]",
                           "[2001:db8::53]:5353", "fe80::1%lo", "::ffff:192.0.2.53"})
    EXPECT_TRUE(ParseServer(good).ok()) << good;
  for (const char* bad :
       {"", "not an address", "192.0.2", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536",
        "192.0.2.53:53x", "192.0.2.53:+53", "[192.0.2.53]", "[2001:db8::53",
        "[2001:db8::53]:", "[2001:db8::53]53", "fe80::1%none", "dns.example", "0x7f.1", "1"}) {
    ResolverOptions options;
    options.servers = {bad};
    EXPECT_TRUE(absl::IsInvalidArgument(Resolver::Make(options).status())) << bad;
  }
}

TEST(Servers, OfTheSystemAreTheFirstThree) {
  const std::string dir = PrivateFolder();
  const std::string path = dir + "/resolv.conf";
  std::ofstream(path) << "search example\n nameserver 192.0.2.1 # one\n;nameserver 192.0.2.9\n"
                      << "nameserver nonsense\nnameserver\t2001:db8::1\nnameservers 192.0.2.8\n"
                      << "nameserver fe80::1%lo\nnameserver 192.0.2.4\n";
  EXPECT_THAT(SystemServers(path), ElementsAre("192.0.2.1", "2001:db8::1", "fe80::1%lo"));
  EXPECT_THAT(SystemServers(dir + "/none"), ElementsAre("127.0.0.1"));
  std::filesystem::remove_all(dir);
}

TEST(PublicResolvers, AreKnownInEveryForm) {
  for (const char* one : {"8.8.8.8", "8.8.4.4:53", "1.1.1.1", "1.1.1.2:5353", "9.9.9.9",
                          "208.67.222.222", "74.82.42.42", "4.2.2.1", "64.6.64.6",
                          "[2001:4860:4860::8888]:53", "2001:4860:4860:0:0:0:0:8844",
                          "2606:4700:4700::1111", "::ffff:8.8.8.8", "[::ffff:808:808]:53"})
    EXPECT_TRUE(IsPublicResolver(one)) << one;
  for (const char* one : {"127.0.0.1", "192.0.2.53:5353", "8.8.8.9", "2001:db8::53", "::1", "",
                          "dns.google", "::8.8.8.8"})
    EXPECT_FALSE(IsPublicResolver(one)) << one;
}

// An answer with the records in `rest`.
std::string AnswerTo(const Packet& packet, int count, const std::string& rest) {
  std::string message(reinterpret_cast<const char*>(packet.bytes.data()), packet.question_end);
  message[2] = static_cast<char>(0x81);
  message.replace(6, 6, std::string("\0\0\0\0\0\0", 6));
  message[7] = static_cast<char>(count);
  return message + rest;
}

const std::uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

const std::string kAddress("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\2", 16);

TEST(Answer, IsOursOnlyWithOurQuestion) {
  Packet packet, other;
  ASSERT_TRUE(WriteQuestion("a.test", RecordType::kA, nullptr, packet));
  std::string message = AnswerTo(packet, 1, kAddress);
  EXPECT_TRUE(Answers(Bytes(message), message.size(), packet));
  for (const auto& [name, type] : std::vector<std::pair<std::string, RecordType>>{
           {"b.test", RecordType::kA}, {"A.test", RecordType::kA}, {"a.test", RecordType::kTxt}}) {
    ASSERT_TRUE(WriteQuestion(name, type, nullptr, other));
    EXPECT_FALSE(Answers(Bytes(message), message.size(), other));
  }
  EXPECT_FALSE(Answers(Bytes(message), packet.question_end - 1, packet));
  std::string changed = message;
  changed[2] = 0x01;  // A question.
  EXPECT_FALSE(Answers(Bytes(changed), changed.size(), packet));
  changed = message;
  changed[5] = 0;  // QDCOUNT
  EXPECT_FALSE(Answers(Bytes(changed), changed.size(), packet));
  changed = message;
  changed[packet.question_end - 1] = 3;  // Class CH.
  EXPECT_FALSE(Answers(Bytes(changed), changed.size(), packet));
}

TEST(Answer, ThatPointsInACircleIsMalformed) {
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa, RecordType::kTxt,
                                RecordType::kPtr, RecordType::kNs, RecordType::kSoa}) {
    Packet packet;
    ASSERT_TRUE(WriteQuestion("a.test", type, nullptr, packet));
    std::string loop("\xc0\0\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\2", 16);
    loop[1] = static_cast<char>(packet.question_end);  // Itself.
    const std::string message = AnswerTo(packet, 1, loop);
    Reply reply;
    ReadReply(Bytes(message), message.size(), type, reply);
    EXPECT_EQ(reply.answer.rcode, Rcode::kMalformed);
  }
}

// Ten thousand answers with random changes, of every type: what is read is bounded, and nothing
// is read beyond the end (which AddressSanitizer sees).
TEST(Answer, ThatIsBrokenInAnyWayHurtsNobody) {
  std::mt19937 random(7);
  const RecordType types[] = {RecordType::kA,   RecordType::kAaaa, RecordType::kTxt,
                              RecordType::kPtr, RecordType::kNs,   RecordType::kSoa};
  const std::string rests[] = {
      kAddress + kAddress,
      std::string("\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10", 12) + std::string(16, '\x20'),
      std::string("\xc0\x0c\0\x10\0\1\0\0\0\x3c\0\x08\3one\3two", 20),
      std::string("\xc0\x0c\0\x0c\0\1\0\0\0\x3c\0\x05\2mx\xc0\x0c", 17),
      std::string("\xc0\x0c\0\x02\0\1\0\0\0\x3c\0\x05\2ns\xc0\x0c", 17),
      std::string("\xc0\x0c\0\x06\0\1\0\0\0\x3c\0\x1a\2ns\xc0\x0c\0", 18) + std::string(20, '\1')};
  int read = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::size_t kind = random() % 6;
    Packet packet;
    ASSERT_TRUE(WriteQuestion("1.2.0.192.bl.test", types[kind], nullptr, packet));
    std::string message = AnswerTo(packet, kind == 0 ? 2 : 1, rests[kind]);
    const unsigned changes = random() % 6;
    for (unsigned j = 0; j < changes; ++j) {
      switch (random() % 4) {
        case 0:
          message[random() % message.size()] = static_cast<char>(random());
          break;
        case 1:
          message.resize(std::max<std::size_t>(kHeader, random() % (message.size() + 1)));
          break;
        case 2:
          message.append(random() % 40, static_cast<char>(random()));
          break;
        default:
          message.insert(random() % (message.size() + 1), 1, static_cast<char>(0xc0));
      }
    }
    // On the heap, exactly as long as it is.
    const std::vector<std::uint8_t> exact(message.begin(), message.end());
    if (!Answers(exact.data(), exact.size(), packet)) continue;
    Reply reply;
    ReadReply(exact.data(), exact.size(), types[kind], reply);
    ++read;
    EXPECT_LE(reply.names.size() + reply.texts.size(), 16u);
    EXPECT_LE(reply.answer.addresses.size() + reply.addresses6.size(), 64u);
  }
  EXPECT_GT(read, 2000);
}

}  // namespace
}  // namespace mailquench::blacklist
