mailquench_test(alert_forms_test
  SRCS unit/escalation/alert_forms_test.cc unit/escalation/alertmanager_form_test.cc unit/escalation/nagios_form_test.cc
  DEPS mailquench::controller_alert_intake mailquench::status)
mailquench_test(alert_endpoint_test
  SRCS unit/escalation/sources_test.cc unit/escalation/endpoint_test.cc unit/escalation/notify_script_test.cc unit/escalation/alertmanager_test.cc
  DEPS mailquench::controller_alert_intake mailquench::controller_identity mailquench::controller_store mailquench::identity
       mailquench::status nlohmann_json::nlohmann_json spdlog::spdlog OpenSSL::SSL OpenSSL::Crypto SQLite::SQLite3 Threads::Threads)
target_compile_definitions(alert_endpoint_test PRIVATE MAILQUENCH_NOTIFY="${CMAKE_SOURCE_DIR}/deploy/icinga/mailquench-notify")
