mailquench_test(postfix_settings_files_test SRCS unit/postfix/settings_files_test.cc
  DEPS mailquench::agent_postfix_settings)
mailquench_test(postfix_settings_plan_test SRCS unit/postfix/settings_plan_test.cc
  DEPS mailquench::agent_postfix_settings mailquench::status)
mailquench_test(postfix_settings_apply_test SRCS unit/postfix/settings_apply_test.cc
  DEPS mailquench::agent_postfix_settings mailquench::status mailquench::fault)
