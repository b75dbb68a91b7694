#include <dirent.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "agent/http/system_cas.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

// OpenSSL takes a store that is not there for an empty one: then nothing verifies, and the error
// would blame the server.
bool HasSystemCas() {
  const char* file = std::getenv(X509_get_default_cert_file_env());
  if (access(file != nullptr ? file : X509_get_default_cert_file(), R_OK) == 0) return true;
  const char* folder = std::getenv(X509_get_default_cert_dir_env());
  DIR* dir = opendir(folder != nullptr ? folder : X509_get_default_cert_dir());
  if (dir == nullptr) return false;
  bool found = false;
  while (const dirent* entry = readdir(dir)) {  // Named by hash: "1e09d511.0".
    const std::string name = entry->d_name;
    found = found || (name.size() > 2 && name.compare(name.size() - 2, 2, ".0") == 0);
  }
  closedir(dir);
  return found;
}
}  // namespace

absl::Status TrustSystemCas(SSL_CTX* context) {
  if (!HasSystemCas())
    return Error(absl::StatusCode::kUnimplemented, "NO_CA_STORE",
                 "this host has no CA certificates (package ca-certificates), so that no server "
                 "can be verified");
  if (SSL_CTX_set_default_verify_paths(context) != 1)
    return Error(absl::StatusCode::kUnavailable, "TLS_FAILED",
                 "the CA certificates cannot be read");
  return absl::OkStatus();
}

}  // namespace mailquench::agent
