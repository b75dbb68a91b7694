// Lists of addresses of IIS by ADSI: objects IIsIPSecurity. Windows alone.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_SECURITY_WINDOWS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_SECURITY_WINDOWS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

// `key` below SmtpSvc, `name` of the property: "RelayIpList", "IPSecurity". COM must be initialised
// on the thread. Errors: those of ComError(), kDataLoss/BAD_IP_LIST (IIS makes no object of it).
absl::StatusOr<IpSecurity> GetIpSecurity(const std::string& key, const std::string& name);
// `object_of`: the property whose object is filled and put under `name`; another one than `name`
// where IIS makes no object of what is stored there, nor of nothing.
absl::Status SetIpSecurity(const std::string& key,
                           const std::string& name,
                           const IpSecurity& value,
                           const std::string& object_of);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_SECURITY_WINDOWS_H_
