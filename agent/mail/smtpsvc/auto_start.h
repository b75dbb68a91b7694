// Keeps virtual servers from starting with the service: ServerAutoStart, set to 0 for a while.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_AUTO_START_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_AUTO_START_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/virtual_servers.h"

namespace mailquench::agent::smtpsvc {

// What is held is in the file "smtpsvc-autostart" of the state directory before it is written, so
// that it is put back after a crash too. With an empty directory nothing is held. Called by one
// thread at a time.
class AutoStart {
 public:
  // `metabase` outlives it.
  AutoStart(Metabase& metabase, const std::string& state_directory);

  // Of those that are to start with the service. Errors: those of the metabase and of the file.
  absl::Status Hold(const std::vector<VirtualServer>& servers) const;
  // As it was before; what somebody else has set meanwhile stays. OK where nothing is held.
  // Errors beside: kDataLoss/BAD_SETTING_TEXT.
  absl::Status PutBack() const;

 private:
  Metabase& metabase_;
  const std::string file_;
};

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_AUTO_START_H_
