// Antivirus: what persons change, with its entry in the audit log.
#include "absl/strings/str_cat.h"
#include "controller/antivirus/inventory.h"
#include "controller/app/core_impl.h"

namespace mailquench::controller {

// The log has what was imported from where, and not each machine.
absl::StatusOr<v1::ImportInventoryResponse> CoreImpl::ImportInventory(
    const v1::ImportInventoryRequest& r, const std::string& actor) {
  MQ_RETURN_IF_ERROR(CheckInventory(r));
  v1::ImportInventoryRequest said;
  said.set_source(absl::StrCat(r.source().substr(0, 1024), " (", r.machines_size(), " machines)"));
  MQ_RETURN_IF_ERROR(Audit(actor, "antivirus.import-inventory", Json(said)));
  return postures_.Import(r, actor);
}

absl::StatusOr<v1::PostureRow> CoreImpl::WaiveAntivirus(const v1::WaiveHostRequest& r,
                                                        const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(r.host()));
  v1::WaiveHostRequest exact = r;
  exact.set_host(host.host_id());
  MQ_RETURN_IF_ERROR(Audit(actor, "antivirus.waive", Json(exact)));
  return postures_.Waive(exact, actor);
}

}  // namespace mailquench::controller
