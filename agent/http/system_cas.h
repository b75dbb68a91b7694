// The CA certificates that the host trusts. system_cas_posix.cc: OpenSSL's files;
// system_cas_windows.cc: the machine's store of roots.
#ifndef MAILQUENCH_AGENT_HTTP_SYSTEM_CAS_H_
#define MAILQUENCH_AGENT_HTTP_SYSTEM_CAS_H_

#include <openssl/ssl.h>

#include "absl/status/status.h"

namespace mailquench::agent {

// Makes `context` trust them. Errors: kUnimplemented/NO_CA_STORE (there are none: then nothing
// could be verified, and the error would blame the server), kUnavailable/TLS_FAILED (they cannot be
// read).
absl::Status TrustSystemCas(SSL_CTX* context);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_HTTP_SYSTEM_CAS_H_
