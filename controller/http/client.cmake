# What goes out over the network: a connection with one deadline, and HTTP on it. Boost is headers alone.
mailquench_library(controller_connection SRCS http/look_up.cc http/client_connection.cc
  DEPS mailquench::web absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::os mailquench::status absl::strings OpenSSL::SSL Threads::Threads)
mailquench_library(controller_http_client SRCS http/client.cc
  DEPS absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::controller_connection mailquench::status absl::strings)
