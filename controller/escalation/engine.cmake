mailquench_library(controller_escalation
  SRCS escalation/config.cc escalation/engine.cc escalation/committer.cc escalation/engine_take.cc escalation/engine_decide.cc escalation/engine_act.cc escalation/engine_people.cc
       escalation/engine_outside.cc escalation/engine_silence.cc escalation/engine_again.cc escalation/story.cc
       escalation/own_watch.cc escalation/own_signals.cc escalation/own_notice.cc
  DEPS mailquench::controller_alert_intake mailquench::controller_alert_rules mailquench::controller_notify
       mailquench::controller_alertmanager mailquench::controller_store mailquench::proto
  PRIVATE_DEPS mailquench::fault mailquench::identity mailquench::status mailquench::yaml nlohmann_json::nlohmann_json yaml-cpp absl::strings)
