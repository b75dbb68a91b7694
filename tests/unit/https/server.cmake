mailquench_test(https_server_test
  SRCS unit/https/server_test.cc unit/https/server_hostile_test.cc unit/https/server_life_test.cc unit/https/server_late_test.cc
  DEPS mailquench::controller_http_server mailquench::controller_identity mailquench::identity mailquench::status
       OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
