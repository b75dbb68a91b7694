// What a domain publishes about its own mail: SPF, DKIM keys, DMARC, MTA-STS and TLS-RPT.
#ifndef MAILQUENCH_CONTROLLER_MX_POLICY_RECORDS_H_
#define MAILQUENCH_CONTROLLER_MX_POLICY_RECORDS_H_

#include <string>
#include <vector>

#include "controller/mx/lookups.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

// Fills spf, dkim, dmarc, mta_sts and tls_rpt of view->domain(), and problems of the last four.
// Blocks; thread-safe.
void ViewPolicies(Lookups* lookups,
                  const std::vector<std::string>& selectors,
                  v1::DomainView* view);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_POLICY_RECORDS_H_
