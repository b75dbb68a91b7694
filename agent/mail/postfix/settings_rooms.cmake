mailquench_library(agent_postfix_settings
  SRCS mail/postfix/listeners.cc mail/postfix/settings_draft.cc mail/postfix/relay_values.cc
    mail/postfix/relay_traffic.cc mail/postfix/relay_lock.cc mail/postfix/egress.cc mail/postfix/egress_ways.cc mail/postfix/ndr_silence.cc mail/postfix/sender_block.cc
    mail/postfix/restore.cc mail/postfix/candidate.cc mail/postfix/apply.cc mail/postfix/verify_lock.cc
    mail/postfix/old_sessions.cc mail/postfix/settled_file.cc
  DEPS mailquench::agent_mail mailquench::agent_postfix_configuration mailquench::agent_os mailquench::proto
       absl::status absl::statusor absl::strings absl::time
  PRIVATE_DEPS mailquench::agent_mail_rules mailquench::parallel mailquench::status mailquench::fault mailquench::text)
