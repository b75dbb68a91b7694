# What contains abuse on Exchange: settings in the directory, through the seam of shell.h. Portable.
mailquench_library(agent_exchange_settings
  SRCS mail/exchange/flags.cc mail/exchange/ace.cc mail/exchange/setting.cc
    mail/exchange/connector.cc mail/exchange/directory.cc mail/exchange/directory_put.cc mail/exchange/directory_send.cc mail/exchange/send_connector.cc mail/exchange/egress.cc mail/exchange/draft.cc mail/exchange/accepted_domain.cc mail/exchange/relay_lock.cc
    mail/exchange/organisation.cc mail/exchange/sender_block.cc mail/exchange/restore.cc mail/exchange/application.cc mail/exchange/listeners.cc
    mail/exchange/settings_apply.cc
  DEPS mailquench::agent_mail mailquench::agent_exchange_block mailquench::agent_mail_rules mailquench::agent_smtp mailquench::proto absl::status absl::statusor absl::strings absl::time
  PRIVATE_DEPS mailquench::agent_quarantine_facts mailquench::os mailquench::status mailquench::fault)
