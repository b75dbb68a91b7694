# The half of Exchange's mail system that is services, files, queues and messages, on fakes of its seams.
mailquench_test(exchange_host_test SRCS unit/exchange/host/belonging_test.cc unit/exchange/host/config_file_test.cc unit/exchange/host/service_test.cc
  unit/exchange/host/envelope_test.cc unit/exchange/host/release_test.cc unit/exchange/host/select_test.cc
  unit/exchange/host/sweep_test.cc unit/exchange/host/tracking_test.cc
  DEPS mailquench::agent_exchange_service mailquench::agent_exchange_queue mailquench::agent_exchange mailquench::agent_smtp
    mailquench::agent_quarantine_facts mailquench::fault mailquench::status)
# And on the engine: skipped by name where dotnet is missing.
if(NOT WIN32)
  mailquench_test(exchange_verify_test SRCS unit/exchange/host/verify_test.cc
    DEPS mailquench::agent_exchange mailquench::agent_operations mailquench::agent_os mailquench::operation mailquench::status mailquench::fault)
  mailquench_test(exchange_engine_test SRCS unit/exchange/host/engine_test.cc contract/send_mail.cc LABELS exchange
    DEPS mailquench_exchange_server mailquench_simulation_smtp mailquench::fault mailquench::status)
  # Its services are processes of their own, which a kill of the test leaves alone.
  mailquench_test(exchange_isolation_test SRCS unit/exchange/host/isolation_test.cc unit/exchange/host/isolation_host.cc
    contract/send_mail.cc LABELS exchange
    DEPS mailquench_exchange_server mailquench_simulation_smtp mailquench::fault mailquench::status nlohmann_json::nlohmann_json)
  target_compile_definitions(exchange_isolation_test PRIVATE MAILQUENCH_TRANSPORT_SIM="$<TARGET_FILE:exchange_transport_sim>")
  add_dependencies(exchange_isolation_test exchange_transport_sim)
endif()
