#include "common/identity/certificate.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

std::string CsrOf(EVP_PKEY* key, EVP_PKEY* signer) {
  const ossl::Request request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key);
  X509_REQ_sign(request.get(), signer, EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

TEST(CsrTest, CarriesTheHostsKey) {
  const auto key = NewKeyPem();
  ASSERT_TRUE(key.ok()) << key.status();
  const auto csr = MakeCsrDer(*key);
  ASSERT_TRUE(csr.ok()) << csr.status();
  const auto info = VerifyCsr(*csr);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->spki_sha256, *KeySpkiSha256(*key));
  EXPECT_EQ(info->spki_sha256, Sha256Hex(info->spki_der));
}

TEST(CsrTest, RefusesAnRsaKey) {
  const ossl::Key rsa(EVP_RSA_gen(2048));
  const auto info = VerifyCsr(CsrOf(rsa.get(), rsa.get()));
  EXPECT_EQ(info.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(info.status()), "KEY_NOT_P256");
}

TEST(CsrTest, RefusesAnotherCurve) {
  const ossl::Key p384(EVP_EC_gen("P-384"));
  EXPECT_EQ(ReasonOf(VerifyCsr(CsrOf(p384.get(), p384.get())).status()), "KEY_NOT_P256");
}

TEST(CsrTest, RefusesARequestThatItsKeyDidNotSign) {
  const ossl::Key key(EVP_EC_gen("P-256"));
  const ossl::Key other(EVP_EC_gen("P-256"));
  EXPECT_TRUE(VerifyCsr(CsrOf(key.get(), key.get())).ok());
  EXPECT_EQ(ReasonOf(VerifyCsr(CsrOf(key.get(), other.get())).status()), "BAD_CSR");
}

TEST(CsrTest, RefusesBytesThatAreNoRequestAtEveryLengthAndWithATail) {
  const std::string csr = *MakeCsrDer(*NewKeyPem());
  for (std::size_t size = 0; size < csr.size(); ++size) {
    EXPECT_FALSE(VerifyCsr(csr.substr(0, size)).ok()) << size;
  }
  EXPECT_EQ(ReasonOf(VerifyCsr(csr + "x").status()), "BAD_CSR");
  EXPECT_EQ(ReasonOf(VerifyCsr(std::string(1 << 20, 'x')).status()), "BAD_CSR");
}

std::string CertificateNaming(const char* names) {
  const ossl::Key key(EVP_EC_gen("P-256"));
  const ossl::Cert certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 0xabc);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 60);
  X509_set_pubkey(certificate.get(), key.get());
  const ossl::Extension extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names));
  X509_add_ext(certificate.get(), extension.get(), -1);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return *ossl::CertPem(certificate.get());
}

TEST(CertificateTest, NeedsExactlyOneUri) {
  const auto one = ParseCertificate(CertificateNaming("URI:spiffe://d/controller/a,DNS:x"));
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->id.name, "a");
  EXPECT_EQ(one->serial, "0abc");
  EXPECT_EQ(one->not_after - one->not_before, absl::Seconds(60));
  for (const char* names : {"DNS:x", "URI:spiffe://d/controller/a,URI:spiffe://d/controller/b",
                            "URI:spiffe://d/controller/a,URI:https://x"}) {
    EXPECT_EQ(ReasonOf(ParseCertificate(CertificateNaming(names)).status()), "BAD_SPIFFE_ID")
        << names;
  }
}

TEST(CertificateTest, TextThatIsNoCertificateIsRefused) {
  EXPECT_EQ(ReasonOf(ParseCertificate("").status()), "BAD_CERTIFICATE");
  EXPECT_EQ(ReasonOf(ParseCertificate(*NewKeyPem()).status()), "BAD_CERTIFICATE");
  EXPECT_EQ(ReasonOf(KeySpkiSha256("hello").status()), "BAD_KEY");
}

}  // namespace
}  // namespace mailquench::identity
