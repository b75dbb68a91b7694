#include <winsock2.h>
// After winsock2.h.
#include <windows.h>
// wincrypt.h makes macros of OpenSSL's type names, which OpenSSL's headers undo.
#include <wincrypt.h>

#include "agent/http/system_cas.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::Status TrustSystemCas(SSL_CTX* context) {
  const HCERTSTORE store = ::CertOpenSystemStoreW(0, L"ROOT");
  if (store == nullptr)
    return Error(absl::StatusCode::kUnavailable, "TLS_FAILED",
                 "the machine's store of root certificates cannot be opened: " +
                     os::WindowsErrorText(::GetLastError()));
  X509_STORE* const trusted = SSL_CTX_get_cert_store(context);
  int added = 0;
  PCCERT_CONTEXT one = nullptr;
  while ((one = ::CertEnumCertificatesInStore(store, one)) != nullptr) {
    const unsigned char* bytes = one->pbCertEncoded;
    X509* const certificate = d2i_X509(nullptr, &bytes, static_cast<long>(one->cbCertEncoded));
    // One that cannot be read, or that is there twice, is no loss.
    if (certificate != nullptr && X509_STORE_add_cert(trusted, certificate) == 1) ++added;
    X509_free(certificate);
  }
  ::CertCloseStore(store, 0);
  if (added == 0)
    return Error(absl::StatusCode::kUnimplemented, "NO_CA_STORE",
                 "this host's store of root certificates (certlm.msc) is empty, so that no server "
                 "can be verified");
  return absl::OkStatus();
}

}  // namespace mailquench::agent
