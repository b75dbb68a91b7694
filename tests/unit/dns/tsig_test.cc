#include "controller/dns/tsig.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/dns/message.h"

namespace mailquench::controller::dns {
namespace {

TsigKey Key(const std::string& algorithm, const std::string& name = "key.test", char fill = 'S') {
  return *TsigKey::Parse(absl::StrCat("key ", name, " { algorithm ", algorithm, "; secret \"",
                                      absl::Base64Escape(std::string(32, fill)), "\"; };"),
                         "x");
}

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

std::string Message() {
  const auto name = ParseName("example.test");
  const auto packet = NewPacket(LDNS_PACKET_UPDATE, name->get(), LDNS_RR_TYPE_SOA);
  return *ToWire(packet.get());
}

// ldns signs and proves on its own: a second opinion for the two algorithms that it has.
TEST(Tsig, LdnsSignsTheSame) {
  for (const char* algorithm : {"hmac-sha256", "hmac-sha512"}) {
    const TsigKey key = Key(algorithm);
    const std::string message = Message();
    const SignedMessage ours = Sign(message, key, absl::Now());
    const PacketPtr packet = FromWire(ours.wire);
    ASSERT_NE(packet, nullptr);
    ASSERT_NE(ldns_pkt_tsig(packet.get()), nullptr);
    EXPECT_TRUE(ldns_pkt_tsig_verify(
        packet.get(), reinterpret_cast<const std::uint8_t*>(ours.wire.data()), ours.wire.size(),
        "key.test.", absl::Base64Escape(key.secret()).c_str(), nullptr))
        << algorithm;
  }
}

// To prove a request is to prove a reply to no request, but for the two bytes of a MAC's length.
std::string Reply(const std::string& message,
                  const TsigKey& key,
                  const std::string& request_mac,
                  absl::Time time) {
  // The reply's digest begins with the request's MAC: put it there, sign, and take it away again.
  const std::string length = {static_cast<char>(request_mac.size() >> 8),
                              static_cast<char>(request_mac.size() & 0xff)};
  const std::string prefix = length + request_mac;
  const std::string mac = Sign(prefix + message, key, time).mac;
  std::string reply = Sign(message, key, time).wire;
  reply.replace(reply.size() - 6 - mac.size(), mac.size(), mac);
  return reply;
}

TEST(Tsig, AReplyIsProvenByItsKeyItsRequestAndItsTimeAlone) {
  for (const char* algorithm : {"hmac-sha256", "hmac-sha384", "hmac-sha512"}) {
    const TsigKey key = Key(algorithm);
    const std::string request_mac = Sign(Message(), key, kNow).mac;
    const std::string bare = Message();
    const std::string reply = Reply(bare, key, request_mac, kNow);
    EXPECT_EQ(Verify(reply, key, request_mac, kNow).proof, Proof::kProven);
    EXPECT_EQ(Verify(reply, key, request_mac, kNow + absl::Seconds(300)).proof, Proof::kProven);
    EXPECT_EQ(Verify(reply, key, request_mac, kNow - absl::Seconds(300)).proof, Proof::kProven);
    EXPECT_EQ(Verify(reply, key, request_mac, kNow + absl::Seconds(301)).proof, Proof::kLate);
    EXPECT_EQ(Verify(reply, key, request_mac, kNow - absl::Seconds(301)).proof, Proof::kLate);
    EXPECT_EQ(Verify(reply, key, "", kNow).proof, Proof::kWrong);
    EXPECT_EQ(Verify(reply, key, std::string(request_mac.size(), 'x'), kNow).proof, Proof::kWrong);
    EXPECT_EQ(Verify(reply, Key(algorithm, "key.test", 'T'), request_mac, kNow).proof,
              Proof::kWrong);
    EXPECT_EQ(Verify(reply, Key(algorithm, "other.test"), request_mac, kNow).proof, Proof::kWrong);
    EXPECT_EQ(Verify(reply, Key(algorithm, "KEY.Test"), request_mac, kNow).proof, Proof::kProven);
    EXPECT_EQ(Verify(bare, key, request_mac, kNow).proof, Proof::kNone);
    EXPECT_EQ(Verify("", key, request_mac, kNow).proof, Proof::kMalformed);
    for (std::size_t size = 0; size < reply.size(); ++size) {
      EXPECT_NE(Verify(reply.substr(0, size), key, request_mac, kNow).proof, Proof::kProven);
    }
    EXPECT_EQ(Verify(reply + "x", key, request_mac, kNow).proof, Proof::kMalformed);
  }
}

TEST(Tsig, AnotherAlgorithmsKeyProvesNothing) {
  const std::string mac = Sign(Message(), Key("hmac-sha256"), kNow).mac;
  const std::string reply = Reply(Message(), Key("hmac-sha256"), mac, kNow);
  EXPECT_EQ(Verify(reply, Key("hmac-sha512"), mac, kNow).proof, Proof::kWrong);
}

TEST(Tsig, ARecordThatIsNotTheLastIsMalformed) {
  const TsigKey key = Key("hmac-sha256");
  std::string twice = Sign(Sign(Message(), key, kNow).wire, key, kNow).wire;
  EXPECT_EQ(Verify(twice, key, "", kNow).proof, Proof::kMalformed);
}

}  // namespace
}  // namespace mailquench::controller::dns
