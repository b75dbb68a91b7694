// Everything that DNS says of a mail domain, with what is wrong about it.
#ifndef MAILQUENCH_CONTROLLER_MX_DOMAIN_VIEW_H_
#define MAILQUENCH_CONTROLLER_MX_DOMAIN_VIEW_H_

#include <string>

#include "absl/status/statusor.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

// Asks now; blocks. Thread-safe. Errors: INVALID_ARGUMENT/BAD_DOMAIN, BAD_SERVER; what could not be
// asked stands in the view.
absl::StatusOr<v1::DomainView> ViewDomain(const Options& options,
                                          const v1::ShowDomainRequest& request);

// PTR, whether one of its names leads back, whether it is generic. For the preflight too.
v1::MailAddressView ViewAddress(Lookups* lookups, const std::string& address);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_DOMAIN_VIEW_H_
