#include "controller/identity/renew.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"
#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/ca.h"
#include "controller/identity/folder.h"

namespace mailquench::controller {
namespace {

namespace ossl = identity::ossl;

absl::Status CannotCarry(const char* what) {
  return Error(absl::StatusCode::kFailedPrecondition, "UNKNOWN_NAME",
               absl::StrCat("the present certificate has ", what,
                            ", which a new one could not carry; nothing was renewed"));
}

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// The names by which it is reached; the URI name is its identity.
absl::StatusOr<ControllerNames> NamesOf(const std::string& pem) {
  MQ_ASSIGN_OR_RETURN(const ossl::Cert certificate, ossl::ReadCert(pem));
  const ossl::Names all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  ControllerNames names;
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_URI) continue;
    if (name->type == GEN_DNS) {
      names.dns.push_back(TextOf(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      const std::string bytes = TextOf(name->d.iPAddress);
      char text[INET6_ADDRSTRLEN];
      if (bytes.size() != 4 && bytes.size() != 16) return CannotCarry("an odd IP address");
      ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
      names.ip.push_back(text);
    } else {
      return CannotCarry("a name that is neither DNS nor IP nor URI");
    }
  }
  return names;
}

}  // namespace

absl::StatusOr<Renewed> RenewController(const ControllerFiles& files, Clock* clock) {
  MQ_ASSIGN_OR_RETURN(const auto ca, CertificateAuthority::Load(files.identity_dir, clock));
  MQ_ASSIGN_OR_RETURN(const std::string key, identity::ReadFile(files.key));
  MQ_ASSIGN_OR_RETURN(const std::string old, identity::ReadFile(files.certificate));
  const auto info = identity::ParseCertificate(old);
  if (!info.ok()) return Prepend(info.status(), files.certificate);
  MQ_RETURN_IF_ERROR(Prepend(identity::CheckKeyMatches(key, old), files.certificate));
  // Whatever the date: one that has ended is renewed like any other.
  MQ_RETURN_IF_ERROR(
      Prepend(identity::CheckIssuedBy(old, ca->ca_pem(), info->not_before), files.certificate));
  if (info->id.kind != identity::Kind::kController) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_CONTROLLER",
                 absl::StrCat(files.certificate, " is of ", info->id.ToUri(),
                              ", which is no controller; nothing was renewed"));
  }
  MQ_ASSIGN_OR_RETURN(const ControllerNames names, NamesOf(old));
  MQ_ASSIGN_OR_RETURN(const std::string made, ca->CertifyController(key, info->id.name, names));
  Renewed renewed{*info, {}};
  MQ_ASSIGN_OR_RETURN(renewed.after, identity::ParseCertificate(made));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(files.certificate, made + ca->ca_pem()));
  return renewed;
}

std::string WarningOfEnd(const std::string& certificate_path, absl::Time now) {
  constexpr char kWhatToDo[] =
      "; `mailquench-controller certificate renew` makes a new one, which is taken up without a "
      "restart";
  const absl::StatusOr<std::string> pem = identity::ReadFile(certificate_path);
  const auto info = pem.ok() ? identity::ParseCertificate(*pem)
                             : absl::StatusOr<identity::CertificateInfo>(pem.status());
  if (!info.ok()) {
    return absl::StrCat("cannot tell when the controller's certificate ends: ",
                        Prepend(info.status(), certificate_path).message());
  }
  const absl::Duration left = info->not_after - now;
  if (left >= kWarnBefore) return "";
  if (left <= absl::ZeroDuration()) {
    return absl::StrCat("the controller's certificate ", certificate_path, " ended at ",
                        TimeText(info->not_after), ", so that nobody can connect any more",
                        kWhatToDo);
  }
  return absl::StrCat("the controller's certificate ", certificate_path, " ends in ",
                      left / absl::Hours(24) < 1 ? "less than a day"
                                                 : absl::StrCat(left / absl::Hours(24), " days"),
                      ", at ", TimeText(info->not_after), kWhatToDo);
}

}  // namespace mailquench::controller
