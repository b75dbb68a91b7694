// Join tokens and what they are exchanged for. A token's text is mqt.<id>.<secret>.<SHA-256 of the
// CA's SPKI>: it tells a new host whom to trust, and tells the controller that somebody wanted the
// host. Of the secret only a hash is kept.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_TOKENS_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_TOKENS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/identity/ca.h"

namespace mailquench::controller {

// What became of a token.
struct TokenUse {
  std::string key_sha256;  // SPKI SHA-256 (hex) of the host's key.
  std::string host_id;
  std::string certificate_pem;
  absl::Time used_at;
};

struct TokenRecord {
  std::string id;
  std::string secret_sha256;  // Hex.
  std::map<std::string, std::string> labels;
  std::string created_by;
  absl::Time created_at;
  absl::Time expires_at;
  bool revoked = false;
  std::optional<TokenUse> use;
};

// Durable when it returns. Implementations are thread-safe.
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  virtual absl::Status Insert(const TokenRecord& record) = 0;
  // NOT_FOUND where there is none.
  virtual absl::StatusOr<TokenRecord> Find(const std::string& id) = 0;
  // In one transaction: where the token has neither use nor revocation, stores `use`; in any case
  // returns the record as it is then, so that the loser of a race sees the winner's use. `hostname`
  // is the host's wish, for an implementation that makes the host's row in the same transaction.
  virtual absl::StatusOr<TokenRecord> MarkUsed(const std::string& id,
                                               const TokenUse& use,
                                               const std::string& hostname) = 0;
  virtual absl::StatusOr<std::vector<TokenRecord>> List() = 0;
  // Idempotent. NOT_FOUND where there is none.
  virtual absl::Status Revoke(const std::string& id) = 0;
};

struct NewToken {
  std::string text;  // Shown once.
  TokenRecord record;
};

struct Enrolled {
  std::string certificate_pem;
  std::string ca_pem;
  std::string host_id;
  std::string trust_domain;
  std::map<std::string, std::string> labels;
  bool repeated = false;  // The same answer again.
};

// Thread-safe where the store is. What it is given must outlive it.
class Tokens {
 public:
  static constexpr absl::Duration kLife = absl::Minutes(15);
  static constexpr absl::Duration kMaxLife = absl::Hours(24);
  // Says whether a key may join: an error refuses it before a token is spent (a banned host's key).
  using Admission = std::function<absl::Status(const std::string& key_sha256)>;

  Tokens(TokenStore* store,
         const CertificateAuthority* ca,
         Clock* clock,
         Admission admission = nullptr);

  // `life` of zero means kLife. INVALID_ARGUMENT / BAD_LIFE where it is negative or over kMaxLife.
  absl::StatusOr<NewToken> Create(const std::map<std::string, std::string>& labels,
                                  absl::Duration life,
                                  const std::string& created_by);

  // Errors: INVALID_ARGUMENT / BAD_CSR, KEY_NOT_P256 (the token is not spent);
  // PERMISSION_DENIED / TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_USED (by another key).
  absl::StatusOr<Enrolled> Enrol(const std::string& token,
                                 const std::string& csr_der,
                                 const std::string& hostname);

  absl::StatusOr<std::vector<TokenRecord>> List();
  absl::Status Revoke(const std::string& id);

 private:
  TokenStore* const store_;
  const CertificateAuthority* const ca_;
  Clock* const clock_;
  const Admission admission_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_TOKENS_H_
