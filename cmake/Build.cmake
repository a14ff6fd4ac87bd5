# What the program says of its own making in `lockstep --version`: the commit, asked at every build since commits come
# without CMake being run, and the compiler's flags. Warnings are left out: they change no code.
#   lockstep_build_facts(TARGET)   adds a source that defines them to TARGET
#   cmake -D OUT=FILE.c -D FLAGS=TEXT -P Build.cmake   writes that source, and touches it only when it changes
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "unknown")
  find_program(git git)
  if(git)
    execute_process(COMMAND ${git} describe --always --dirty=-modified --abbrev=12 --exclude=*
      WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR} OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
      RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      set(commit "${described}")
    endif()
  endif()
  file(CONFIGURE OUTPUT "${OUT}" CONTENT [[
#include "host/host.h"

const char host_commit[] = "@commit@";
const char host_flags[] = "@FLAGS@";
]] @ONLY)
  return()
endif()

function(lockstep_build_facts target)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  get_target_property(options lockstep_flags INTERFACE_COMPILE_OPTIONS)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}")
  list(APPEND flags ${options})
  list(FILTER flags EXCLUDE REGEX "^-W|TARGET_PROPERTY") # what only some targets have is named by lockstep_baseline
  list(APPEND flags ${lockstep_baseline})
  list(JOIN flags " " flags)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/host_build.c)
  add_custom_target(${target}_facts BYPRODUCTS ${out}
    COMMAND ${CMAKE_COMMAND} -D OUT=${out} "-DFLAGS=${flags}" -P ${PROJECT_SOURCE_DIR}/cmake/Build.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
  add_dependencies(${target} ${target}_facts)
endfunction()
