mailquench_test(exchange_settings_test SRCS unit/exchange/settings/keys_test.cc unit/exchange/settings/fake_organisation.cc
  unit/exchange/settings/relay_lock_test.cc unit/exchange/settings/organisation_test.cc unit/exchange/settings/egress_test.cc unit/exchange/settings/apply_test.cc unit/exchange/settings/listeners_test.cc
  DEPS mailquench::agent_exchange_settings mailquench::agent_smtp mailquench::agent_mail_rules mailquench::status mailquench::fault nlohmann_json::nlohmann_json)
# On the stand-in's engine; its room says where that is.
find_program(MAILQUENCH_DOTNET dotnet)
mailquench_test(exchange_settings_engine_test SRCS unit/exchange/settings/engine_test.cc
  DEPS mailquench::agent_exchange_settings mailquench::agent_exchange_shell mailquench::agent_mail_rules mailquench::status nlohmann_json::nlohmann_json)
target_compile_definitions(exchange_settings_engine_test PRIVATE
  MAILQUENCH_HAS_DOTNET=$<IF:$<BOOL:${MAILQUENCH_DOTNET}>,1,0> MAILQUENCH_EXCHANGE_SIM="${CMAKE_BINARY_DIR}/exchange_sim/linux/powershell")
if(MAILQUENCH_DOTNET)
  add_dependencies(exchange_settings_engine_test exchange_sim)
endif()
