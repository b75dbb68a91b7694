mailquench_test(escalation_engine_test
  SRCS unit/escalation/engine_test.cc unit/escalation/engine_again_test.cc unit/escalation/people_test.cc unit/escalation/own_watch_test.cc
       unit/escalation/own_notice_test.cc unit/escalation/store_test.cc unit/escalation/committer_test.cc unit/escalation/together_test.cc
  DEPS mailquench::controller_core mailquench::controller_http_client mailquench::fault mailquench::status nlohmann_json::nlohmann_json SQLite::SQLite3
       OpenSSL::SSL)
