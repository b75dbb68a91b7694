mailquench_test(https_client_test SRCS unit/https/client_test.cc unit/https/look_up_test.cc
  DEPS mailquench::controller_http_client mailquench::controller_connection mailquench::status absl::strings OpenSSL::SSL)
