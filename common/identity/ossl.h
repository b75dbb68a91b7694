// Owners of OpenSSL's objects, and its words as statuses. For the .cc files of the identity and rpc
// rooms alone.
#ifndef MAILQUENCH_COMMON_IDENTITY_OSSL_H_
#define MAILQUENCH_COMMON_IDENTITY_OSSL_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::identity::ossl {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

// What OpenSSL last complained of, as INTERNAL / OPENSSL_FAILED. Clears its queue.
absl::Status Failure(const char* what);

absl::StatusOr<Key> ReadKey(
    const std::string& pem);  // FAILED_PRECONDITION / BAD_KEY, KEY_NOT_P256.
absl::StatusOr<Cert> ReadCert(const std::string& pem);
bool IsP256(const EVP_PKEY* key);
absl::StatusOr<std::string> SpkiDer(EVP_PKEY* key);
absl::StatusOr<std::string> CertPem(X509* certificate);
absl::Time ToTime(const ASN1_TIME* time);

}  // namespace mailquench::identity::ossl

#endif  // MAILQUENCH_COMMON_IDENTITY_OSSL_H_
