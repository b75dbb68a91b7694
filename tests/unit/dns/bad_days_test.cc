// Replies that are lost, forged or broken, between us and a real BIND.
#include <gmock/gmock.h>

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"
#include "controller/dns/tsig.h"
#include "controller/dns/update_message.h"
#include "tests/unit/dns/meddler.h"
#include "tests/unit/dns/update_fixture.h"

namespace mailquench::controller::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::string>;

const Change kSwap = {"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60};

bool IsUpdate(const std::string& request) {
  return ReadHeader(request)->opcode == LDNS_PACKET_UPDATE;
}

// The reply as one without knowledge of the key would make it.
std::string Forged(const std::string& request) {
  std::string reply = request.substr(0, 12);
  reply[2] = static_cast<char>(reply[2] | 0x80);
  reply[3] = 0;
  for (int i = 4; i < 12; ++i) reply[i] = 0;
  return reply;
}

class BadDays : public test::BindUpdate {
 protected:
  absl::StatusOr<Done> Through(const test::Meddler& meddler, Patience patience) {
    Primary through = primary();
    through.server = meddler.address();
    through.patience = patience;
    return Update(through, {kSwap}, absl::Now());
  }
  static constexpr auto kShort = absl::Milliseconds(150);
};

TEST_F(BadDays, Vector14_update_lost_reply) {
  int updates = 0;
  std::vector<int> codes;
  test::Meddler meddler(address(), [&](const std::string& request, const std::string& reply) {
    if (!IsUpdate(request)) return Bytes{reply};
    codes.push_back(ReadHeader(reply)->rcode);
    return ++updates == 1 ? Bytes{} : Bytes{reply};
  });
  const auto done = Through(meddler, {kShort, 3});
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, Done::kAlready);
  meddler.End();
  EXPECT_THAT(codes, ElementsAre(LDNS_RCODE_NOERROR, LDNS_RCODE_NXRRSET));
  EXPECT_EQ(meddler.requests(), 3);  // The update twice, one look.
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("192.0.2.11"));
}

TEST_F(BadDays, AllRepliesToTheUpdateAreLostAndTheZoneTells) {
  const test::Meddler meddler(address(), [](const std::string& request, const std::string& reply) {
    return IsUpdate(request) ? Bytes{} : Bytes{reply};
  });
  EXPECT_EQ(*Through(meddler, {kShort, 2}), Done::kAlready);
}

TEST_F(BadDays, AnUpdateThatNeverArrivesIsNoAnswerAndTheZoneIsAsItWas) {
  const test::Meddler meddler(
      address(), [](const std::string&, const std::string& reply) { return Bytes{reply}; },
      [](const std::string& request) { return !IsUpdate(request); });
  const auto done = Through(meddler, {kShort, 2});
  EXPECT_EQ(ReasonOf(done.status()), "DNS_NO_ANSWER") << done.status();
  EXPECT_THAT(std::string(done.status().message()), HasSubstr("is not in the zone"));
  EXPECT_EQ(meddler.requests(), 3);
}

TEST_F(BadDays, ALateReplyToTheFirstTryCounts) {
  std::string first;
  int updates = 0;
  test::Meddler meddler(address(), [&](const std::string& request, const std::string& reply) {
    if (!IsUpdate(request)) return Bytes{reply};
    if (++updates == 1) {
      first = reply;
      return Bytes{};
    }
    return Bytes{first, reply};
  });
  EXPECT_EQ(*Through(meddler, {kShort, 2}), Done::kApplied);
  meddler.End();
  EXPECT_EQ(updates, 2);
}

TEST_F(BadDays, AReplyFromAnotherPortIsIgnored) {
  test::Meddler* self = nullptr;
  test::Meddler meddler(address(), [&](const std::string& request, const std::string& reply) {
    std::string refused = Forged(request);
    refused[3] = LDNS_RCODE_REFUSED;
    self->SendFromAnotherPort(refused);
    self->SendFromAnotherPort(reply);
    return Bytes{};
  });
  self = &meddler;
  const auto done = Through(meddler, {kShort, 2});
  EXPECT_EQ(ReasonOf(done.status()), "DNS_OUTCOME_UNKNOWN") << done.status();
}

TEST_F(BadDays, AForgedReplyBeforeTheTrueOneIsPassedOver) {
  const test::Meddler meddler(address(), [](const std::string& request, const std::string& reply) {
    std::string refused = Forged(request), wrong_id = reply;
    refused[3] = LDNS_RCODE_REFUSED;
    wrong_id[0] = static_cast<char>(~wrong_id[0]);
    return Bytes{wrong_id, refused, "", "x", reply};
  });
  EXPECT_EQ(*Through(meddler, {kShort, 1}), Done::kApplied);
}

TEST_F(BadDays, AnUnsignedSuccessIsNotBelieved) {
  // Somebody in the server's place: the update never arrives, success is claimed.
  const test::Meddler liar(address(), [](const std::string& request, const std::string&) {
    return Bytes{Forged(request)};
  });
  Primary through = primary();
  through.server = liar.address();
  through.patience = {kShort, 3};
  const std::vector<Change> stale = {{"mx1.example.test", "A", {"192.0.2.99"}, {"192.0.2.11"}, 60}};
  const auto done = Update(through, stale, absl::Now());
  EXPECT_EQ(ReasonOf(done.status()), "DNS_OUTCOME_UNKNOWN") << done.status();
  EXPECT_THAT(std::string(done.status().message()), HasSubstr("without a right signature"));
  EXPECT_EQ(liar.requests(), 2);  // A weak reply is waited out and not asked for again.
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("192.0.2.10"));
}

TEST_F(BadDays, AWronglySignedReplyIsNotBelievedAndTheZoneDecides) {
  const test::Meddler meddler(address(), [](const std::string& request, const std::string& reply) {
    std::string wrong = reply;
    if (IsUpdate(request)) wrong[wrong.size() - 10] ^= 1;  // In the MAC.
    return Bytes{wrong};
  });
  EXPECT_EQ(*Through(meddler, {kShort, 2}), Done::kAlready);
  // A success made of a refusal: the code is covered by the MAC.
  const test::Meddler changer(address(), [](const std::string& request, const std::string& reply) {
    std::string changed = reply;
    if (IsUpdate(request)) changed[3] = 0;
    return Bytes{changed};
  });
  Primary through = primary();
  through.server = changer.address();
  through.patience = {kShort, 2};
  const auto done =
      Update(through, {{"mx1.example.test", "A", {"192.0.2.99"}, {"192.0.2.12"}, 60}}, absl::Now());
  EXPECT_EQ(ReasonOf(done.status()), "DNS_CHANGED_ELSEWHERE") << done.status();
}

// Bytes changed, cut, doubled and put in, by a generator that is always the same.
std::string Mutated(std::string bytes, std::mt19937& random) {
  const auto at = [&] { return bytes.empty() ? 0 : random() % bytes.size(); };
  for (unsigned i = 0, count = 1 + random() % 4; i < count && !bytes.empty(); ++i) {
    switch (random() % 5) {
      case 0:
        bytes[at()] = static_cast<char>(random());
        break;
      case 1:
        bytes[at()] ^= static_cast<char>(1u << random() % 8);
        break;
      case 2:
        bytes.resize(at());
        break;
      case 3:
        bytes.insert(at(), std::string(1 + random() % 20, static_cast<char>(random())));
        break;
      default:
        bytes[at()] = static_cast<char>(0xc0);  // A pointer of a compressed name.
        break;
    }
  }
  return bytes;
}

TEST_F(BadDays, TwoThousandMalformedRepliesHarmNothingAndProveNothing) {
  const TsigKey& key = primary().key;
  const auto endpoint = ParseEndpoint(address());
  const absl::Time now = absl::Now();
  const auto take = [](const std::string&) { return Verdict::kTake; };
  const auto name = ParseName("example.test");
  const PacketPtr query = NewPacket(LDNS_PACKET_QUERY, name->get(), LDNS_RR_TYPE_MX);
  for (const std::string& message :
       {*UpdateMessage("example.test", {kSwap}), *ToWire(query.get())}) {
    const SignedMessage request = Sign(message, key, now);
    const auto real = Exchange(*endpoint, request.wire, {}, take);
    ASSERT_TRUE(real.ok()) << real.status();
    ASSERT_EQ(Verify(real->reply, key, request.mac, now).proof, Proof::kProven);
    std::mt19937 random(1);
    int proven = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::string bytes = Mutated(real->reply, random);
      const PacketPtr packet = FromWire(bytes);
      ReadHeader(bytes);
      AnswersTo(bytes, request.wire);
      if (Verify(bytes, key, request.mac, now).proof != Proof::kProven) continue;
      // Not covered are the id, of which TSIG carries the original, and the case of the key's name.
      ++proven;
      EXPECT_TRUE(absl::EqualsIgnoreCase(bytes.substr(2), real->reply.substr(2)));
    }
    EXPECT_LT(proven, 100);
  }
}

TEST_F(BadDays, BrokenRepliesOnTheWireNeverMakeAnUpdateWrong) {
  std::mt19937 random(2);
  const test::Meddler meddler(address(), [&](const std::string&, const std::string& reply) {
    return Bytes{Mutated(reply, random)};
  });
  Primary through = primary();
  through.server = meddler.address();
  through.patience = {absl::Milliseconds(15), 1};
  int stale = 0;
  for (int i = 0; i < 60; ++i) {
    // It cannot be applied, so nothing but a lie could say that it was.
    const auto done = Update(
        through, {{"mx1.example.test", "A", {"192.0.2.99"}, {"192.0.2.12"}, 60}}, absl::Now());
    ASSERT_FALSE(done.ok());
    stale += ReasonOf(done.status()) == "DNS_CHANGED_ELSEWHERE" ? 1 : 0;
    Question question;
    question.name = "example.test";
    question.type = "MX";
    const auto answer = Ask(*ParseEndpoint(meddler.address()), question, through.patience);
    (void)answer;
  }
  EXPECT_LT(stale, 30);
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("192.0.2.10"));
}

}  // namespace
}  // namespace mailquench::controller::dns
