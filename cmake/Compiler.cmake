# Flags of the whole project, as the interface library lockstep_flags.
include(CheckCSourceRuns)

option(LOCKSTEP_NATIVE "Compile for this machine's instruction set" ON)
option(LOCKSTEP_WERROR "Warnings are errors" OFF)
option(LOCKSTEP_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(lockstep_flags INTERFACE)
target_compile_definitions(lockstep_flags INTERFACE _GNU_SOURCE LOCKSTEP_VERSION="${PROJECT_VERSION}")
target_compile_options(lockstep_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes
  # a product and a sum are two roundings everywhere, whatever loop they end up in: the same bits
  -ffp-contract=off
  # nobody reads errno of mathematics or the flags of exceptions: without them, choices become masks
  -fno-math-errno -fno-trapping-math)
if(LOCKSTEP_WERROR)
  target_compile_options(lockstep_flags INTERFACE -Werror)
endif()

if(LOCKSTEP_NATIVE)
  target_compile_options(lockstep_flags INTERFACE -march=native)
  # gcc 12.2 with AVX-512 fills the whole of a byte array from a shorter string literal; found by running
  set(CMAKE_REQUIRED_FLAGS "-O3 -march=native")
  check_c_source_runs([[
    #include <string.h>
    int main(int argc, char **argv) {
      (void)argv;
      for (int i = 0; i < argc; i++) {
        volatile char *p;
        char a[32] = "aaaaaaaaaaaaaaaa";
        p = a;
        for (int k = 16; k < 32; k++) if (p[k] != 0) return 1;
      }
      return 0;
    }]] LOCKSTEP_STRING_STORES_WORK)
  if(NOT LOCKSTEP_STRING_STORES_WORK)
    target_compile_options(lockstep_flags INTERFACE -mstore-max=128 -mmove-max=128)
  endif()
  unset(CMAKE_REQUIRED_FLAGS)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    # element-wise loops run at the width that the kernels use
    include(CheckCCompilerFlag)
    check_c_compiler_flag(-mprefer-vector-width=512 LOCKSTEP_HAS_VECTOR_WIDTH)
    if(LOCKSTEP_HAS_VECTOR_WIDTH)
      target_compile_options(lockstep_flags INTERFACE -mprefer-vector-width=512)
    endif()
  endif()
endif()

if(LOCKSTEP_SANITIZE)
  target_compile_options(lockstep_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(lockstep_flags INTERFACE -fsanitize=address,undefined)
endif()
