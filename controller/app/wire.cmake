# The program mailquench-controller. Included where the core is there; its tests need it too.
mailquench_library(controller_app
  SRCS app/config.cc app/config_blacklists.cc app/config_dns.cc app/store_claim.cc app/token_store.cc app/revocation_audit.cc app/server.cc
  DEPS mailquench::controller_core mailquench::controller_http_server mailquench::controller_alert_intake mailquench::controller_api mailquench::controller_stream
       mailquench::controller_identity absl::status absl::statusor absl::time gRPC::grpc++
  PRIVATE_DEPS mailquench::controller_authorization mailquench::rpc mailquench::identity mailquench::operation mailquench::status mailquench::text mailquench::yaml
       absl::strings gRPC::grpc++_reflection nlohmann_json::nlohmann_json spdlog::spdlog yaml-cpp)
add_executable(mailquench-controller app/main.cc app/commands.cc app/init_command.cc app/operator_command.cc
  app/certificate_command.cc app/playbook_command.cc)
target_link_libraries(mailquench-controller PRIVATE mailquench_settings mailquench::controller_app mailquench::identity
  mailquench::rpc mailquench::status mailquench::command mailquench::log mailquench::text absl::strings spdlog::spdlog)
install(TARGETS mailquench-controller RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
mailquench_man8(mailquench-controller)
