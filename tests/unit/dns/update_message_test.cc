#include "controller/dns/update_message.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {
namespace {

using Values = std::vector<std::string>;

std::string ReasonFor(const std::vector<Change>& changes) {
  return ReasonOf(UpdateMessage("example.test", changes).status());
}

TEST(UpdateMessage, WhatAServerWouldPassOverInSilenceIsRefused) {
  EXPECT_EQ(ReasonFor({}), "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"mx1.example.test", "A", {}, {}, 60}}), "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"Example.test.", "NS", {"ns1.x."}, {"ns2.x."}, 60}}), "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"sub.example.test.", "NS", {"ns1.x."}, {"ns2.x."}, 60}}), "");
  EXPECT_EQ(ReasonFor({{"example.test", "SOA", {"a. b. 1 1 1 1 1"}, {}, 60}}), "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"a.example.test", "CNAME", {}, {"b.", "c."}, 60}}), "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"a.example.test", "CNAME", {"b."}, {}, 60},
                       {"A.example.test", "A", {}, {"192.0.2.1"}, 60}}),
            "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"a.example.test", "A", {}, {"192.0.2.1"}, 60},
                       {"A.example.test", "a", {}, {"192.0.2.2"}, 60}}),
            "BAD_UPDATE");
  EXPECT_EQ(ReasonFor({{"a.example.test", "A", {}, {"192.0.2.1"}, 0x80000000u}}), "BAD_UPDATE");
}

TEST(UpdateMessage, WhatIsNoNameTypeOrValueIsRefused) {
  for (const char* name : {"", "a..b", "a b", "x\n", "(a)", "a;b"})
    EXPECT_EQ(ReasonFor({{name, "A", {}, {"192.0.2.1"}, 60}}), "BAD_NAME") << name;
  for (const char* type : {"", "ANY", "AXFR", "TSIG", "OPT", "BOGUS", "A A"})
    EXPECT_EQ(ReasonFor({{"a.example.test", type, {}, {"192.0.2.1"}, 60}}), "BAD_TYPE") << type;
  struct Case {
    const char* type;
    const char* value;
  };
  for (const Case& one : std::vector<Case>{{"A", ""},
                                           {"A", " "},
                                           {"A", "192.0.2.256"},
                                           {"A", "192.0.2.1 x"},
                                           {"A", "192.0.2.1\n"},
                                           {"A", "192.0.2.1 ; x"},
                                           {"AAAA", "192.0.2.1"},
                                           {"MX", "10"},
                                           {"MX", "65546 mx."},
                                           {"MX", "99999999 mx."},
                                           {"MX", "-1 mx."},
                                           {"MX", "10 a b"},
                                           {"MX", "10 (a)"},
                                           {"SRV", "1 2 65546 a."},
                                           {"TXT", "v=DMARC1; p=none"},
                                           {"TXT", "\"open"},
                                           {"TXT", "\"end\\"},
                                           {"NS", "a..b"}}) {
    EXPECT_EQ(ReasonFor({{"a.example.test", one.type, {}, {one.value}, 60}}), "BAD_VALUE")
        << one.type << " " << one.value;
  }
}

TEST(UpdateMessage, EqualValuesHaveOneText) {
  EXPECT_EQ(*Canonical("a.test", "MX", {"10 MX1.Example.Test", "10\tmx1.example.test."}),
            Values{"10 mx1.example.test."});
  EXPECT_EQ(*Canonical("a.test", "AAAA", {"2001:DB8:0::1", "2001:db8::1"}), Values{"2001:db8::1"});
  EXPECT_EQ(*Canonical("a.test", "TXT", {"\"v=DMARC1; p=none\""}), Values{"\"v=DMARC1; p=none\""});
  EXPECT_EQ(*Canonical("a.test", "TXT", {"\"Ab\"", "\"ab\""}), (Values{"\"Ab\"", "\"ab\""}));
}

// What others write into a zone must not steer a terminal.
TEST(UpdateMessage, TextOfOthersIsEscaped) {
  const auto values = Canonical("a.test", "TXT", {R"("\027[31m\200")"});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(*values, Values{R"("\027[31m\200")"});
}

TEST(UpdateMessage, MoreThanOneMessageHoldsIsRefused) {
  Change change{"a.example.test", "TXT", {}, {}, 60};
  for (int i = 0; i < 400; ++i)
    change.wanted.push_back(absl::StrCat("\"", i, std::string(200, 'x'), "\""));
  EXPECT_EQ(ReasonFor({change}), "UPDATE_TOO_LARGE");
}

TEST(Endpoints, AreAddressesWithAPortOrWithout) {
  struct Case {
    const char* text;
    const char* means;
  };
  for (const Case& one : std::vector<Case>{{"192.0.2.1", "192.0.2.1:53"},
                                           {"192.0.2.1:5353", "192.0.2.1:5353"},
                                           {"2001:db8::1", "[2001:db8::1]:53"},
                                           {"[2001:db8::1]", "[2001:db8::1]:53"},
                                           {"[2001:db8::1]:5353", "[2001:db8::1]:5353"}}) {
    const auto endpoint = ParseEndpoint(one.text);
    ASSERT_TRUE(endpoint.ok()) << one.text;
    EXPECT_EQ(endpoint->text, one.means);
  }
  for (const char* bad : {"", "ns1.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                          "192.0.2", "[::1", "[::1]x", "[::1]:", "::1:x", "[192.0.2.1"})
    EXPECT_EQ(ReasonOf(ParseEndpoint(bad).status()), "BAD_SERVER") << bad;
}

}  // namespace
}  // namespace mailquench::controller::dns
