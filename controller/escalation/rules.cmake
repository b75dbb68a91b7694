# Rules in YAML and what they decide: no store, no clock, no thread.
mailquench_library(controller_alert_rules
  SRCS escalation/rules.cc escalation/rules_reader.cc escalation/rule_reader.cc escalation/window_reader.cc
       escalation/matcher.cc escalation/time_window.cc escalation/label_text.cc escalation/host_index.cc
       escalation/may_start_alone.cc escalation/check_rules.cc
       escalation/decide.cc escalation/case.cc escalation/targets.cc
       escalation/guards_policy.cc escalation/guards_history.cc escalation/guards_fleet.cc
  DEPS mailquench::proto absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::controller_playbooks mailquench::operation mailquench::status mailquench::text mailquench::yaml
    absl::strings yaml-cpp re2::re2)
