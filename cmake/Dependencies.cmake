# Everything lockstep stands on, as imported targets. What is missing is collected and named with its packages in one
# message (cmake/Packages.cmake), so that one run of CMake names all of them.
include(Packages)
set(lockstep_missing "")

# Libraries without a CMake package of their own: header + library -> target. `key` is a row of lockstep_packages; `header`
# may also lie in one of the folders after it.
function(lockstep_library target header library key)
  find_path(LOCKSTEP_${library}_INCLUDE ${header} PATH_SUFFIXES ${ARGN})
  find_library(LOCKSTEP_${library}_LIBRARY NAMES ${library})
  if(LOCKSTEP_${library}_INCLUDE AND LOCKSTEP_${library}_LIBRARY)
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES
      IMPORTED_LOCATION ${LOCKSTEP_${library}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${LOCKSTEP_${library}_INCLUDE})
  else()
    set(lockstep_missing ${lockstep_missing} ${key} PARENT_SCOPE)
  endif()
endfunction()

set(LOCKSTEP_MPI "" CACHE STRING "Where several MPI libraries are installed: openmpi or mpich; else the system's choice")
if(LOCKSTEP_MPI)
  find_program(MPI_C_COMPILER mpicc.${LOCKSTEP_MPI})
  find_program(MPIEXEC_EXECUTABLE mpiexec.${LOCKSTEP_MPI})
endif()
find_package(MPI 3.0 QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  list(APPEND lockstep_missing MPI)
endif()

find_package(OpenMP 4.5 QUIET COMPONENTS C)
if(NOT OpenMP_C_FOUND)
  list(APPEND lockstep_missing OpenMP)
endif()

include(HDF5)
if(NOT TARGET HDF5::C)
  list(APPEND lockstep_missing HDF5)
endif()

find_package(Threads QUIET)
if(NOT Threads_FOUND)
  list(APPEND lockstep_missing Threads)
endif()

find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  list(APPEND lockstep_missing ZLIB)
endif()

lockstep_library(SLEEF::SLEEF sleef.h sleef SLEEF)
lockstep_library(LibYAML::LibYAML yaml.h yaml LibYAML)
if(LOCKSTEP_TESTS OR NOT DEFINED LOCKSTEP_TESTS)
  lockstep_library(Criterion::Criterion criterion/criterion.h criterion Criterion)
endif()

# LAPACKE: in a library of its own, or inside OpenBLAS if that was built with it.
find_library(LOCKSTEP_lapacke_LIBRARY NAMES lapacke)
if(NOT LOCKSTEP_lapacke_LIBRARY)
  find_library(LOCKSTEP_openblas_LIBRARY NAMES openblas openblasp openblaso)
  if(LOCKSTEP_openblas_LIBRARY)
    include(CheckLibraryExists)
    check_library_exists(${LOCKSTEP_openblas_LIBRARY} LAPACKE_dsyevd "" LOCKSTEP_OPENBLAS_HAS_LAPACKE)
    if(LOCKSTEP_OPENBLAS_HAS_LAPACKE)
      set(LOCKSTEP_lapacke_LIBRARY ${LOCKSTEP_openblas_LIBRARY} CACHE FILEPATH "" FORCE)
    endif()
  endif()
endif()
lockstep_library(LAPACKE::LAPACKE lapacke.h lapacke LAPACKE lapacke openblas)

# Libraries that consist of headers: the system's, or those in third_party.
option(LOCKSTEP_BUNDLED "Use the headers of Random123 and xxHash in third_party also if the system has them" OFF)
function(lockstep_headers target header folder)
  string(MAKE_C_IDENTIFIER ${header} name)
  add_library(${target} INTERFACE IMPORTED)
  if(NOT LOCKSTEP_BUNDLED)
    find_path(LOCKSTEP_${name}_INCLUDE ${header})
  endif()
  set(include ${LOCKSTEP_${name}_INCLUDE})
  if(LOCKSTEP_BUNDLED OR NOT include)
    set(include ${PROJECT_SOURCE_DIR}/third_party${folder})
  endif()
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${include})
endfunction()

lockstep_headers(Random123::Random123 Random123/philox.h "")
lockstep_headers(xxHash::xxHash xxhash.h /xxHash)

if(lockstep_missing)
  lockstep_packages_text(text ${lockstep_missing})
  message(FATAL_ERROR "lockstep needs what was not found here:${text}\n"
    "Elsewhere than in the system's folders? -DCMAKE_PREFIX_PATH=FOLDER;FOLDER. docs/guide/installation.md explains more.")
endif()
