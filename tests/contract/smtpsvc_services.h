// Where the contract suite's SMTP service runs: in the test's own process where there is no SCM, as
// a real service where there is one.
#ifndef MAILQUENCH_TESTS_CONTRACT_SMTPSVC_SERVICES_H_
#define MAILQUENCH_TESTS_CONTRACT_SMTPSVC_SERVICES_H_

#include <memory>
#include <string>

#include "agent/mail/smtpsvc/metabase.h"
#include "agent/os/service_manager.h"

namespace mailquench::contract {

class Services {
 public:
  virtual ~Services() = default;  // Stops and removes it.
  virtual agent::ServiceManager& manager() = 0;
};
// `folder` holds metabase.json. nullptr: `why`.
std::unique_ptr<Services> MakeServices(const std::string& folder,
                                       agent::smtpsvc::Metabase& metabase,
                                       std::string* why);

}  // namespace mailquench::contract

#endif  // MAILQUENCH_TESTS_CONTRACT_SMTPSVC_SERVICES_H_
