// The metabase as text, as addresses and as a file.
#include "agent/mail/folders/paths.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/metabase_open.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/utf16.h"
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = MetabaseValue::Type;

TEST(MetabaseValueTest, EveryValueComesBackExactly) {
  std::vector<MetabaseValue> values = {
      MakeDword(7),
      MakeDword(0xffffffffU, 0x21, 2),
      MakeString("C:\\inetpub\\\"mail\"\\\xd0\xb6\xf0\x9f\x98\x80"),
      MakeString(""),
      MakeMultiString({":25:", "192.0.2.1:587:host"}),
      MakeMultiString({}),
      {Type::kBinary, 1, 1, std::string("\x00\xff\x18", 3)},
      {Type::kBinary, 0, 0, ""},
      {Type::kDword, 1, 1, "ab"},                                 // Too short for one.
      {Type::kString, 1, 1, std::string("\x00\xd8\x00\x00", 4)},  // Half of a pair.
      {Type::kString, 1, 1, std::string("a\0", 2)},               // Without its end.
      {Type::kMultiString, 1, 1, std::string("a\0b", 3)},
      {static_cast<Type>(9), 3, 4, "x"},
  };
  values.push_back(MakeString("%SystemDrive%\\x"));
  values.back().type = Type::kExpandString;
  for (const MetabaseValue& value : values) {
    const std::string text = ToText(value);
    const auto back = FromText(text);
    ASSERT_TRUE(back.ok()) << text << back.status();
    ASSERT_TRUE(std::holds_alternative<MetabaseValue>(*back)) << text;
    EXPECT_TRUE(std::get<MetabaseValue>(*back) == value) << text;
  }
  EXPECT_EQ(ToText(MakeDword(7)), "dword attr=1 ut=1 7");
  EXPECT_EQ(ToText(values[6]), "binary attr=1 ut=1 00ff18");
}

TEST(MetabaseValueTest, ListsComeBackExactly) {
  for (const IpSecurity& list :
       {IpSecurity{}, IpSecurity{true, {}, {"192.0.2.1, 255.255.255.255"}, {}, {}},
        IpSecurity{false,
                   {"10.0.0.0, 255.0.0.0", "1.2.3.4, 255.255.255.255"},
                   {},
                   {"a]b\"c\\.example"},
                   {"x"}}}) {
    const auto back = FromText(ToText(list));
    ASSERT_TRUE(back.ok()) << ToText(list);
    EXPECT_TRUE(std::get<IpSecurity>(*back) == list) << ToText(list);
  }
}

TEST(MetabaseValueTest, WhatIsNoRecordIsRefused) {
  for (const char* text :
       {"", "dword", "dword attr=1 ut=1 x", "dword attr=x ut=1 1", "string attr=1 ut=1 abc",
        "binary attr=1 ut=1 0", "binary attr=1 ut=1 zz", "multi-string attr=1 ut=1 [1]",
        "ip-security",
        "ip-security grant-by-default=maybe grant=[] deny=[] domain-grant=[] domain-deny=[]",
        "ip-security grant-by-default=no grant=[",
        "ip-security grant-by-default=no grant=[] deny=[]", "type-x-bytes attr=1 ut=1 00",
        "nonsense attr=1 ut=1 00"})
    EXPECT_EQ(ReasonOf(FromText(text).status()), "BAD_SETTING_TEXT") << text;
}

TEST(SettingKeyTest, ComesBackAndRefusesOthers) {
  const auto key = SettingKeyFrom("metabase:1/RelayIpList");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->key, "1");
  EXPECT_EQ(key->property, Property::kRelayIpList);
  EXPECT_EQ(ToText(*key), "metabase:1/RelayIpList");
  for (const char* text : {"main.cf:relay", "metabase:", "metabase:1/Nothing", "RelayIpList"})
    EXPECT_FALSE(SettingKeyFrom(text).ok()) << text;
}

TEST(IpBlockTest, BothSpellings) {
  EXPECT_EQ(ParseClient("192.0.2.0/24")->ForIis(), "192.0.2.0, 255.255.255.0");
  EXPECT_EQ(ParseClient("192.0.2.7")->ForIis(), "192.0.2.7, 255.255.255.255");
  EXPECT_EQ(ParseIisBlock("10.1.2.3, 255.0.0.0")->ForUser(), "10.0.0.0/8");
  EXPECT_EQ(ParseIisBlock("10.1.2.3")->ForUser(), "10.1.2.3");
  for (const char* text :
       {"10.1.2.3, 255.0.255.0", "x, 255.0.0.0", "1.2.3, 4", "", "1.2.3.4,1.2.3.4,5"})
    EXPECT_FALSE(ParseIisBlock(text).has_value()) << text;
  for (const char* text : {"", "x", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.0/8", "2001:db8::1",
                           "0.0.0.0/0", "10.0.0.0/7", "256.1.1.1", "1.2.3.4/x"})
    EXPECT_EQ(ReasonOf(ParseClient(text).status()), "BAD_CLIENT") << text;
}

TEST(PathsTest, OfBothKinds) {
  EXPECT_EQ(ParentOf("C:\\inetpub\\mailroot\\Queue"), "C:\\inetpub\\mailroot");
  EXPECT_EQ(ParentOf("D:\\Queue"), "D:\\");
  EXPECT_EQ(ParentOf("D:\\"), "");
  EXPECT_EQ(ParentOf("/a/b/"), "/a");
  EXPECT_EQ(JoinPath("D:\\", "x"), "D:\\x");
  EXPECT_EQ(JoinPath("C:\\a", "x"), "C:\\a\\x");
  EXPECT_EQ(JoinPath("/a", "x"), "/a/x");
  EXPECT_TRUE(IsAbsolutePath("C:\\x"));
  EXPECT_TRUE(IsAbsolutePath("\\\\server\\share"));
  EXPECT_FALSE(IsAbsolutePath("mailroot\\Queue"));
  EXPECT_FALSE(IsAbsolutePath("%SystemDrive%\\x"));
  for (const char* name : {"", ".", "..", "a/b", "a\\b", "x:stream", "a\nb"})
    EXPECT_FALSE(IsPlainName(name)) << name;
  setenv("MQ_TEST_DRIVE", "C:", 1);
  EXPECT_EQ(ExpandVariables("%MQ_TEST_DRIVE%\\inetpub\\100%"), "C:\\inetpub\\100%");
  EXPECT_EQ(ExpandVariables("%NoSuchThing%\\x"), "%NoSuchThing%\\x");
}

TEST(MetabaseFileTest, InheritsAndSaysWhatIsItsOwn) {
  SmtpHost host;
  MetabaseFile& file = host.metabase->file;
  EXPECT_THAT(*file.Children(""), ElementsAre("1"));
  EXPECT_THAT(*file.Children("1/Domain"), ElementsAre("example.org"));
  EXPECT_TRUE(absl::IsNotFound(file.Children("7").status()));
  EXPECT_FALSE(file.Read("1", Property::kRelayForAuth, false)->has_value());
  EXPECT_EQ(AsDword(**file.Read("1", Property::kRelayForAuth, true)), 1U);
  ASSERT_TRUE(file.Write("1", Property::kRelayForAuth, MakeDword(0)).ok());
  EXPECT_EQ(AsDword(**file.Read("1", Property::kRelayForAuth, true)), 0U);
  ASSERT_TRUE(file.Delete("1", Property::kRelayForAuth).ok());
  EXPECT_EQ(AsDword(**file.Read("1", Property::kRelayForAuth, true)), 1U);
  std::filesystem::remove(host.metabase_path);
  EXPECT_EQ(ReasonOf(file.Children("").status()), "NO_METABASE");
}

// The two public samples: hosts alone (exchange.md, B3).
TEST(MetabaseFileTest, ListsOfHostsHaveTheKnownLayout) {
  IpSecurity list;
  list.ip_grant = {"192.0.2.1, 255.255.255.255", "127.0.0.1, 255.255.255.255"};
  const std::string bytes = IpListBytes(list);
  ASSERT_EQ(bytes.size(), 88U);
  EXPECT_EQ(ToText(MetabaseValue{Type::kBinary, 1, 1, bytes}),
            "binary attr=1 ut=1 18000080200000803c00008044000080010000004c000000000000000000000001"
            "0000000200000002000000030000000400000000000000"
            "4c00008000000000000000000000000000000000ffffffffc00002017f000001");
  EXPECT_TRUE(*IpListFrom(bytes) == list);
  IpSecurity other{true, {}, {"192.0.2.0, 255.255.255.0"}, {}, {"example.org"}};
  EXPECT_TRUE(*IpListFrom(IpListBytes(other)) == other);
  for (const std::string& bad :
       {std::string(), std::string(80, '\0'), bytes.substr(0, 79), bytes + "x"})
    EXPECT_EQ(ReasonOf(IpListFrom(bad).status()), "BAD_IP_LIST");
}

TEST(MetabaseOpenTest, ATestBuildTakesTheFileThatIsNamed) {
  SmtpHost host;
  unsetenv("MAILQUENCH_METABASE");
  EXPECT_EQ(ReasonOf(OpenMetabase().status()), "NO_METABASE");
  setenv("MAILQUENCH_METABASE", host.metabase_path.c_str(), 1);
  const auto opened = OpenMetabase();
  unsetenv("MAILQUENCH_METABASE");
  ASSERT_TRUE(opened.ok());
  EXPECT_THAT(*(*opened)->Children(""), ElementsAre("1"));
}

TEST(Utf16Test, BrokenTextIsNone) {
  EXPECT_EQ(Utf8FromUtf16(*Utf16FromUtf8("a\xc3\xa4\xf0\x9f\x98\x80")),
            "a\xc3\xa4\xf0\x9f\x98\x80");
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"})
    EXPECT_FALSE(Utf16FromUtf8(bad).has_value());
  EXPECT_FALSE(Utf8FromUtf16("a").has_value());
}

TEST(VirtualServersTest, UnknownAndNone) {
  SmtpHost host(2);
  EXPECT_EQ(ReasonOf(FindVirtualServers(*host.metabase, {"3"}).status()), "UNKNOWN_INSTANCE");
  host.Set("1", "QueueDirectory", ToText(MakeString("mailroot\\Queue")));
  host.Set("2", "QueueDirectory", ToText(MakeString("")));
  const auto servers = FindVirtualServers(*host.metabase, {});
  ASSERT_EQ(servers->size(), 2U);
  const auto relative = DirectoryOf((*servers)[0], (*servers)[0].queue, "QueueDirectory");
  EXPECT_EQ(ReasonOf(relative.status()), "BAD_DIRECTORY");
  EXPECT_THAT(std::string(relative.status().message()), HasSubstr("no absolute path"));
  EXPECT_THAT(
      std::string(
          DirectoryOf((*servers)[1], (*servers)[1].queue, "QueueDirectory").status().message()),
      HasSubstr("not set"));
  host.json = {{"keys", {{"", nlohmann::json::object()}}}};
  host.Save();
  EXPECT_EQ(ReasonOf(FindVirtualServers(*host.metabase, {}).status()), "NO_VIRTUAL_SERVER");
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
