// Tables of machines, as inventories and spreadsheets write them.
#include "cli/core/inventory_table.h"

#include "common/status/error.h"
#include "gmock/gmock.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(InventoryTable, ReadsWhatSpreadsheetsWrite) {
  const auto machines = ReadInventory(
      "\xef\xbb\xbfSite;Hostname;Type;Owner\r\n\"Frankfurt; west\";MX1;Server;\"a \"\"b\"\"\"\r\n"
      "\r\n Bonn ; ws-1 ; Laptop ;\r\n");
  ASSERT_TRUE(machines.ok()) << machines.status();
  ASSERT_THAT(*machines, SizeIs(2));
  EXPECT_EQ((*machines)[0].name(), "MX1");
  EXPECT_EQ((*machines)[0].kind(), "server");
  EXPECT_EQ((*machines)[0].site(), "Frankfurt; west");
  EXPECT_EQ((*machines)[1].name(), "ws-1");
  EXPECT_EQ((*machines)[1].kind(), "workstation");
  EXPECT_EQ((*machines)[1].site(), "Bonn");
}

TEST(InventoryTable, OneColumnIsEnough) {
  const auto machines = ReadInventory("name\nmx1\nmx2");
  ASSERT_TRUE(machines.ok());
  EXPECT_THAT(*machines, SizeIs(2));
}

TEST(InventoryTable, WhatIsNoTableIsRefusedWithItsLine) {
  EXPECT_THAT(std::string(ReadInventory("").status().message()), HasSubstr("empty"));
  EXPECT_THAT(std::string(ReadInventory("a,b\n1,2\n").status().message()),
              HasSubstr("line 1: no column is named 'name'"));
  EXPECT_THAT(std::string(ReadInventory("name\n\"mx1\nmx2\n").status().message()),
              HasSubstr("line 2: a quoted field does not end"));
  EXPECT_THAT(std::string(ReadInventory("name\n\"mx1\"x\n").status().message()),
              HasSubstr("line 2: there is text after"));
  EXPECT_EQ(ReasonOf(ReadInventory("").status()), "BAD_TABLE");
}

TEST(InventoryTable, QuotedFieldsMayHaveAnything) {
  EXPECT_THAT((*ReadCsv("a,\"b\nc\",\"\"\nd,e,f"))[0], ElementsAre("a", "b\nc", ""));
  EXPECT_THAT(*ReadCsv("a\tb\r\rc\td"), SizeIs(2));
}

}  // namespace
}  // namespace mailquench::cli
