#include <cstdlib>

#include "absl/time/time.h"
#include "controller/store/ids.h"
#include "controller/store/session.h"
#include "nlohmann/json.hpp"

namespace mailquench::controller {
namespace {

std::int64_t NanosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000000000 + time.nanos();
}

}  // namespace

absl::Status Store::InsertAudit(const v1::AuditEntry& e) {
  return Write("keep an audit entry",
               "INSERT INTO audit VALUES (:n0, :t0, :t1, :t2, :t3, :t4, :t5)",
               {std::to_string(NanosOf(e.time())), e.actor(), e.action(), e.detail(),
                ToHex(e.previous_hash()), ToHex(e.hash())},
               {e.sequence()}, "");
}

absl::StatusOr<std::vector<v1::AuditEntry>> Store::AuditEntries(std::int64_t after,
                                                                std::int64_t limit) {
  std::vector<v1::AuditEntry> entries;
  MQ_RETURN_IF_ERROR(Guard("read its audit log", [&]() -> absl::Status {
    const long long from = after, most = limit;
    soci::rowset<soci::row> rows =
        (sql_->prepare << "SELECT time_ns, actor, action, detail, previous_hash, hash, "
                          "CAST(sequence AS TEXT) || '' FROM audit WHERE sequence > :a "
                          "ORDER BY sequence LIMIT :l",
         soci::use(from), soci::use(most));
    for (const soci::row& row : rows) {
      v1::AuditEntry& e = entries.emplace_back();
      const std::int64_t nanos = std::strtoll(row.get<std::string>(0).c_str(), nullptr, 10);
      e.mutable_time()->set_seconds(nanos / 1000000000);
      e.mutable_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
      e.set_actor(row.get<std::string>(1));
      e.set_action(row.get<std::string>(2));
      e.set_detail(row.get<std::string>(3));
      e.set_previous_hash(FromHex(row.get<std::string>(4)));
      e.set_hash(FromHex(row.get<std::string>(5)));
      e.set_sequence(std::strtoll(row.get<std::string>(6).c_str(), nullptr, 10));
    }
    return absl::OkStatus();
  }));
  return entries;
}

absl::StatusOr<v1::AuditEntry> Store::LastAudit() {
  long long last = 0;
  MQ_RETURN_IF_ERROR(Guard("read its audit log", [&]() -> absl::Status {
    *sql_ << "SELECT COALESCE(MAX(sequence), 0) FROM audit", soci::into(last);
    return absl::OkStatus();
  }));
  if (last == 0) return v1::AuditEntry();
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::AuditEntry> entries, AuditEntries(last - 1, 1));
  return entries.empty() ? v1::AuditEntry() : entries[0];
}

// ---- Tokens

absl::Status Store::InsertToken(const TokenRow& token) {
  return Write("keep a token",
               "INSERT INTO tokens VALUES (:t0, :t1, :t2, :n0, :t3, :n1, :t4, :t5, :t6)",
               {token.id, token.secret_hash, nlohmann::json(token.labels).dump(), token.created_by,
                token.used_key_fingerprint, token.certificate_pem, token.host_id},
               {absl::ToUnixMillis(token.expire), token.revoked ? 1 : 0}, "");
}

absl::Status Store::UpdateToken(const TokenRow& token) {
  return Write("keep a token",
               "UPDATE tokens SET revoked = :n0, key_fingerprint = :t1, certificate_pem = :t2, "
               "host_id = :t3 WHERE token_id = :t0",
               {token.id, token.used_key_fingerprint, token.certificate_pem, token.host_id},
               {token.revoked ? 1 : 0}, "");
}

absl::StatusOr<std::vector<TokenRow>> Store::AllTokens() {
  std::vector<TokenRow> tokens;
  MQ_RETURN_IF_ERROR(Guard("read its tokens", [&]() -> absl::Status {
    TokenRow token;
    std::string labels;
    long long expire = 0;
    int revoked = 0;
    soci::statement statement =
        (sql_->prepare << "SELECT token_id, secret_hash, labels, expire_ms, created_by, revoked, "
                          "key_fingerprint, certificate_pem, host_id FROM tokens ORDER BY rowid",
         soci::into(token.id), soci::into(token.secret_hash), soci::into(labels),
         soci::into(expire), soci::into(token.created_by), soci::into(revoked),
         soci::into(token.used_key_fingerprint), soci::into(token.certificate_pem),
         soci::into(token.host_id));
    statement.execute(false);
    while (statement.fetch()) {
      token.labels = nlohmann::json::parse(labels).get<std::map<std::string, std::string>>();
      token.expire = absl::FromUnixMillis(expire);
      token.revoked = revoked != 0;
      tokens.push_back(token);
    }
    return absl::OkStatus();
  }));
  return tokens;
}

absl::StatusOr<TokenRow> Store::FindToken(const std::string& id) {
  MQ_ASSIGN_OR_RETURN(const std::vector<TokenRow> tokens, AllTokens());
  for (const TokenRow& token : tokens) {
    if (token.id == id) return token;
  }
  return Error(absl::StatusCode::kNotFound, "TOKEN_NOT_FOUND",
               "there is no token " + id + "; nothing was done; ask an admin for a new one");
}

}  // namespace mailquench::controller
