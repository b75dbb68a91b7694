mailquench_test(escalation_rules_test SRCS unit/escalation/matcher_test.cc unit/escalation/time_window_test.cc
  unit/escalation/rules_test.cc unit/escalation/check_rules_test.cc unit/escalation/host_index_test.cc
  DEPS mailquench::controller_alert_rules mailquench::controller_playbooks mailquench::operation mailquench::status)
target_compile_definitions(escalation_rules_test PRIVATE MAILQUENCH_ROOT="${CMAKE_SOURCE_DIR}")
mailquench_test(escalation_decide_test SRCS unit/escalation/decide_test.cc unit/escalation/guards_history_test.cc
  unit/escalation/guards_fleet_test.cc unit/escalation/guards_policy_test.cc
  DEPS mailquench::controller_alert_rules mailquench::controller_playbooks mailquench::status)
