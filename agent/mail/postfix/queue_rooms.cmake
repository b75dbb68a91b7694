# The queue of a Postfix instance: read, set aside, put back. Included from agent/.
mailquench_library(agent_postfix_queue SRCS mail/postfix/queue_file.cc mail/postfix/queue_records.cc
  mail/postfix/message_stream.cc mail/postfix/quarantine_read.cc
  mail/postfix/queue_dir.cc mail/postfix/chosen_list.cc mail/postfix/quarantine_folder.cc mail/postfix/queue_survey.cc
  mail/postfix/queue_swap.cc mail/postfix/queue_release.cc mail/postfix/queue_return.cc mail/postfix/quarantine_move.cc
  mail/postfix/queue_space.cc
  DEPS mailquench::agent_mail mailquench::agent_quarantine mailquench::proto absl::status absl::statusor absl::time
  PRIVATE_DEPS mailquench::agent_mail_rules mailquench::agent_postfix_configuration mailquench::status mailquench::fault
               mailquench::agent_os absl::strings)
