# Flags of the whole project, as the interface library lockstep_flags.
include(CheckCCompilerFlag)

option(LOCKSTEP_WERROR "Warnings are errors" OFF)
option(LOCKSTEP_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(LOCKSTEP_THREADS "ThreadSanitizer (clang, whose OpenMP explains itself to it)" OFF)
option(LOCKSTEP_FUZZ "The fuzz targets of tests/fuzz (clang), with LOCKSTEP_SANITIZE" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # liblockstep is made of the same objects as the program
set(CMAKE_C_VISIBILITY_PRESET hidden)   # and exports what LS_API marks

add_library(lockstep_flags INTERFACE)
target_compile_definitions(lockstep_flags INTERFACE _GNU_SOURCE LOCKSTEP_VERSION="${PROJECT_VERSION}")
target_compile_options(lockstep_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes
  # a product and a sum are two roundings everywhere, whatever loop they end up in: the same bits
  -ffp-contract=off
  # no code reads errno after mathematics or the flags of exceptions: without them, choices become masks
  -fno-math-errno -fno-trapping-math)
if(LOCKSTEP_WERROR)
  target_compile_options(lockstep_flags INTERFACE -Werror)
endif()

# The baseline that every file is compiled for. Kernels are compiled again for newer instruction sets and selected at
# start (lockstep_kernels), so the program runs on every CPU from the baseline on, at that CPU's speed.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(LOCKSTEP_X86 ON)
  set(lockstep_baseline -march=x86-64-v3 -mtune=generic)
  check_c_compiler_flag(-march=x86-64-v3 LOCKSTEP_HAS_X86_64_V3)
  if(NOT LOCKSTEP_HAS_X86_64_V3) # gcc before 11, clang before 12
    set(lockstep_baseline -march=haswell -mtune=generic)
  endif()
  # kernels of other instruction sets name these themselves (property LOCKSTEP_OWN_INSTRUCTIONS)
  foreach(flag ${lockstep_baseline})
    target_compile_options(lockstep_flags INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:LOCKSTEP_OWN_INSTRUCTIONS>>>:${flag}>)
  endforeach()
endif()

# lockstep_kernels(ROOM VARIANT LANES [NAMES file ...] [FLAGS flag ...]): files of a room, compiled with these flags, with
# LOCKSTEP_VARIANT and LOCKSTEP_LANES (src/math/variant.h). Always optimised, products and sums fused.
function(lockstep_kernels room variant lanes)
  cmake_parse_arguments(KERNELS "" "" "NAMES;FLAGS" ${ARGN})
  set(sources ${KERNELS_NAMES})
  list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/src/${room}/)
  list(TRANSFORM sources APPEND .c)
  add_library(lockstep_${room}_${variant} OBJECT ${sources})
  get_target_property(includes lockstep_${room} INCLUDE_DIRECTORIES)
  get_target_property(libraries lockstep_${room} LINK_LIBRARIES)
  target_link_libraries(lockstep_${room}_${variant} PRIVATE ${libraries})
  target_include_directories(lockstep_${room}_${variant} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_compile_definitions(lockstep_${room}_${variant} PRIVATE LOCKSTEP_VARIANT=${variant} LOCKSTEP_LANES=${lanes})
  if(KERNELS_FLAGS MATCHES "-march")
    set_target_properties(lockstep_${room}_${variant} PROPERTIES LOCKSTEP_OWN_INSTRUCTIONS ON)
  endif()
  set_target_properties(lockstep_${room}_${variant} PROPERTIES LOCKSTEP_KERNELS ON)
  target_compile_options(lockstep_${room}_${variant} PRIVATE ${lockstep_kernel_level} ${KERNELS_FLAGS}
    # passes that take much of the time and gain nothing in unrolled loops
    $<$<C_COMPILER_ID:GNU>:-fno-tree-pre -fno-var-tracking-assignments>)
  foreach(source ${sources})
    if(source MATCHES "/(product_[a-z0-9_]*|peak)\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -ffp-contract=${lockstep_contract})
    endif()
  endforeach()
  target_sources(lockstep_${room} PRIVATE $<TARGET_OBJECTS:lockstep_${room}_${variant}>)
endfunction()

# Sanitizers. Every report ends the program, so no test can miss one. Kernels have thousands of unrolled lines: checks of
# memory and threads are enough there, and less optimisation, or the compiler takes minutes for each file.
set(lockstep_sanitizers "")
set(lockstep_kernel_level -O3)
set(lockstep_contract fast)
if(LOCKSTEP_FUZZ)
  set(LOCKSTEP_SANITIZE ON)
endif()
if(LOCKSTEP_SANITIZE)
  set(lockstep_sanitizers address,undefined)
elseif(LOCKSTEP_THREADS)
  set(lockstep_sanitizers thread)
endif()
if((LOCKSTEP_THREADS OR LOCKSTEP_FUZZ) AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "LOCKSTEP_THREADS and LOCKSTEP_FUZZ need clang: CC=clang cmake ... (Debian: clang, libclang-rt-dev)")
endif()
if(lockstep_sanitizers)
  set(lockstep_kernel_level -O1)
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    set(lockstep_contract on) # fuses within an expression, where `fast` stops at the checks between product and sum
  endif()
  target_compile_options(lockstep_flags INTERFACE
    -fsanitize=${lockstep_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer
    $<$<BOOL:$<TARGET_PROPERTY:LOCKSTEP_KERNELS>>:-fno-sanitize=undefined>)
  target_link_options(lockstep_flags INTERFACE -fsanitize=${lockstep_sanitizers})
endif()
if(LOCKSTEP_FUZZ)
  target_compile_options(lockstep_flags INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:LOCKSTEP_KERNELS>>>:-fsanitize=fuzzer-no-link>)
endif()
