# Man pages and completions, which the program itself writes: the target lockstep_manual makes them in build/pages.
#   cmake -D PROGRAM=FILE [-D EMULATOR=WORDS] -D OUT=FOLDER -P Pages.cmake   runs the program for that
# A program that cannot run on the building machine (another CPU, no emulator) leaves a warning and an empty folder.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  file(REMOVE_RECURSE ${OUT})
  file(MAKE_DIRECTORY ${OUT}/man)
  execute_process(COMMAND ${EMULATOR} ${PROGRAM} --man ${OUT}/man RESULT_VARIABLE result ERROR_VARIABLE message)
  foreach(shell bash zsh fish)
    if(result EQUAL 0)
      execute_process(COMMAND ${EMULATOR} ${PROGRAM} --completions ${shell} OUTPUT_FILE ${OUT}/lockstep.${shell}
        RESULT_VARIABLE result ERROR_VARIABLE message)
    endif()
  endforeach()
  if(NOT result EQUAL 0)
    file(REMOVE_RECURSE ${OUT})
    file(MAKE_DIRECTORY ${OUT})
    message(WARNING "no man pages and no completions: ${PROGRAM} does not run here (${result}) ${message}\n"
      "Where it runs, `lockstep --man FOLDER` and `lockstep --completions SHELL` write them.")
  endif()
  return()
endif()

set(LOCKSTEP_ZSH_FOLDER ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completions")
set(pages ${CMAKE_CURRENT_BINARY_DIR}/pages)
string(REPLACE ";" "\\;" emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
add_custom_command(OUTPUT ${pages}.done
  COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:lockstep> "-DEMULATOR=${emulator}" -D OUT=${pages}
    -P ${CMAKE_CURRENT_LIST_FILE}
  COMMAND ${CMAKE_COMMAND} -E touch ${pages}.done
  DEPENDS lockstep ${CMAKE_CURRENT_LIST_FILE} VERBATIM)
add_custom_target(lockstep_manual ALL DEPENDS ${pages}.done)

install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL FILES_MATCHING PATTERN "*.1")
install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 OPTIONAL FILES_MATCHING PATTERN "*.5")
install(FILES ${pages}/lockstep.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME lockstep OPTIONAL)
install(FILES ${pages}/lockstep.zsh DESTINATION ${LOCKSTEP_ZSH_FOLDER} RENAME _lockstep OPTIONAL)
install(FILES ${pages}/lockstep.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)
