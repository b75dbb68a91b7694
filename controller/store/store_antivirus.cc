// What is known of each host's antivirus, and the inventory that it is counted against.
#include "controller/store/session.h"

namespace mailquench::controller {

absl::Status Store::PutHostAntivirus(const v1::HostAntivirus& record) {
  return Write("keep what a host's antivirus said",
               "INSERT OR REPLACE INTO antivirus_hosts VALUES (:t0, :b)", {record.host_id()}, {},
               record.SerializeAsString());
}

absl::StatusOr<std::map<std::string, v1::HostAntivirus>> Store::AllHostAntivirus() {
  std::map<std::string, v1::HostAntivirus> all;
  MQ_RETURN_IF_ERROR(EachBlob("read the antivirus of its hosts", "SELECT body FROM antivirus_hosts",
                              "", [&](const std::string& bytes) -> absl::Status {
                                v1::HostAntivirus one;
                                MQ_RETURN_IF_ERROR(Parse(bytes, "antivirus of a host", &one));
                                all[one.host_id()] = std::move(one);
                                return absl::OkStatus();
                              }));
  return all;
}

absl::StatusOr<v1::HostAntivirus> Store::FindHostAntivirus(const std::string& host_id) {
  v1::HostAntivirus found;
  found.set_host_id(host_id);
  MQ_RETURN_IF_ERROR(EachBlob(
      "read the antivirus of a host", "SELECT body FROM antivirus_hosts WHERE host_id = :k",
      host_id,
      [&](const std::string& bytes) { return Parse(bytes, "antivirus of a host", &found); }));
  return found;
}

absl::Status Store::PutInventory(const v1::Inventory& inventory) {
  return Write("keep an inventory", "INSERT OR REPLACE INTO antivirus_inventory VALUES (1, :b)", {},
               {}, inventory.SerializeAsString());
}

absl::StatusOr<v1::Inventory> Store::FindInventory() {
  v1::Inventory found;
  MQ_RETURN_IF_ERROR(
      EachBlob("read the inventory", "SELECT body FROM antivirus_inventory", "",
               [&](const std::string& bytes) { return Parse(bytes, "inventory", &found); }));
  return found;
}

}  // namespace mailquench::controller
