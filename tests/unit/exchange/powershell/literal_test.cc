// Values and pipelines as text, and the command line that starts it all.
#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "agent/mail/exchange/powershell/bootstrap.h"
#include "agent/mail/exchange/powershell/bootstrap_text.h"
#include "agent/mail/exchange/powershell/pipeline_text.h"
#include "agent/mail/exchange/powershell/quote.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

std::string Text(const Value& value) {
  const auto text = PipelineText(Pipeline{{{"Get-Queue", {{"Server", value}}}}, {}, false});
  return text.ok() ? *text : ReasonOf(text.status());
}

TEST(Literal, EachKindOfValue) {
  EXPECT_EQ(Text(Switch{}), "Get-Queue -Server");
  EXPECT_EQ(Text(Null{}), "Get-Queue -Server $null");
  EXPECT_EQ(Text(false), "Get-Queue -Server:$false");
  EXPECT_EQ(Text(true), "Get-Queue -Server:$true");
  EXPECT_EQ(Text(std::int64_t{-5}), "Get-Queue -Server -5");
  EXPECT_EQ(Text(std::string("EX1")), "Get-Queue -Server 'EX1'");
  EXPECT_EQ(Text(std::string()), "Get-Queue -Server ''");
  EXPECT_EQ(Text(std::vector<std::string>{"a"}), "Get-Queue -Server @('a')");
  EXPECT_EQ(Text(std::vector<std::string>{"a", "b'"}), "Get-Queue -Server @('a','b''')");
  EXPECT_EQ(Text(std::vector<std::string>{}), "Get-Queue -Server @()");
}

TEST(Literal, QuotesOfAllSortsAreDoubled) {
  EXPECT_EQ(*QuoteText("'; Remove-Item"), "'''; Remove-Item'");
  EXPECT_EQ(*QuoteText("\u2018\u2019\u201a\u201b\u201c$`\""),
            "'\u2018\u2018\u2019\u2019\u201a\u201a\u201b\u201b\u201c$`\"'");
}

TEST(Literal, WhatIsNoTextIsRefused) {
  const std::string bad[] = {std::string("a\0b", 3), "\xff",     "\xc3", "\xc0\xaf", "\xed\xa0\x80",
                             "\xf4\x90\x80\x80",     "\xe2\x80", "a\x80"};
  for (const std::string& text : bad) {
    EXPECT_FALSE(IsSendable(text)) << absl::CHexEscape(text);
    EXPECT_EQ(Text(text), "BAD_COMMAND");
    EXPECT_EQ(Text(std::vector<std::string>{"a", text}), "BAD_COMMAND");
  }
  EXPECT_TRUE(IsSendable("\xf0\x9f\x98\x80\xef\xbf\xbf\xed\x9f\xbf\n\x01"));
}

TEST(Pipeline, CmdletsAreJoinedAndNamesAreChecked) {
  Pipeline pipeline{{{"Get-Message", {{"ResultSize", std::int64_t{10}}}},
                     {"Suspend-Message", {{"Confirm", false}}}},
                    {"Identity"},
                    false};
  EXPECT_EQ(*PipelineText(pipeline),
            "Get-Message -ResultSize 10 | Suspend-Message -Confirm:$false");
  for (const char* name : {"", "Get", "Get-", "-Queue", "Get-Queue;", "Get-Queue\n", "Get--Queue",
                           "& calc", "Get-Qu\xc3\xa9ue", "C:\\x\\Get-Queue", "Get-Queue -Server"}) {
    EXPECT_EQ(ReasonOf(PipelineText(Pipeline{{{name, {}}}, {}, false}).status()), "BAD_COMMAND")
        << name;
  }
  for (const char* name : {"", "A B", "A:$true", "1A", "A-B", "A'", "A\n"}) {
    EXPECT_EQ(ReasonOf(PipelineText(Pipeline{{{"Get-Queue", {{name, true}}}}, {}, false}).status()),
              "BAD_COMMAND")
        << name;
    EXPECT_EQ(ReasonOf(PipelineText(Pipeline{{{"Get-Queue", {}}}, {name}, false}).status()),
              "BAD_COMMAND")
        << name;
  }
  EXPECT_EQ(ReasonOf(PipelineText(Pipeline{}).status()), "BAD_COMMAND");
}

TEST(Bootstrap, TheCommandLineIsShortAndOfAscii) {
  std::size_t size = 0;
  for (const std::string& word : BootstrapCommand({})) size += word.size() + 3;
  EXPECT_LT(size, 30000U);
  std::string wide;
  ASSERT_TRUE(absl::Base64Unescape(EncodedBootstrap(), &wide));
  ASSERT_GT(wide.size(), 1000U);
  for (std::size_t i = 0; i < wide.size(); i += 2) {
    ASSERT_LT(static_cast<unsigned char>(wide[i]), 0x7f) << i;
    ASSERT_EQ(wide[i + 1], '\0') << i;
  }
}

// Its name alone makes PowerShell's host read the standard input that is ours.
TEST(Bootstrap, TheAutomaticInputIsNotUsed) {
  EXPECT_THAT(BootstrapTexts().front(), ::testing::Not(::testing::HasSubstr("$input")));
}

TEST(Bootstrap, AProgramOfOnesOwnGetsTheSameArguments) {
  const std::vector<std::string> command = BootstrapCommand({"/opt/pwsh", "-Special"});
  ASSERT_EQ(command.size(), 9U);
  EXPECT_EQ(command[0], "/opt/pwsh");
  EXPECT_EQ(command[1], "-Special");
  EXPECT_EQ(command[7], "-EncodedCommand");
}

}  // namespace
}  // namespace mailquench::agent::exchange
