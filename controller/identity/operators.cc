#include "controller/identity/operators.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/folder.h"
#include "controller/identity/issued.h"
#include "controller/identity/revocations.h"

namespace mailquench::controller {
namespace {

// Whether something is at `path`. What cannot be looked at counts as there.
absl::Status CheckNotFolderOfCa(const std::string& dir, const std::string& out) {
  struct stat of_ca = {};
  struct stat of_out = {};
  if (::stat(dir.c_str(), &of_ca) != 0) return SystemError(errno, absl::StrCat("stat ", dir));
  const bool there = ::stat(out.c_str(), &of_out) == 0;
  const bool same = there && of_ca.st_dev == of_out.st_dev && of_ca.st_ino == of_out.st_ino;
  if (!same && !MayExist(absl::StrCat(out, "/ca.key"))) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "OUT_IS_CA_FOLDER",
               absl::StrCat(out,
                            " is the folder of a CA; nothing was issued and nothing was touched. "
                            "Choose a folder of its own for this operator"));
}

absl::Status CheckFree(const OperatorFiles& files, const std::string& ca_pem) {
  for (const std::string& path : {files.key, files.certificate}) {
    if (!MayExist(path)) continue;
    return Error(
        absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
        absl::StrCat(path,
                     " is there already; nothing was issued and nothing was touched. Choose "
                     "another folder, or move it away"));
  }
  if (!MayExist(files.ca)) return absl::OkStatus();
  const absl::StatusOr<std::string> other = identity::ReadFile(files.ca);
  if (other.ok() && *other == ca_pem) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
               absl::StrCat(files.ca,
                            " is there already and is not this CA's; nothing was issued and "
                            "nothing was touched. Choose another folder"));
}

}  // namespace

absl::StatusOr<OperatorFiles> IssueOperatorFiles(const std::string& dir,
                                                 const NewOperator& wish,
                                                 Clock* clock) {
  MQ_RETURN_IF_ERROR(CheckOperatorName(wish.name));
  MQ_ASSIGN_OR_RETURN(const auto ca, CertificateAuthority::Load(dir, clock));
  MQ_RETURN_IF_ERROR(CheckNotFolderOfCa(dir, wish.out));
  const std::string base = absl::StrCat(wish.out, "/", wish.name);
  const OperatorFiles files{base + ".key", base + ".pem", wish.out + "/ca.pem"};
  MQ_RETURN_IF_ERROR(CheckFree(files, ca->ca_pem()));
  MQ_ASSIGN_OR_RETURN(const std::vector<Revocation> revoked, ReadRevocations(dir));
  MQ_ASSIGN_OR_RETURN(
      const KeyAndCertificate issued,
      ca->IssueOperator(wish.name, wish.role, wish.life, EarliestStart(revoked, wish.name)));
  MQ_ASSIGN_OR_RETURN(const auto info, identity::ParseCertificate(issued.certificate_pem));
  if (::mkdir(wish.out.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(errno, absl::StrCat("mkdir ", wish.out));
  }
  // First, so that nobody holds a certificate that the list lacks.
  MQ_RETURN_IF_ERROR(RecordIssued(dir, info, clock->Now()));
  MQ_RETURN_IF_ERROR(identity::CreateSecretFile(files.key, issued.key_pem));
  absl::Status rest = identity::CreatePublicFile(files.certificate, issued.certificate_pem);
  if (!rest.ok()) {
    ::unlink(files.key.c_str());
    return rest;
  }
  if (!MayExist(files.ca)) rest = identity::CreatePublicFile(files.ca, ca->ca_pem());
  if (!rest.ok()) {
    ::unlink(files.key.c_str());
    ::unlink(files.certificate.c_str());
    return rest;
  }
  return files;
}

absl::StatusOr<std::string> SerialOfOperator(const std::string& dir, const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string pem, identity::ReadFile(path));
  MQ_ASSIGN_OR_RETURN(const std::string ca, identity::ReadFile(absl::StrCat(dir, "/ca.pem")));
  const auto info = identity::ParseCertificate(pem);
  if (!info.ok()) return Prepend(info.status(), path);
  MQ_RETURN_IF_ERROR(Prepend(identity::CheckIssuedBy(pem, ca, info->not_before), path));
  if (info->id.kind == identity::Kind::kOperator) return info->serial;
  return Error(absl::StatusCode::kInvalidArgument, "NOT_AN_OPERATOR",
               absl::StrCat(path, " is the certificate of an ", identity::KindName(info->id.kind),
                            ", not of an operator; nothing was revoked. A host is put out with "
                            "`mailquench host evict` or `host ban`"));
}

}  // namespace mailquench::controller
