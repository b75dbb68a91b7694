mailquench_test(https_client_test SRCS unit/https/client_test.cc
  DEPS mailquench::controller_http_client mailquench::status absl::strings OpenSSL::SSL)
