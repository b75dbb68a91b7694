#include "controller/api/serve.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/api/authorization.h"

namespace mailquench::controller {
namespace {
constexpr absl::Duration kSayRefusedAgain = absl::Minutes(10);
constexpr std::size_t kMostRefused = 10000;
}  // namespace

absl::StatusOr<rpc::Peer> Gate::Authorize(const grpc::ServerContextBase& context,
                                          const std::string& method) {
  absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(context);
  if (!peer.ok()) return peer.status();
  absl::Status access = CheckRevoked(*peer);
  if (access.ok()) access = CheckAccess(peer->id, method);
  if (access.ok()) return peer;
  NoteRefusal(*peer, method, access);
  return access;
}

absl::Status Gate::CheckRevoked(const rpc::Peer& peer) {
  // Agents are put out by evicting or banning their host.
  if (peer.id.kind != identity::Kind::kOperator) return absl::OkStatus();
  return revocations_->Check(peer.id.name, peer.serial, peer.not_before);
}

void Gate::NoteRefusal(const rpc::Peer& peer, const std::string& method, const absl::Status& why) {
  if (why.ok()) return;
  const std::string reason = ReasonOf(why);
  // The refused must not be able to fill the disk with their own refusals.
  std::int64_t before = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (reason == "CERTIFICATE_REVOKED" && !noted_.insert(peer.serial).second) return;
    const absl::Time now = absl::Now();
    if (refusals_.size() > kMostRefused) refusals_.clear();
    const auto [found, first] = refusals_.try_emplace(
        absl::StrCat(peer.serial, " ", method, " ", reason), Refusals{now, 0});
    if (!first && now - found->second.last < kSayRefusedAgain) {
      ++found->second.since;
      return;
    }
    before = found->second.since;
    found->second = {now, 0};
  }
  spdlog::warn("denied: {}: {}", method, std::string(why.message()));
  if (reason == "REVOCATIONS_UNREADABLE") return;
  const nlohmann::json detail = {{"method", method},
                                 {"caller", peer.id.ToUri()},
                                 {"serial", peer.serial},
                                 {"reason", reason},
                                 {"as_before", before}};
  // An agent as in its other entries: its name alone could be an operator's.
  const bool agent = peer.id.kind == identity::Kind::kAgent;
  const absl::Status audited =
      core_->Audit(agent ? "agent/" + peer.id.name : peer.id.name, "denied", detail.dump());
  if (!audited.ok()) spdlog::error("audit: {}", std::string(audited.message()));
}

}  // namespace mailquench::controller
