// A metabase and folders of one virtual server, as an installation leaves them.
#ifndef MAILQUENCH_TESTS_SIMULATION_SMTPSVC_PREPARE_H_
#define MAILQUENCH_TESTS_SIMULATION_SMTPSVC_PREPARE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mailquench::simulation {

struct VirtualServerPlan {
  std::string number = "1";
  std::string mailroot;  // Gets Queue, Badmail, Pickup and Drop.
  std::string address = "127.0.0.1";
  int port = 25;
  std::string fqdn = "smtpsvc.test";
  std::vector<std::string> domains;  // Local ones.
  bool open_relay = false;           // "All except the list below", with an empty list.
  bool basic_login = true;
};

// Adds it to the file, which is made where it is missing. AuthFlags and RelayForAuth stand at the
// service's own key, from which its virtual servers inherit them.
absl::Status Prepare(const std::string& metabase_file, const VirtualServerPlan& plan);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_SMTPSVC_PREPARE_H_
