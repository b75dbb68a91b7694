// Literals through the engine's own parser and back, with all that a name or a subject may hold.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "absl/strings/escaping.h"
#include "agent/mail/exchange/powershell/quote.h"
#include "tests/unit/exchange/powershell/shell_world.h"

namespace mailquench::agent::exchange {
namespace {

std::string Utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | (c >> 6)), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000)
    return {byte(0xE0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | (c >> 18)), byte(0x80 | ((c >> 12) & 0x3F)), byte(0x80 | ((c >> 6) & 0x3F)),
          byte(0x80 | (c & 0x3F))};
}

// Of words that mean something to PowerShell, and of characters of all of Unicode.
class Texts {
 public:
  std::string Next() {
    std::string text;
    for (int i = Below(9); i >= 0; --i) text += Piece();
    return text;
  }

 private:
  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }
  std::string Piece() {
    static const std::vector<std::string> words = {"'",
                                                   "''",
                                                   "\"",
                                                   "`",
                                                   "$",
                                                   "$(",
                                                   ")",
                                                   "${",
                                                   "}",
                                                   "@'",
                                                   "'@",
                                                   "@\"",
                                                   "\"@",
                                                   "\n",
                                                   "\r\n",
                                                   "\r",
                                                   "\t",
                                                   ";",
                                                   "|",
                                                   "&",
                                                   "#",
                                                   "<#",
                                                   "#>",
                                                   "--%",
                                                   "--",
                                                   "-Confirm:$false",
                                                   ",",
                                                   "@(",
                                                   "{",
                                                   "'; Remove-Item *",
                                                   "\xe2\x80\x99; Remove-Item *; \xe2\x80\x98",
                                                   "`0",
                                                   "`u{41}",
                                                   "%",
                                                   "[",
                                                   "]",
                                                   "\\",
                                                   "\\\\",
                                                   "/",
                                                   "_x0041_",
                                                   "_x",
                                                   "_x000",
                                                   "]]>",
                                                   "&amp;",
                                                   "<Obj>",
                                                   "\xef\xbb\xbf",
                                                   "\xe2\x80\x98",
                                                   "\xe2\x80\x99",
                                                   "\xe2\x80\x9a",
                                                   "\xe2\x80\x9b",
                                                   "\xe2\x80\x9c",
                                                   "\xe2\x80\x9d",
                                                   "\xe2\x80\x9e",
                                                   "\xe2\x80\x93",
                                                   "\xe2\x80\x94",
                                                   "\xe2\x80\x95",
                                                   "\xe2\x80\xa8",
                                                   "\xe2\x80\xa9",
                                                   "\xc2\x85",
                                                   "\xc2\xa0",
                                                   "\x01",
                                                   "\x07",
                                                   "\x08",
                                                   "\x0b",
                                                   "\x0c",
                                                   "\x1a",
                                                   "\x1b",
                                                   "\x7f",
                                                   " ",
                                                   "  ",
                                                   "*",
                                                   "?",
                                                   "\xf0\x9f\x98\x80",
                                                   "e\xcc\x81",
                                                   "\xe2\x80\xae",
                                                   "\xef\xbf\xbd",
                                                   "mq-",
                                                   "{\"id\":1}",
                                                   "null",
                                                   "$null",
                                                   "2>&1",
                                                   "a",
                                                   "b",
                                                   "contoso.test"};
    if (Below(3) != 0)
      return words[static_cast<std::size_t>(Below(static_cast<int>(words.size())))];
    const int plane = Below(4);
    const int c = plane == 0   ? Below(0x300)
                  : plane == 1 ? 0x2000 + Below(0x100)
                  : plane == 2 ? Below(0x10000)
                               : Below(0x110000);
    if (c == 0 || (c >= 0xD800 && c < 0xE000)) return "'";
    return Utf8(static_cast<char32_t>(c));
  }
  std::mt19937 random_{20261126};
};

class EngineQuote : public ::testing::Test {
 protected:
  void SetUp() override {
    if (NoEngine()) GTEST_SKIP() << "dotnet is missing";
  }
  std::vector<std::string> Some(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) {
      texts.push_back(texts_.Next());
      EXPECT_TRUE(IsSendable(texts.back())) << absl::CHexEscape(texts.back());
    }
    return texts;
  }
  static void ExpectSame(const std::vector<std::string>& sent,
                         const std::vector<std::string>& came) {
    ASSERT_EQ(sent.size(), came.size());
    for (std::size_t i = 0; i < sent.size(); ++i)
      EXPECT_EQ(absl::CHexEscape(sent[i]), absl::CHexEscape(came[i])) << i;
  }
  ShellWorld world_;
  Texts texts_;
};

TEST_F(EngineQuote, ListsComeBackAsTheyWere) {
  const auto shell = MakeSession(world_.Options("EX1"));
  for (int batch = 0; batch < 20; ++batch) {
    const std::vector<std::string> texts = Some(300);
    const auto answer = shell->Run(
        Pipeline{{Make("Write-Output", {{"InputObject", texts}}), Make("Write-Warning")}, {}, true},
        Soon());
    ASSERT_TRUE(answer.ok()) << answer.status();
    ExpectSame(texts, answer->warnings);
  }
}

TEST_F(EngineQuote, SingleTextsComeBackAsTheyWere) {
  const auto shell = MakeSession(world_.Options("EX1"));
  for (const std::string& text : Some(1000)) {
    const auto answer = shell->Run(Local(Make("Write-Warning", {{"Message", text}})), Soon());
    ASSERT_TRUE(answer.ok()) << absl::CHexEscape(text) << answer.status();
    ExpectSame({text}, answer->warnings);
  }
}

// What no endpoint may see but as a value, stored there and read again through its serialiser.
TEST_F(EngineQuote, TextsComeThroughAnEndpointAsTheyWere) {
  for (const std::string server : {"EX1", "EDGE1"}) {
    const auto shell = MakeSession(world_.Options(server));
    const auto made = shell->Run(
        Remote(Make("New-TransportRule", {{"Name", "fuzz"},
                                          {"SubjectContainsWords", std::vector<std::string>{"x"}},
                                          {"DeleteMessage", true}})),
        Soon());
    ASSERT_TRUE(made.ok()) << made.status();
    for (int batch = 0; batch < 20; ++batch) {
      std::vector<std::string> texts = Some(50);
      // Exchange keeps each text once.
      for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = std::to_string(i) + texts[i];
      const auto set =
          shell->Run(Remote(Make("Set-TransportRule",
                                 {{"Identity", "fuzz"}, {"SubjectContainsWords", texts}})),
                     Soon());
      ASSERT_TRUE(set.ok()) << set.status();
      const auto got = shell->Run(
          Remote(Make("Get-TransportRule", {{"Identity", "fuzz"}}), {"SubjectContainsWords"}),
          Soon());
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_EQ(got->rows.size(), 1U);
      ExpectSame(texts, got->rows[0].at("SubjectContainsWords").texts);
    }
  }
}

TEST_F(EngineQuote, NumbersAndSwitchesAreWhatTheyAre) {
  const auto shell = MakeSession(world_.Options("EX1"));
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN, std::int64_t{2147483648}}) {
    const auto answer = shell->Run(Local(Make("Write-Warning", {{"Message", number}})), Soon());
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_THAT(answer->warnings, ::testing::ElementsAre(std::to_string(number)));
  }
  for (const bool flag : {true, false}) {
    const auto answer = shell->Run(Local(Make("Write-Warning", {{"Message", flag}})), Soon());
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_THAT(answer->warnings, ::testing::ElementsAre(flag ? "True" : "False"));
  }
  const auto kept = shell->Run(
      Local(Make("Write-Output",
                 {{"InputObject", std::vector<std::string>{"a", "b"}}, {"NoEnumerate", Switch{}}}),
            {"Count", "Length"}),
      Soon());
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->rows.size(), 1U);
  const auto enumerated = shell->Run(
      Local(Make("Write-Output",
                 {{"InputObject", std::vector<std::string>{"a", "b"}}, {"NoEnumerate", false}}),
            {"Length"}),
      Soon());
  ASSERT_TRUE(enumerated.ok()) << enumerated.status();
  EXPECT_EQ(enumerated->rows.size(), 2U);
  const auto none = shell->Run(
      Local(Make("Write-Output", {{"InputObject", std::vector<std::string>{}}}), {"Length"}),
      Soon());
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->rows.empty());
}

}  // namespace
}  // namespace mailquench::agent::exchange
