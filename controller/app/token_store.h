// Join tokens in the controller's store.
#ifndef MAILQUENCH_CONTROLLER_APP_TOKEN_STORE_H_
#define MAILQUENCH_CONTROLLER_APP_TOKEN_STORE_H_

#include <string>
#include <vector>

#include "controller/app/core.h"
#include "controller/identity/tokens.h"

namespace mailquench::controller {

// Thread-safe. The host's row is made by the service Enrolment, each time that it answers, so that
// a crash between the two is healed by the host's next attempt.
class CoreTokenStore final : public TokenStore {
 public:
  explicit CoreTokenStore(Core* core) : core_(core) {}
  absl::Status Insert(const TokenRecord& record) override;
  absl::StatusOr<TokenRecord> Find(const std::string& id) override;
  absl::StatusOr<TokenRecord> MarkUsed(const std::string& id,
                                       const TokenUse& use,
                                       const std::string& hostname) override;
  absl::StatusOr<std::vector<TokenRecord>> List() override;
  absl::Status Revoke(const std::string& id) override;

 private:
  Core* const core_;
};

// Refuses the key with which a banned host enrolled. Error: PERMISSION_DENIED / HOST_BANNED.
absl::Status AdmitKey(Core* core, const std::string& key_sha256);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_TOKEN_STORE_H_
