mailquench_library(controller_http_server
  SRCS http/server.cc http/connection.cc http/handler_pool.cc http/outbox.cc http/listen_address.cc http/tls_context.cc http/peers.cc
  DEPS absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::identity mailquench::status absl::strings OpenSSL::SSL OpenSSL::Crypto spdlog::spdlog Threads::Threads)
