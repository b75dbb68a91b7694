#include "agent/link/key_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::agent {

KeyStore::KeyStore(std::string dir) : dir_(std::move(dir)) {}

absl::StatusOr<KeyPair> KeyStore::Load(bool candidate, absl::Time now) const {
  const std::string suffix = candidate ? ".new" : "";
  KeyPair pair;
  pair.candidate = candidate;
  pair.files = {Path("agent.key" + suffix), Path("agent.pem" + suffix), Path("ca.pem")};
  MQ_ASSIGN_OR_RETURN(pair.certificate_pem, identity::ReadFile(pair.files.certificate));
  MQ_RETURN_IF_ERROR(rpc::CheckFiles(pair.files, now));
  MQ_ASSIGN_OR_RETURN(pair.info, identity::ParseCertificate(pair.certificate_pem));
  return pair;
}

absl::StatusOr<std::vector<KeyPair>> KeyStore::Usable(absl::Time now) const {
  std::vector<KeyPair> pairs;
  const absl::StatusOr<KeyPair> candidate = Load(true, now);
  if (candidate.ok()) pairs.push_back(*candidate);
  const absl::StatusOr<KeyPair> current = Load(false, now);
  if (current.ok()) pairs.push_back(*current);
  if (!pairs.empty()) return pairs;
  if (absl::IsNotFound(current.status()) && absl::IsNotFound(candidate.status())) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "NOT_ENROLLED",
        absl::StrCat(dir_, " holds no certificate of this host; run mailquench-agent enrol"));
  }
  return Error(absl::StatusCode::kFailedPrecondition, "CREDENTIALS_UNUSABLE",
               absl::StrCat("the certificate in ", dir_, " cannot be used: ",
                            current.status().message(), "; enrol this host again"));
}

absl::Status KeyStore::StoreCandidate(const std::string& key_pem,
                                      const std::string& certificate_pem,
                                      absl::Time now) {
  const auto bad = [](absl::string_view why) {
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_RENEWAL",
        absl::StrCat("the renewed certificate is not taken, the present one stays in use: ", why));
  };
  if (key_pem.empty()) return bad("none was asked for");
  absl::Status check = identity::CheckKeyMatches(key_pem, certificate_pem);
  if (!check.ok()) return bad(check.message());
  MQ_ASSIGN_OR_RETURN(const std::string ca, identity::ReadFile(Path("ca.pem")));
  check = identity::CheckIssuedBy(certificate_pem, ca, now);
  if (!check.ok()) return bad(check.message());
  const auto info = identity::ParseCertificate(certificate_pem);
  if (!info.ok()) return bad(info.status().message());
  MQ_ASSIGN_OR_RETURN(const std::vector<KeyPair> present, Usable(now));
  if (!(info->id == present.front().info.id)) return bad("it names another host");
  MQ_RETURN_IF_ERROR(identity::WriteKeyFile(Path("agent.key.new"), key_pem));
  return identity::WritePublicFile(Path("agent.pem.new"), certificate_pem);
}

absl::Status KeyStore::Promote() {
  MQ_ASSIGN_OR_RETURN(const std::string key, identity::ReadKeyFile(Path("agent.key.new")));
  MQ_ASSIGN_OR_RETURN(const std::string pem, identity::ReadFile(Path("agent.pem.new")));
  // Copied, not renamed: until both are in place, the candidate stays whole and is found first.
  MQ_RETURN_IF_ERROR(identity::WriteKeyFile(Path("agent.key"), key));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(Path("agent.pem"), pem));
  MQ_RETURN_IF_ERROR(RemoveFile(Path("agent.pem.new")));
  return RemoveFile(Path("agent.key.new"));
}

}  // namespace mailquench::agent
