#include "controller/identity/ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

namespace ossl = identity::ossl;
constexpr absl::Duration kBackdate = absl::Minutes(1);

std::string Join(const std::string& dir, const char* name) {
  return absl::StrCat(dir, "/", name);
}

// What differs between the certificates that are made here.
struct Contents {
  std::string common_name;
  std::string alternative_names;  // In OpenSSL's configuration syntax; every part is checked first.
  std::string basic_constraints;
  std::string key_usage;
  std::string extended_usage;  // Empty: none.
  absl::Time not_before;
  absl::Time not_after;
};

absl::Status AddExtension(X509* certificate, X509V3_CTX* context, int nid, const std::string& v) {
  const ossl::Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, v.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return ossl::Failure("add an extension to a certificate");
  }
  return absl::OkStatus();
}

absl::Status SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return ossl::Failure("draw a serial");
  // Always 32 hex digits, so that it reads the same everywhere.
  bytes[0] |= 0x40;
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  const bool set = number != nullptr &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set ? absl::OkStatus() : ossl::Failure("set a serial");
}

absl::StatusOr<std::string> Sign(const Contents& contents,
                                 EVP_PKEY* subject_key,
                                 EVP_PKEY* issuer_key,
                                 X509* issuer) {
  const ossl::Cert certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1) {
    return ossl::Failure("make a certificate");
  }
  X509* const raw = certificate.get();
  MQ_RETURN_IF_ERROR(SetSerial(raw));
  X509* const signer = issuer == nullptr ? raw : issuer;
  if (X509_NAME_add_entry_by_txt(
          X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
          reinterpret_cast<const unsigned char*>(contents.common_name.c_str()), -1, -1, 0) != 1 ||
      X509_set_issuer_name(raw, X509_get_subject_name(signer)) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(raw), absl::ToTimeT(contents.not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(raw), absl::ToTimeT(contents.not_after)) == nullptr ||
      X509_set_pubkey(raw, subject_key) != 1) {
    return ossl::Failure("fill a certificate");
  }
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, signer, raw, nullptr, nullptr, 0);
  const std::pair<int, std::string> extensions[] = {
      {NID_basic_constraints, contents.basic_constraints},
      {NID_key_usage, contents.key_usage},
      {NID_ext_key_usage, contents.extended_usage},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, issuer == nullptr ? "" : "keyid:always"},
      {NID_subject_alt_name, contents.alternative_names},
  };
  for (const auto& [nid, value] : extensions) {
    if (!value.empty()) MQ_RETURN_IF_ERROR(AddExtension(raw, &context, nid, value));
  }
  if (X509_sign(raw, issuer_key, EVP_sha256()) <= 0) return ossl::Failure("sign a certificate");
  return ossl::CertPem(raw);
}

// A leaf for `subject_key`, signed by the CA. `more_names` begins with a comma or is empty.
absl::StatusOr<std::string> IssueLeaf(const std::string& ca_key_pem,
                                      const std::string& ca_pem,
                                      EVP_PKEY* subject_key,
                                      const identity::SpiffeId& id,
                                      const std::string& more_names,
                                      const std::string& usage,
                                      absl::Duration life,
                                      absl::Time now,
                                      absl::Time earliest = absl::InfinitePast()) {
  MQ_ASSIGN_OR_RETURN(const ossl::Key ca_key, ossl::ReadKey(ca_key_pem));
  MQ_ASSIGN_OR_RETURN(const ossl::Cert ca, ossl::ReadCert(ca_pem));
  const absl::Time ca_end = ossl::ToTime(X509_get0_notAfter(ca.get()));
  if (now >= ca_end) {
    return Error(absl::StatusCode::kFailedPrecondition, "CA_EXPIRED",
                 absl::StrCat("The CA ended at ", absl::FormatTime(ca_end),
                              ", hence no certificate was issued. Make a new CA"));
  }
  Contents contents;
  contents.common_name = id.name;
  contents.alternative_names = absl::StrCat("URI:", id.ToUri(), more_names);
  contents.basic_constraints = "critical,CA:FALSE";
  contents.key_usage = "critical,digitalSignature";
  contents.extended_usage = usage;
  contents.not_before = std::max(now - kBackdate, earliest);
  contents.not_after = std::min(now + life, ca_end);
  return Sign(contents, subject_key, ca_key.get(), ca.get());
}

absl::StatusOr<std::string> MoreNames(const ControllerNames& names) {
  std::string out;
  for (const std::string& dns : names.dns) {
    // The same letters as a trust domain: nothing that the configuration syntax would read as its
    // own.
    if (!identity::CheckTrustDomain(dns).ok()) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_DNS_NAME",
                   absl::StrCat("\"", dns, "\" is not a lower-case DNS name; nothing was issued"));
    }
    absl::StrAppend(&out, ",DNS:", dns);
  }
  for (const std::string& ip : names.ip) {
    ASN1_OCTET_STRING* const parsed = a2i_IPADDRESS(ip.c_str());
    if (parsed == nullptr) {
      ERR_clear_error();
      return Error(absl::StatusCode::kInvalidArgument, "BAD_IP_ADDRESS",
                   absl::StrCat("\"", ip, "\" is not an IP address; nothing was issued"));
    }
    ASN1_OCTET_STRING_free(parsed);
    absl::StrAppend(&out, ",IP:", ip);
  }
  return out;
}

absl::Status CheckLife(absl::Duration life, absl::Duration max) {
  if (life > absl::ZeroDuration() && life <= max) return absl::OkStatus();
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_LIFE",
      absl::StrCat("A certificate's life of ", absl::FormatDuration(life), " is not between 0 and ",
                   absl::FormatDuration(max), "; nothing was issued"));
}

// The trust domain is kept in the CA itself, as its one URI name: spiffe://TD
absl::StatusOr<std::string> TrustDomainOf(X509* ca) {
  const ossl::Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(ca, NID_subject_alt_name, nullptr, nullptr)));
  constexpr char kScheme[] = "spiffe://";
  if (X509_check_ca(ca) == 1 && names != nullptr && sk_GENERAL_NAME_num(names.get()) == 1) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), 0);
    if (name->type == GEN_URI) {
      const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
      const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                            static_cast<std::size_t>(ASN1_STRING_length(text)));
      if (uri.rfind(kScheme, 0) == 0) {
        std::string domain = uri.substr(sizeof kScheme - 1);
        if (identity::CheckTrustDomain(domain).ok()) return domain;
      }
    }
  }
  return Error(absl::StatusCode::kFailedPrecondition, "BAD_CA",
               "ca.pem is not a CA that `mailquench-controller init` made; it was left as it is. "
               "Restore it from a copy");
}

}  // namespace

absl::Status CheckOperatorName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  if (lower == "controller" || lower == "ca" || absl::StartsWith(lower, "host:")) {
    return Error(absl::StatusCode::kInvalidArgument, "RESERVED_NAME",
                 absl::StrCat("\"", name,
                              "\" cannot be an operator's name, since the audit log or the CA's "
                              "files use it; nothing was issued. Choose the name of a person"));
  }
  return identity::CheckName(name);
}

CertificateAuthority::CertificateAuthority(std::string trust_domain,
                                           std::string key_pem,
                                           std::string ca_pem,
                                           std::string fingerprint,
                                           Clock* clock)
    : trust_domain_(std::move(trust_domain)),
      key_pem_(std::move(key_pem)),
      ca_pem_(std::move(ca_pem)),
      fingerprint_(std::move(fingerprint)),
      clock_(clock) {}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Create(
    const std::string& trust_domain, Clock* clock) {
  MQ_RETURN_IF_ERROR(identity::CheckTrustDomain(trust_domain));
  MQ_ASSIGN_OR_RETURN(std::string key_pem, identity::NewKeyPem());
  MQ_ASSIGN_OR_RETURN(const ossl::Key key, ossl::ReadKey(key_pem));
  Contents contents;
  contents.common_name = "Mailquench CA " + identity::RandomToken(4);
  contents.alternative_names = "URI:spiffe://" + trust_domain;
  contents.basic_constraints = "critical,CA:TRUE,pathlen:0";
  contents.key_usage = "critical,keyCertSign,cRLSign";
  contents.not_before = clock->Now() - kBackdate;
  contents.not_after = clock->Now() + kCaLife;
  MQ_ASSIGN_OR_RETURN(std::string ca_pem, Sign(contents, key.get(), key.get(), nullptr));
  MQ_ASSIGN_OR_RETURN(std::string fingerprint, identity::CertificateSpkiSha256(ca_pem));
  return std::unique_ptr<CertificateAuthority>(new CertificateAuthority(
      trust_domain, std::move(key_pem), std::move(ca_pem), std::move(fingerprint), clock));
}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Load(
    const std::string& dir, Clock* clock) {
  MQ_ASSIGN_OR_RETURN(std::string key_pem, identity::ReadFile(Join(dir, "ca.key")));
  MQ_ASSIGN_OR_RETURN(std::string ca_pem, identity::ReadFile(Join(dir, "ca.pem")));
  MQ_RETURN_IF_ERROR(identity::CheckKeyMatches(key_pem, ca_pem));
  MQ_ASSIGN_OR_RETURN(const ossl::Cert ca, ossl::ReadCert(ca_pem));
  MQ_ASSIGN_OR_RETURN(std::string trust_domain, TrustDomainOf(ca.get()));
  MQ_ASSIGN_OR_RETURN(std::string fingerprint, identity::CertificateSpkiSha256(ca_pem));
  return std::unique_ptr<CertificateAuthority>(
      new CertificateAuthority(std::move(trust_domain), std::move(key_pem), std::move(ca_pem),
                               std::move(fingerprint), clock));
}

absl::Status CertificateAuthority::Save(const std::string& dir) const {
  MQ_RETURN_IF_ERROR(identity::WriteSecretFile(Join(dir, "ca.key"), key_pem_));
  return identity::WritePublicFile(Join(dir, "ca.pem"), ca_pem_);
}

absl::StatusOr<KeyAndCertificate> CertificateAuthority::IssueController(
    const std::string& name, const ControllerNames& names) const {
  KeyAndCertificate out;
  MQ_ASSIGN_OR_RETURN(out.key_pem, identity::NewKeyPem());
  MQ_ASSIGN_OR_RETURN(out.certificate_pem, CertifyController(out.key_pem, name, names));
  return out;
}

absl::StatusOr<std::string> CertificateAuthority::CertifyController(
    const std::string& key_pem, const std::string& name, const ControllerNames& names) const {
  MQ_RETURN_IF_ERROR(identity::CheckName(name));
  MQ_ASSIGN_OR_RETURN(const std::string more, MoreNames(names));
  MQ_ASSIGN_OR_RETURN(const ossl::Key key, ossl::ReadKey(key_pem));
  return IssueLeaf(key_pem_, ca_pem_, key.get(),
                   {trust_domain_, identity::Kind::kController, name, identity::Role::kViewer},
                   more, "serverAuth,clientAuth", kControllerLife, clock_->Now());
}

absl::StatusOr<KeyAndCertificate> CertificateAuthority::IssueOperator(const std::string& name,
                                                                      identity::Role role,
                                                                      absl::Duration life,
                                                                      absl::Time not_before) const {
  MQ_RETURN_IF_ERROR(CheckOperatorName(name));
  MQ_RETURN_IF_ERROR(CheckLife(life, kMaxOperatorLife));
  KeyAndCertificate out;
  MQ_ASSIGN_OR_RETURN(out.key_pem, identity::NewKeyPem());
  MQ_ASSIGN_OR_RETURN(const ossl::Key key, ossl::ReadKey(out.key_pem));
  MQ_ASSIGN_OR_RETURN(out.certificate_pem,
                      IssueLeaf(key_pem_, ca_pem_, key.get(),
                                {trust_domain_, identity::Kind::kOperator, name, role}, "",
                                "clientAuth", life, clock_->Now(), not_before));
  return out;
}

absl::StatusOr<std::string> CertificateAuthority::IssueAgent(const std::string& csr_der,
                                                             const std::string& uuid,
                                                             absl::Duration life) const {
  if (!identity::IsUuid(uuid)) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_HOST_ID",
                 absl::StrCat("\"", uuid, "\" is no UUID; nothing was issued"));
  }
  MQ_RETURN_IF_ERROR(CheckLife(life, kCaLife));
  MQ_ASSIGN_OR_RETURN(const identity::CsrInfo csr, identity::VerifyCsr(csr_der));
  const auto* at = reinterpret_cast<const unsigned char*>(csr.spki_der.data());
  const ossl::Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(csr.spki_der.size())));
  if (key == nullptr) return ossl::Failure("read the key of a request");
  return IssueLeaf(key_pem_, ca_pem_, key.get(),
                   {trust_domain_, identity::Kind::kAgent, uuid, identity::Role::kViewer}, "",
                   "clientAuth", life, clock_->Now());
}

}  // namespace mailquench::controller
