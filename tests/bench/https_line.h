// One keep-alive HTTPS connection to loopback, as monitoring holds one.
#ifndef MAILQUENCH_TESTS_BENCH_HTTPS_LINE_H_
#define MAILQUENCH_TESTS_BENCH_HTTPS_LINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

typedef struct ssl_st SSL;          // NOLINT(modernize-use-using): as OpenSSL declares it.
typedef struct ssl_ctx_st SSL_CTX;  // NOLINT(modernize-use-using)

namespace mailquench::bench {

// CLOCK_MONOTONIC, in nanoseconds: the same for all processes of the machine.
std::int64_t MonotonicNanos();

// Not thread-safe.
class HttpsLine {
 public:
  // The server's certificate is checked against the CA in `ca_file`, and for 127.0.0.1.
  static absl::StatusOr<std::unique_ptr<HttpsLine>> Open(int port, const std::string& ca_file);
  ~HttpsLine();
  HttpsLine(const HttpsLine&) = delete;
  HttpsLine& operator=(const HttpsLine&) = delete;

  struct Answer {
    int status = 0;
    std::string body;
    std::int64_t sent = 0;      // Before the request, which is one write, is handed to TLS.
    std::int64_t answered = 0;  // The whole answer is there.
  };
  // A POST where there is a body, else a GET. Blocks, at most 10 s for each piece of the answer.
  absl::StatusOr<Answer> Ask(const std::string& path,
                             const std::string& token,
                             const std::string& body);

 private:
  HttpsLine() = default;
  SSL_CTX* context_ = nullptr;
  SSL* tls_ = nullptr;
  int fd_ = -1;
  std::string rest_;  // What was read beyond the last answer.
};

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_HTTPS_LINE_H_
