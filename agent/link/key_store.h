// The agent's key and certificate on disk, with a candidate beside them while a renewal is not
// proven.
#ifndef MAILQUENCH_AGENT_LINK_KEY_STORE_H_
#define MAILQUENCH_AGENT_LINK_KEY_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/identity/certificate.h"
#include "common/rpc/credentials.h"

namespace mailquench::agent {

struct KeyPair {
  rpc::Files files;
  std::string certificate_pem;
  identity::CertificateInfo info;
  bool candidate = false;
};

// Files in `dir`: agent.key, agent.pem, ca.pem, identity.yaml; of a candidate: agent.key.new,
// agent.pem.new. A pair counts only where both files are there, belong together, and were signed by
// ca.pem, so that a crash between the writing of two files leaves at least one usable pair. One
// thread at a time.
class KeyStore {
 public:
  explicit KeyStore(std::string dir);

  // Usable pairs, the candidate first. Errors: FAILED_PRECONDITION / NOT_ENROLLED (no certificate
  // at all), CREDENTIALS_UNUSABLE (none of them is usable; the sentence says why).
  absl::StatusOr<std::vector<KeyPair>> Usable(absl::Time now) const;

  // INVALID_ARGUMENT / BAD_RENEWAL where it does not belong to the key, to this host or to our CA;
  // nothing is written then.
  absl::Status StoreCandidate(const std::string& key_pem,
                              const std::string& certificate_pem,
                              absl::Time now);
  // The candidate has worked: it becomes the pair, and the old one is gone.
  absl::Status Promote();

  const std::string& dir() const { return dir_; }
  std::string Path(const std::string& name) const { return dir_ + "/" + name; }

 private:
  absl::StatusOr<KeyPair> Load(bool candidate, absl::Time now) const;
  const std::string dir_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_LINK_KEY_STORE_H_
