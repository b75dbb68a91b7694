// A server of HTTPS with a certificate of its own, in a private folder.
#ifndef MAILQUENCH_TESTS_UNIT_HTTPS_SERVER_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_HTTPS_SERVER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "common/clock/clock.h"
#include "common/identity/secrets.h"
#include "controller/http/server.h"
#include "controller/identity/ca.h"
#include "tests/unit/https/tls_client.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {

class HttpsFixture : public testing::Test {
 protected:
  HttpsFixture() : ca_(*CertificateAuthority::Create("mail.example", &system_clock_)) {
    options_.listen = "127.0.0.1:0";
    options_.certificate = folder_.At("controller.pem");
    options_.key = folder_.At("controller.key");
    identity::WritePublicFile(folder_.At("ca.pem"), ca_->ca_pem()).IgnoreError();
    WriteCertificate();
  }
  void WriteCertificate() {
    const KeyAndCertificate made = *ca_->IssueController("main", {{"localhost"}, {"127.0.0.1"}});
    identity::WriteSecretFile(options_.key, made.key_pem).IgnoreError();
    identity::WritePublicFile(options_.certificate, made.certificate_pem + ca_->ca_pem())
        .IgnoreError();
  }
  template <typename H>  // Handler or LateHandler.
  void Start(H handler) {
    auto started = HttpServer::Start(options_, std::move(handler));
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    ASSERT_GT(server_->port(), 0);
  }
  int port() const { return server_->port(); }

  SystemClock system_clock_;
  test::TemporaryFolder folder_;
  std::unique_ptr<CertificateAuthority> ca_;
  HttpServerOptions options_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_HTTPS_SERVER_FIXTURE_H_
