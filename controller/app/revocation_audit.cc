#include "controller/app/revocation_audit.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "common/status/error.h"
#include "controller/identity/folder.h"

namespace mailquench::controller {
namespace {

constexpr char kAction[] = "operator.revoke";

std::string DetailOf(const Revocation& one) {
  const nlohmann::json detail = {{one.by == Revocation::By::kName ? "name" : "serial", one.value},
                                 {"revoked_at", TimeText(one.at)},
                                 {"reason", one.reason}};
  // The file is edited by hand, too, and need not be UTF-8.
  return detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::Status RevocationAudit::Record(const Revocation& revocation) {
  absl::Status status = LoadRecorded();
  const std::string detail = DetailOf(revocation);
  if (status.ok() && recorded_.count(detail) > 0) return absl::OkStatus();
  if (status.ok()) status = core_->Audit("controller", kAction, detail);
  if (!status.ok()) {
    spdlog::error("a revocation is in force but not in the audit log: {}",
                  std::string(status.message()));
    return status;
  }
  spdlog::warn("revoked: {}", revocation.ToLine());
  recorded_.insert(detail);
  return absl::OkStatus();
}

absl::Status RevocationAudit::LoadRecorded() {
  v1::ListEntriesRequest request;
  while (!loaded_) {
    MQ_ASSIGN_OR_RETURN(const v1::ListEntriesResponse page, core_->ListAuditEntries(request));
    for (const v1::AuditEntry& entry : page.entries()) {
      request.set_after_sequence(entry.sequence());
      if (entry.action() == kAction) recorded_.insert(entry.detail());
    }
    loaded_ = page.entries_size() == 0;
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
