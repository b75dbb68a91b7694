#include "controller/store/audit_chain.h"

#include "common/status/error.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

// Each field with its length before it, so that no two entries hash the same text.
std::string HashOf(const v1::AuditEntry& e) {
  std::string text;
  for (const std::string& field :
       {std::to_string(e.sequence()), std::to_string(e.time().seconds()),
        std::to_string(e.time().nanos()), e.actor(), e.action(), e.detail(), e.previous_hash()}) {
    text += std::to_string(field.size()) + ":" + field;
  }
  return Sha256(text);
}

}  // namespace

absl::Status AuditChain::Add(const std::string& actor,
                             const std::string& action,
                             const std::string& detail) {
  // The store's own lock, and no other: entries are also made inside of transactions, which hold
  // it.
  return store_->Transaction([&]() -> absl::Status { return Append(actor, action, detail); });
}

absl::Status AuditChain::Append(const std::string& actor,
                                const std::string& action,
                                const std::string& detail) {
  MQ_ASSIGN_OR_RETURN(const v1::AuditEntry last, store_->LastAudit());
  v1::AuditEntry entry;
  const std::int64_t nanos = absl::ToUnixNanos(clock_->Now());
  entry.set_sequence(last.sequence() + 1);
  entry.mutable_time()->set_seconds(nanos / 1000000000);
  entry.mutable_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
  entry.set_actor(actor);
  entry.set_action(action);
  entry.set_detail(detail);
  entry.set_previous_hash(last.hash());
  entry.set_hash(HashOf(entry));
  return store_->InsertAudit(entry);
}

absl::StatusOr<v1::VerifyResponse> AuditChain::Verify() {
  v1::VerifyResponse response;
  std::int64_t after = 0;
  std::string previous;
  while (true) {
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::AuditEntry> page, store_->AuditEntries(after, 1000));
    for (const v1::AuditEntry& entry : page) {
      std::string fault;
      if (entry.sequence() != after + 1) {
        fault = "entry " + std::to_string(after + 1) + " is missing";
      } else if (entry.previous_hash() != previous) {
        fault = "entry " + std::to_string(entry.sequence()) + " does not follow the one before it";
      } else if (entry.hash() != HashOf(entry)) {
        fault = "entry " + std::to_string(entry.sequence()) + " was changed after it was written";
      }
      if (!fault.empty()) {
        response.set_first_broken_sequence(after + 1);
        response.set_detail(fault);
        return response;
      }
      after = entry.sequence();
      previous = entry.hash();
      response.set_entries(response.entries() + 1);
    }
    if (page.empty()) break;
  }
  response.set_intact(true);
  return response;
}

}  // namespace mailquench::controller
