// The certificate that the server shows, read again when its files change.
#ifndef MAILQUENCH_CONTROLLER_HTTP_TLS_CONTEXT_H_
#define MAILQUENCH_CONTROLLER_HTTP_TLS_CONTEXT_H_

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace mailquench::controller {

// Not thread-safe: the thread of all connections has it.
class TlsContext {
 public:
  // PEM files; the certificate's has the chain behind it. kInvalidArgument/BAD_CERTIFICATE.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Load(const std::string& certificate,
                                                          const std::string& key);

  // For one new connection. Looks at the files once a second; where they are bad, the last good
  // ones stay and the log says so, once for each change.
  std::shared_ptr<boost::asio::ssl::context> Current();

 private:
  TlsContext(std::string certificate, std::string key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}

  const std::string certificate_;
  const std::string key_;
  std::string loaded_;   // What tells one state of the files from another, as it was read.
  std::string refused_;  // The same of files that were bad.
  std::chrono::steady_clock::time_point looked_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_TLS_CONTEXT_H_
