#include "agent/http/url.h"

#include <gmock/gmock.h>

#include "agent/http/address.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

TEST(Url, TakesNamesAddressesPortsAndQueries) {
  const auto plain = ParseUrl("HTTP://WWW.Example.org");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->host, "www.example.org");
  EXPECT_EQ(plain->port, 80);
  EXPECT_EQ(plain->target, "/");
  EXPECT_EQ(plain->HostHeader(), "www.example.org");
  const auto tls = ParseUrl("https://a.test:8443/x?ip=192.0.2.1&y=%20#part");
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_TRUE(tls->tls);
  EXPECT_EQ(tls->target, "/x?ip=192.0.2.1&y=%20");
  EXPECT_EQ(tls->HostHeader(), "a.test:8443");
  EXPECT_EQ(ParseUrl("http://a.test?x=1")->target, "/?x=1");
  const auto v6 = ParseUrl("http://[2001:DB8::1]:81/");
  ASSERT_TRUE(v6.ok()) << v6.status();
  EXPECT_TRUE(v6->literal);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->HostHeader(), "[2001:db8::1]:81");
}

TEST(Url, RefusesWhatCouldMeanSomethingElse) {
  for (const char* bad : {"",
                          "ftp://a.test/",
                          "file:///etc/passwd",
                          "//a.test/",
                          "a.test",
                          "http:///x",
                          "http://",
                          "http://user:secret@a.test/",
                          "http://a.test@b.test/",
                          "http://a.test:0/",
                          "http://a.test:65536/",
                          "http://a.test:/",
                          "http://a.test:8o/",
                          "http://a.test:080000/",
                          "http://2130706433/",
                          "http://0x7f.0.0.1/",
                          "http://127.1/",
                          "http://0x7f000001/",
                          "http://a..test/",
                          "http://a.test./",
                          "http://-a.test/",
                          "http://a_b.test/",
                          "http://[::1/",
                          "http://[a.test]/",
                          "http://[fe80::1%25eth0]/",
                          "http://a.test/\r\nX: y",
                          "http://a.test/ x",
                          "http://b\xc3\xbc.test/",
                          "http://a.test\\@b.test/",
                          "http://%61.test/"}) {
    EXPECT_EQ(ReasonOf(ParseUrl(bad).status()), "BAD_URL") << bad;
  }
  EXPECT_EQ(ReasonOf(ParseUrl("http://a.test/" + std::string(2100, 'x')).status()), "BAD_URL");
  EXPECT_THAT(std::string(ParseUrl("http://u:secret@a.test/").status().message()),
              testing::Not(testing::HasSubstr("secret")));
}

TEST(HostList, ComparesWholeNamesAndTakesOtherPortsOnlyWhereTheyAreNamed) {
  std::vector<AllowedHost> hosts;
  for (const char* entry : {"www.Example.org", "b.test:8080", "127.0.0.1:81", "2001:db8::1"})
    hosts.push_back(ParseAllowedHost(entry).value());
  const auto allowed = [&](const char* url) { return Allows(hosts, ParseUrl(url).value()); };
  EXPECT_TRUE(allowed("http://www.example.org/x"));
  EXPECT_TRUE(allowed("https://WWW.EXAMPLE.ORG/"));
  EXPECT_FALSE(allowed("http://www.example.org:8080/"));
  EXPECT_FALSE(allowed("http://example.org/"));
  EXPECT_FALSE(allowed("http://a.www.example.org/"));
  EXPECT_FALSE(allowed("http://www.example.org.evil.test/"));
  EXPECT_TRUE(allowed("http://b.test:8080/"));
  EXPECT_FALSE(allowed("http://b.test/"));
  EXPECT_TRUE(allowed("http://127.0.0.1:81/"));
  EXPECT_FALSE(allowed("http://127.0.0.1/"));
  EXPECT_TRUE(allowed("https://[2001:db8::1]/"));
  for (const char* bad : {"", "http://a.test", "a.test:x", "*.test", "a b", "a.test/"})
    EXPECT_EQ(ReasonOf(ParseAllowedHost(bad).status()), "BAD_HOST") << bad;
}

TEST(Address, KnowsWhatIsNoHostOfThePublicInternet) {
  const auto is_public = [](const char* text) {
    Endpoint endpoint;
    EXPECT_TRUE(ParseAddress(text, 80, &endpoint)) << text;
    EXPECT_EQ(endpoint.Text(), text);
    return IsPublic(endpoint);
  };
  for (const char* inside : {"127.0.0.1",
                             "127.8.8.8",
                             "0.0.0.0",
                             "10.1.2.3",
                             "100.64.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "192.0.2.1",
                             "198.18.0.1",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "::1",
                             "::",
                             "fe80::1",
                             "fc00::1",
                             "fd00::1",
                             "ff02::1",
                             "2001:db8::1",
                             "2002:7f00:1::1",
                             "2001:0:1::1",
                             "::ffff:127.0.0.1",
                             "::ffff:169.254.169.254",
                             "64:ff9b::a9fe:a9fe",
                             "64:ff9b:1::1"}) {
    Endpoint endpoint;
    ASSERT_TRUE(ParseAddress(inside, 80, &endpoint)) << inside;
    EXPECT_FALSE(IsPublic(endpoint)) << inside;
  }
  for (const char* outside : {"1.1.1.1", "100.63.255.255", "172.15.0.1", "172.32.0.1", "193.0.0.1",
                              "2a00:1450::1", "64:ff9b::101:101"})
    EXPECT_TRUE(is_public(outside)) << outside;
  Endpoint loopback;
  ASSERT_TRUE(ParseAddress("127.0.0.1", 80, &loopback));
  EXPECT_TRUE(IsOwn(loopback));
}

}  // namespace
}  // namespace mailquench::agent
