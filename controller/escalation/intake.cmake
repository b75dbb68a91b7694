# What monitoring sends, and who may send it.
mailquench_library(controller_alert_intake
  SRCS escalation/alerts.cc escalation/alertmanager_form.cc escalation/nagios_form.cc escalation/generic_form.cc
       escalation/json_document.cc escalation/sources.cc escalation/failure_limit.cc escalation/failure_log.cc
       escalation/endpoint.cc
  DEPS mailquench::proto mailquench::controller_store mailquench::controller_http_server absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::identity mailquench::status mailquench::text absl::strings nlohmann_json::nlohmann_json
       spdlog::spdlog)
