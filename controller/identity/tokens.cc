#include "controller/identity/tokens.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/identity/token_text.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

absl::Status Refuse(const char* reason, const std::string& sentence) {
  return Error(
      absl::StatusCode::kPermissionDenied, reason,
      absl::StrCat(sentence,
                   "; no certificate was issued. Make a new token with `mailquench token create`"));
}

absl::Status CheckUsable(const TokenRecord& record, absl::Time now) {
  if (record.revoked) {
    return Refuse("TOKEN_REVOKED", absl::StrCat("The join token ", record.id, " was revoked"));
  }
  if (now >= record.expires_at) {
    return Refuse("TOKEN_EXPIRED", absl::StrCat("The join token ", record.id, " ended at ",
                                                absl::FormatTime(record.expires_at)));
  }
  return absl::OkStatus();
}

}  // namespace

Tokens::Tokens(TokenStore* store, const CertificateAuthority* ca, Clock* clock, Admission admission)
    : store_(store), ca_(ca), clock_(clock), admission_(std::move(admission)) {}

absl::StatusOr<NewToken> Tokens::Create(const std::map<std::string, std::string>& labels,
                                        absl::Duration life,
                                        const std::string& created_by) {
  if (life == absl::ZeroDuration()) life = kLife;
  if (life < absl::ZeroDuration() || life > kMaxLife) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_LIFE",
                 absl::StrCat("A join token's life of ", absl::FormatDuration(life),
                              " is not between 0 and 24 h; no token was made"));
  }
  const std::string secret = identity::RandomToken(32);
  NewToken token;
  token.record.id = identity::RandomToken(8);
  token.record.secret_sha256 = identity::Sha256Hex(secret);
  token.record.labels = labels;
  token.record.created_by = created_by;
  token.record.created_at = clock_->Now();
  token.record.expires_at = token.record.created_at + life;
  MQ_RETURN_IF_ERROR(store_->Insert(token.record));
  token.text = identity::TokenText({token.record.id, secret, ca_->fingerprint()});
  return token;
}

absl::StatusOr<Enrolled> Tokens::Enrol(const std::string& token,
                                       const std::string& csr_der,
                                       const std::string& hostname) {
  // A text that is no token, an id that nobody made and a wrong secret look alike from outside.
  const absl::Status unknown = Refuse("TOKEN_UNKNOWN", "The join token is not known here");
  const auto parts = identity::ParseToken(token);
  if (!parts.ok()) return unknown;
  MQ_ASSIGN_OR_RETURN(const identity::CsrInfo csr, identity::VerifyCsr(csr_der));
  auto found = store_->Find(parts->id);
  if (absl::IsNotFound(found.status())) return unknown;
  if (!found.ok()) return found.status();
  TokenRecord record = *std::move(found);
  if (!identity::ConstantTimeEquals(identity::Sha256Hex(parts->secret), record.secret_sha256)) {
    return unknown;
  }
  MQ_RETURN_IF_ERROR(CheckUsable(record, clock_->Now()));
  if (admission_ != nullptr) MQ_RETURN_IF_ERROR(admission_(csr.spki_sha256));

  Enrolled out;
  out.repeated = true;
  if (!record.use.has_value()) {
    TokenUse use;
    use.key_sha256 = csr.spki_sha256;
    use.host_id = identity::RandomUuid();
    use.used_at = clock_->Now();
    MQ_ASSIGN_OR_RETURN(use.certificate_pem, ca_->IssueAgent(csr_der, use.host_id));
    // What counts is what the store kept: of two requests at the same time one wins, and the
    // certificate of the other is never handed out.
    MQ_ASSIGN_OR_RETURN(record, store_->MarkUsed(record.id, use, hostname));
    MQ_RETURN_IF_ERROR(CheckUsable(record, clock_->Now()));
    out.repeated = !record.use.has_value() || record.use->host_id != use.host_id;
  }
  if (!record.use.has_value() || record.use->key_sha256 != csr.spki_sha256) {
    return Refuse("TOKEN_USED",
                  absl::StrCat("The join token ", record.id, " was used by another key"));
  }
  out.certificate_pem = record.use->certificate_pem;
  out.host_id = record.use->host_id;
  out.ca_pem = ca_->ca_pem();
  out.trust_domain = ca_->trust_domain();
  out.labels = record.labels;
  return out;
}

absl::StatusOr<std::vector<TokenRecord>> Tokens::List() {
  return store_->List();
}

absl::Status Tokens::Revoke(const std::string& id) {
  return store_->Revoke(id);
}

}  // namespace mailquench::controller
