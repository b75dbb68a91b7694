// Lines of the conversation, and what errors become.
#include "agent/mail/exchange/powershell/protocol.h"

#include <gmock/gmock.h>

#include "agent/mail/exchange/powershell/fault_status.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

std::string Reason(Fault fault, bool opened = true, bool lost = false) {
  Reply reply;
  reply.opened = opened;
  reply.lost = lost;
  reply.faults.push_back(std::move(fault));
  return ReasonOf(FaultStatus(reply, "Get-Queue"));
}

TEST(Protocol, ARequestIsOneLineOfAscii) {
  const std::string line =
      RequestLine(7, "Get-Queue -Server 'ä\n😀'", Pipeline{{}, {"Identity"}, true});
  EXPECT_EQ(line,
            "{\"fields\":[\"Identity\"],\"id\":7,\"local\":true,\"text\":\"Get-Queue -Server "
            "'\\u00e4\\n\\ud83d\\ude00'\"}\n");
}

TEST(Protocol, CellsAreNullTextsOrLists) {
  const auto reply = ParseReply(
      R"({"id":3,"opened":true,"lost":false,"rows":[[null,"x",["y"],[]]],"warnings":["w"],"errors":[]})",
      3, {"A", "B", "C", "D"});
  ASSERT_TRUE(reply.has_value());
  ASSERT_EQ(reply->rows.size(), 1U);
  const Row& row = reply->rows[0];
  EXPECT_TRUE(row.at("A").null);
  EXPECT_EQ(row.at("A").text(), "");
  EXPECT_FALSE(row.at("B").null);
  EXPECT_FALSE(row.at("B").list);
  EXPECT_EQ(row.at("B").text(), "x");
  EXPECT_TRUE(row.at("C").list);
  EXPECT_THAT(row.at("C").texts, ::testing::ElementsAre("y"));
  EXPECT_TRUE(row.at("D").list);
  EXPECT_FALSE(row.at("D").null);
  EXPECT_TRUE(row.at("D").texts.empty());
  EXPECT_THAT(reply->warnings, ::testing::ElementsAre("w"));
}

TEST(Protocol, WhatIsNoAnswerIsNone) {
  for (const char* text :
       {"", "5", "[]", "{}", "{\"id\":\"1\"}", "{\"id\":1}", "{\"id\":1.5}",
        R"({"id":1,"opened":true,"lost":false,"rows":{},"warnings":[],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[["a","b"]],"warnings":[],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[[{}]],"warnings":[],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[[["a",1]]],"warnings":[],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[],"warnings":[1],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[],"warnings":[],"errors":[{}]})",
        R"({"id":1,"opened":1,"lost":false,"rows":[],"warnings":[],"errors":[]})",
        R"({"id":1,"opened":true,"lost":false,"rows":[],"warnings":[],"errors":[]}x)"})
    EXPECT_FALSE(ParseReply(text, 1, {"A"}).has_value()) << text;
  EXPECT_FALSE(ParseFacts("{\"language\":\"FullLanguage\"}").has_value());
  EXPECT_TRUE(ParseFacts("{\"language\":\"ConstrainedLanguage\"}").has_value());
}

TEST(FaultStatus, EachKindHasItsReason) {
  EXPECT_EQ(Reason({"m", "X1,Class", "InvalidOperation", "SomeException", "t"}), "CMDLET_FAILED");
  EXPECT_EQ(Reason({"m", "CommandNotFoundException", "ObjectNotFound", "Wrapped", "t"}),
            "NOT_IN_ROLE");
  EXPECT_EQ(Reason({"m", "NamedParameterNotFound,Get-Queue", "InvalidArgument", "Wrapped", "t"}),
            "NOT_IN_ROLE");
  EXPECT_EQ(Reason({"m", "1F,C", "PermissionDenied", "X", "t"}), "NOT_IN_ROLE");
  EXPECT_EQ(Reason({"m", "1F,C", "NotSpecified", "ManagementObjectNotFoundException", "t"}),
            "OBJECT_NOT_FOUND");
  EXPECT_EQ(
      Reason({"m", "[Server=EX1] [FailureCategory=Cmdlet-ManagementObjectNotFoundException] 1F,C",
              "NotSpecified", "RemoteException", "t"}),
      "OBJECT_NOT_FOUND");
  EXPECT_EQ(Reason({"PowerShell is in NonInteractive mode.", "x", "y", "z", "t"}),
            "ASKED_FOR_CONFIRMATION");
  EXPECT_EQ(Reason({"m", "JobFailure", "OpenError", "PSRemotingTransportException", "t"}),
            "SESSION_LOST");
  EXPECT_EQ(Reason({"m", "X1,Class", "InvalidOperation", "SomeException", "t"}, true, true),
            "SESSION_LOST");
  EXPECT_EQ(Reason({"m", "CannotConnect", "OpenError", "PSRemotingTransportException", "t"}, false),
            "NO_SHELL");
}

TEST(FaultStatus, TheWordsAndTheIdAreToldInOneLine) {
  Reply reply;
  reply.faults = {{"first\r\nline", "ID7,Class", "c", "r", "t"}, {"second", "i", "c", "r", "t"}};
  const absl::Status status = FaultStatus(reply, "Get-Queue -Server 'EX1'");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.message(), ::testing::AllOf(::testing::HasSubstr("first line"),
                                                 ::testing::HasSubstr("ID7,Class"),
                                                 ::testing::HasSubstr("Get-Queue -Server 'EX1'"),
                                                 ::testing::HasSubstr("1 errors more"),
                                                 ::testing::Not(::testing::HasSubstr("\n"))));
}

}  // namespace
}  // namespace mailquench::agent::exchange
