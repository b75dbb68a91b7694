// The machines that there should be.
#include "controller/antivirus/inventory.h"

#include "common/status/error.h"
#include "gmock/gmock.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Host HostOf(const std::string& name, const std::string& hostname = "") {
  v1::Host host;
  host.set_host_id("id-" + name);
  host.set_name(name);
  host.mutable_hello()->set_hostname(hostname);
  return host;
}

std::vector<int> Match(const std::vector<std::string>& machines,
                       const std::vector<v1::Host>& hosts) {
  v1::Inventory inventory;
  for (const std::string& name : machines) inventory.add_machines()->set_name(name);
  std::vector<const v1::Host*> all;
  for (const v1::Host& host : hosts) all.push_back(&host);
  return MatchInventory(inventory, all);
}

TEST(Inventory, NamesMatchWithoutCaseAndAShortOneWhereItIsClear) {
  EXPECT_THAT(Match({"MX1.example.org", "mx1", "mx2", "mx2.example.org.", "mx3"},
                    {HostOf("mx1.example.org"), HostOf("mx2")}),
              ElementsAre(0, 0, 1, 1, -1));
  EXPECT_THAT(Match({"WS-7"}, {HostOf("a"), HostOf("b", "ws-7.corp.example")}), ElementsAre(1));
}

TEST(Inventory, AShortNameOfTwoHostsIsNeitherOfThem) {
  EXPECT_THAT(Match({"mx1", "mx1.a.example"}, {HostOf("mx1.a.example"), HostOf("mx1.b.example")}),
              ElementsAre(-1, 0));
}

TEST(Inventory, TheSameLabelInAnotherDomainIsAnotherMachine) {
  EXPECT_THAT(Match({"mx1.b.example"}, {HostOf("mx1.a.example")}), ElementsAre(-1));
}

std::string Refused(const std::vector<v1::InventoryMachine>& machines) {
  v1::ImportInventoryRequest request;
  request.mutable_machines()->Assign(machines.begin(), machines.end());
  const absl::Status status = CheckInventory(request);
  EXPECT_TRUE(status.ok() || ReasonOf(status) == "BAD_INVENTORY") << status;
  return std::string(status.message());
}

v1::InventoryMachine Machine(const std::string& name, const std::string& kind = "") {
  v1::InventoryMachine machine;
  machine.set_name(name);
  machine.set_kind(kind);
  return machine;
}

TEST(Inventory, WhatIsNoMachineIsRefusedWithItsNumber) {
  EXPECT_EQ(Refused({Machine("mx1", "server"), Machine("ws_1", "workstation"), Machine("x")}), "");
  EXPECT_THAT(Refused({Machine("mx1"), Machine("")}), HasSubstr("machine 2"));
  EXPECT_THAT(Refused({Machine("mx1"), Machine("MX1.")}), HasSubstr("twice"));
  EXPECT_THAT(Refused({Machine("a b")}), HasSubstr("no name of a machine"));
  EXPECT_THAT(Refused({Machine("a\x1b[2Jb")}), HasSubstr("machine 1"));
  EXPECT_THAT(Refused({Machine("mx1", "toaster")}), HasSubstr("'toaster'"));
}

}  // namespace
}  // namespace mailquench::controller
