mailquench_library(cli
  SRCS core/alert_document.cc core/antivirus_text.cc core/by_hand.cc core/check_here.cc core/confirm.cc core/context.cc core/describe.cc core/duration.cc core/exit_code.cc core/inventory_table.cc core/operation_text.cc
       core/plugin.cc core/run_driver.cc core/session.cc core/target.cc
       output/check.cc output/escalation.cc output/failure.cc output/guard.cc output/mx.cc output/printer.cc output/report.cc output/transcript.cc
       nouns/antivirus.cc nouns/antivirus_posture.cc nouns/blacklist.cc nouns/blacklist_check.cc nouns/blacklist_history.cc nouns/blacklist_lists.cc nouns/blacklist_status.cc nouns/delist.cc
       nouns/check.cc nouns/check_escalations.cc nouns/check_fleet.cc nouns/check_incidents.cc
       nouns/escalation.cc nouns/escalation_alerts.cc nouns/escalation_approval.cc nouns/escalation_rules.cc nouns/escalation_source.cc nouns/notification.cc
       nouns/context.cc nouns/egress.cc nouns/host.cc nouns/host_manual.cc nouns/incident.cc nouns/mx.cc nouns/mx_plan.cc nouns/mx_switch.cc nouns/quarantine.cc nouns/restore.cc nouns/run.cc nouns/run_manual.cc
       nouns/sender.cc nouns/small.cc nouns/token.cc
       completion.cc man.cc tree.cc
  DEPS mailquench::os mailquench::proto_grpc mailquench::command mailquench::text mailquench::operation mailquench::listing mailquench::status absl::status absl::statusor absl::strings absl::time
  PRIVATE_DEPS yaml-cpp nlohmann_json::nlohmann_json)

# The program needs common/rpc for its TLS; the library and its tests do not.
if(TARGET mailquench::rpc)
  add_executable(mailquench main.cc tls_channel.cc)
  target_link_libraries(mailquench PRIVATE mailquench_settings mailquench::cli mailquench::os mailquench::rpc)

  install(TARGETS mailquench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(CMAKE_CROSSCOMPILING)
    return()  # It cannot be run here, and Windows has no man.
  endif()
  set(_man ${CMAKE_BINARY_DIR}/man)
  file(MAKE_DIRECTORY ${_man})
  set(_pages ${_man}/mailquench.1)
  add_custom_command(OUTPUT ${_man}/mailquench.1 COMMAND mailquench man > ${_man}/mailquench.1 DEPENDS mailquench VERBATIM)
  foreach(noun run incident escalation notification quarantine sender relay shadow antivirus egress blacklist delist mx host token playbook audit check context)
    set(_page ${_man}/mailquench-${noun}.1)
    add_custom_command(OUTPUT ${_page} COMMAND mailquench man ${noun} > ${_page} DEPENDS mailquench VERBATIM)
    list(APPEND _pages ${_page})
  endforeach()
  set(_shells)
  foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${_man}/completion.${shell} COMMAND mailquench completion ${shell} > ${_man}/completion.${shell}
      DEPENDS mailquench VERBATIM)
    list(APPEND _shells ${_man}/completion.${shell})
  endforeach()
  add_custom_target(mailquench_man ALL DEPENDS ${_pages} ${_shells})

  install(FILES ${_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${_man}/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mailquench)
  install(FILES ${_man}/completion.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _mailquench)
  install(FILES ${_man}/completion.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME mailquench.fish)
endif()
