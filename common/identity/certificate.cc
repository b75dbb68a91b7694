#include "common/identity/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

absl::Status BadCsr(const char* why) {
  ERR_clear_error();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CSR",
               absl::StrCat("The certificate request ", why,
                            "; nothing was issued. Make a new one on the host"));
}

absl::Status NotP256(const char* what) {
  return Error(absl::StatusCode::kInvalidArgument, "KEY_NOT_P256",
               absl::StrCat("The key of the ", what,
                            " is not on the curve P-256, the only one that is accepted; nothing "
                            "was issued. Make the key anew"));
}

absl::StatusOr<std::string> OneUri(X509* certificate) {
  const ossl::Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string uri;
  int count = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    ++count;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uri.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
               static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  if (count == 1) return uri;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SPIFFE_ID",
               absl::StrCat("The certificate names ", count,
                            " URIs where exactly one SPIFFE id is needed; it was not accepted"));
}

}  // namespace

namespace ossl {

absl::Status Failure(const char* what) {
  char text[256] = "no detail";
  const unsigned long code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return Error(absl::StatusCode::kInternal, "OPENSSL_FAILED",
               absl::StrCat("OpenSSL could not ", what, " (", text, ")"));
}

bool IsP256(const EVP_PKEY* key) {
  if (key == nullptr || EVP_PKEY_is_a(key, "EC") != 1) return false;
  char group[64];
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string(group, size) == "prime256v1";
}

absl::StatusOr<Key> ReadKey(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // A callback that gives no password: the default one would ask on the terminal.
  Key key(PEM_read_bio_PrivateKey(
      bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_KEY",
                 "The private key is no unencrypted PEM key; it was left as it is. Restore it "
                 "from a copy or make a new identity");
  }
  if (!IsP256(key.get())) return NotP256("file");
  return key;
}

absl::StatusOr<Cert> ReadCert(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Cert certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_CERTIFICATE",
                 "This is no PEM certificate; it was not accepted. Restore the file from a copy "
                 "or ask for a new certificate");
  }
  return certificate;
}

absl::StatusOr<std::string> SpkiDer(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return Failure("encode a public key");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<std::string> CertPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return Failure("write a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace ossl

absl::StatusOr<std::string> NewKeyPem() {
  const ossl::Key key(EVP_EC_gen("P-256"));
  const ossl::Bio bio(BIO_new(BIO_s_secmem()));
  if (key == nullptr || bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return ossl::Failure("make a key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::StatusOr<std::string> KeySpkiSha256(const std::string& key_pem) {
  MQ_ASSIGN_OR_RETURN(const ossl::Key key, ossl::ReadKey(key_pem));
  MQ_ASSIGN_OR_RETURN(const std::string der, ossl::SpkiDer(key.get()));
  return Sha256Hex(der);
}

absl::StatusOr<std::string> MakeCsrDer(const std::string& key_pem) {
  MQ_ASSIGN_OR_RETURN(const ossl::Key key, ossl::ReadKey(key_pem));
  const ossl::Request request(X509_REQ_new());
  X509_NAME* subject = request == nullptr ? nullptr : X509_REQ_get_subject_name(request.get());
  if (subject == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("mailquench"), -1, -1,
                                 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0) {
    return ossl::Failure("make a certificate request");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size <= 0) return ossl::Failure("encode a certificate request");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<CsrInfo> VerifyCsr(const std::string& csr_der) {
  constexpr std::size_t kMaxCsr = 16 << 10;
  if (csr_der.empty() || csr_der.size() > kMaxCsr) return BadCsr("is empty or over 16 KiB");
  const auto* at = reinterpret_cast<const unsigned char*>(csr_der.data());
  const unsigned char* const end = at + csr_der.size();
  const ossl::Request request(d2i_X509_REQ(nullptr, &at, static_cast<long>(csr_der.size())));
  if (request == nullptr || at != end) return BadCsr("is not PKCS#10 in DER");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) return BadCsr("carries no readable key");
  if (!ossl::IsP256(key)) return NotP256("certificate request");
  if (X509_REQ_verify(request.get(), key) != 1) return BadCsr("is not signed with its own key");
  CsrInfo info;
  MQ_ASSIGN_OR_RETURN(info.spki_der, ossl::SpkiDer(key));
  info.spki_sha256 = Sha256Hex(info.spki_der);
  return info;
}

absl::StatusOr<CertificateInfo> ParseCertificate(const std::string& pem) {
  MQ_ASSIGN_OR_RETURN(const ossl::Cert certificate, ossl::ReadCert(pem));
  MQ_ASSIGN_OR_RETURN(const std::string uri, OneUri(certificate.get()));
  CertificateInfo info;
  MQ_ASSIGN_OR_RETURN(info.id, ParseSpiffeId(uri));
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr);
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number);
  BN_free(number);
  if (hex == nullptr) return ossl::Failure("read a serial");
  info.serial = absl::AsciiStrToLower(hex);
  OPENSSL_free(hex);
  info.not_before = ossl::ToTime(X509_get0_notBefore(certificate.get()));
  info.not_after = ossl::ToTime(X509_get0_notAfter(certificate.get()));
  MQ_ASSIGN_OR_RETURN(info.spki_sha256, CertificateSpkiSha256(pem));
  return info;
}

absl::StatusOr<std::string> CertificateSpkiSha256(const std::string& pem) {
  MQ_ASSIGN_OR_RETURN(const ossl::Cert certificate, ossl::ReadCert(pem));
  EVP_PKEY* const key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) return ossl::Failure("read a certificate's key");
  MQ_ASSIGN_OR_RETURN(const std::string der, ossl::SpkiDer(key));
  return Sha256Hex(der);
}

absl::Status CheckKeyMatches(const std::string& key_pem, const std::string& certificate_pem) {
  MQ_ASSIGN_OR_RETURN(const std::string key, KeySpkiSha256(key_pem));
  MQ_ASSIGN_OR_RETURN(const std::string certificate, CertificateSpkiSha256(certificate_pem));
  if (key == certificate) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "KEY_MISMATCH",
               "The certificate was not made for this private key; both were left as they are. "
               "Put the two files of one pair together");
}

absl::Status CheckIssuedBy(const std::string& certificate_pem,
                           const std::string& ca_pem,
                           absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const ossl::Cert certificate, ossl::ReadCert(certificate_pem));
  MQ_ASSIGN_OR_RETURN(const ossl::Cert ca, ossl::ReadCert(ca_pem));
  const bool issued = X509_check_issued(ca.get(), certificate.get()) == X509_V_OK &&
                      X509_verify(certificate.get(), X509_get0_pubkey(ca.get())) == 1;
  ERR_clear_error();
  if (!issued) {
    return Error(absl::StatusCode::kUnauthenticated, "CERTIFICATE_FOREIGN",
                 "The certificate was not issued by this CA; it was not accepted. Enrol with this "
                 "controller, or use the CA file of the right one");
  }
  const absl::Time not_before = ossl::ToTime(X509_get0_notBefore(certificate.get()));
  const absl::Time not_after = ossl::ToTime(X509_get0_notAfter(certificate.get()));
  if (now < not_before) {
    return Error(absl::StatusCode::kUnauthenticated, "CERTIFICATE_NOT_YET_VALID",
                 absl::StrCat("The certificate is valid only from ", absl::FormatTime(not_before),
                              " on; check this machine's clock"));
  }
  if (now >= not_after) {
    return Error(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED",
                 absl::StrCat("The certificate ended at ", absl::FormatTime(not_after),
                              "; ask for a new one (a host: enrol again with a new token)"));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::identity
