#include "controller/app/token_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

TokenRecord FromRow(const TokenRow& row) {
  TokenRecord record;
  record.id = row.id;
  record.secret_sha256 = row.secret_hash;
  record.labels = row.labels;
  record.created_by = row.created_by;
  record.created_at = absl::InfinitePast();  // Not kept; the audit log has it.
  record.expires_at = row.expire;
  record.revoked = row.revoked;
  if (!row.used_key_fingerprint.empty()) {
    record.use =
        TokenUse{row.used_key_fingerprint, row.host_id, row.certificate_pem, absl::InfinitePast()};
  }
  return record;
}

}  // namespace

absl::Status CoreTokenStore::Insert(const TokenRecord& record) {
  TokenRow row;
  row.id = record.id;
  row.secret_hash = record.secret_sha256;
  row.labels = record.labels;
  row.expire = record.expires_at;
  row.created_by = record.created_by;
  return core_->InsertToken(row);
}

absl::StatusOr<TokenRecord> CoreTokenStore::Find(const std::string& id) {
  MQ_ASSIGN_OR_RETURN(const TokenRow row, core_->FindToken(id));
  return FromRow(row);
}

absl::StatusOr<TokenRecord> CoreTokenStore::MarkUsed(const std::string& id,
                                                     const TokenUse& use,
                                                     const std::string&) {
  absl::Status marked = core_->MarkTokenUsed(id, use.key_sha256, use.certificate_pem, use.host_id);
  // Whoever lost the race reads what the winner wrote; a token that was revoked or ran out
  // meanwhile is refused.
  if (!marked.ok() && ReasonOf(marked) != "TOKEN_USED") return marked;
  return Find(id);
}

absl::StatusOr<std::vector<TokenRecord>> CoreTokenStore::List() {
  MQ_ASSIGN_OR_RETURN(const std::vector<TokenRow> rows, core_->ListTokens());
  std::vector<TokenRecord> records;
  records.reserve(rows.size());
  for (const TokenRow& row : rows) records.push_back(FromRow(row));
  return records;
}

absl::Status CoreTokenStore::Revoke(const std::string& id) {
  return core_->RevokeToken(id, "controller");
}

absl::Status AdmitKey(Core* core, const std::string& key_sha256) {
  MQ_ASSIGN_OR_RETURN(const std::vector<TokenRow> rows, core->ListTokens());
  for (const TokenRow& row : rows) {
    if (row.used_key_fingerprint != key_sha256) continue;
    const absl::StatusOr<v1::Host> host = core->FindHost(row.host_id);
    if (host.ok() && host->state() == v1::HOST_STATE_BANNED) {
      return Error(absl::StatusCode::kPermissionDenied, "HOST_BANNED",
                   absl::StrCat("this host enrolled before as ", host->name(),
                                ", which is banned; it may not enrol again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
