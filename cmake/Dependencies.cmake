# Everything lockstep stands on, as imported targets. What is missing is collected and named with its package
# in one message, so that nobody has to run CMake ten times.
include(CheckIncludeFile)
set(lockstep_missing "")

function(lockstep_lacks what debian)
  set(lockstep_missing "${lockstep_missing}\n  ${what} (Debian and Ubuntu: ${debian})" PARENT_SCOPE)
endfunction()

# Libraries without a CMake package of their own: header + library -> target.
function(lockstep_library target header library what debian)
  find_path(LOCKSTEP_${library}_INCLUDE ${header})
  find_library(LOCKSTEP_${library}_LIBRARY NAMES ${library})
  if(LOCKSTEP_${library}_INCLUDE AND LOCKSTEP_${library}_LIBRARY)
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES
      IMPORTED_LOCATION ${LOCKSTEP_${library}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${LOCKSTEP_${library}_INCLUDE})
  else()
    lockstep_lacks("${what}" ${debian})
    set(lockstep_missing "${lockstep_missing}" PARENT_SCOPE)
  endif()
endfunction()

set(LOCKSTEP_MPI "" CACHE STRING "Where several MPI libraries are installed: openmpi or mpich; else the system's choice")
if(LOCKSTEP_MPI)
  find_program(MPI_C_COMPILER mpicc.${LOCKSTEP_MPI})
  find_program(MPIEXEC_EXECUTABLE mpiexec.${LOCKSTEP_MPI})
endif()
find_package(MPI 3.0 QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  lockstep_lacks("an MPI-3 library" "libopenmpi-dev openmpi-bin")
endif()

find_package(OpenMP 4.5 QUIET COMPONENTS C)
if(NOT OpenMP_C_FOUND)
  lockstep_lacks("OpenMP 4.5 for ${CMAKE_C_COMPILER_ID}" "libgomp1 with gcc, libomp-dev with clang")
endif()

# CMake 4.3 also makes a target hdf5::hdf5, and fails where the library has Debian's other name
find_library(LOCKSTEP_hdf5_serial hdf5_serial)
if(LOCKSTEP_hdf5_serial)
  set(HDF5_hdf5_LIBRARY ${LOCKSTEP_hdf5_serial})
endif()
find_package(HDF5 1.10 QUIET COMPONENTS C)
if(HDF5_FOUND)
  add_library(HDF5::C INTERFACE IMPORTED)
  target_include_directories(HDF5::C INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_compile_definitions(HDF5::C INTERFACE ${HDF5_C_DEFINITIONS})
  target_link_libraries(HDF5::C INTERFACE ${HDF5_C_LIBRARIES})
  if(HDF5_IS_PARALLEL AND MPI_C_FOUND) # its headers include mpi.h; lockstep opens files serially all the same
    target_link_libraries(HDF5::C INTERFACE MPI::MPI_C)
  endif()
else()
  lockstep_lacks("HDF5 1.10 or newer" "libhdf5-dev")
endif()

find_package(Threads QUIET)
if(NOT Threads_FOUND)
  lockstep_lacks("POSIX threads" "libc6-dev")
endif()

find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  lockstep_lacks("zlib" "zlib1g-dev")
endif()

lockstep_library(SLEEF::SLEEF sleef.h sleef "SLEEF 3.5 or newer" "libsleef-dev")
lockstep_library(LAPACKE::LAPACKE lapacke.h lapacke "LAPACKE" "liblapacke-dev")
lockstep_library(LibYAML::LibYAML yaml.h yaml "libyaml" "libyaml-dev")
if(LOCKSTEP_TESTS OR NOT DEFINED LOCKSTEP_TESTS)
  lockstep_library(Criterion::Criterion criterion/criterion.h criterion "Criterion, for the tests" "libcriterion-dev")
endif()

# Libraries that are headers alone.
function(lockstep_headers target header what debian)
  string(MAKE_C_IDENTIFIER ${header} name)
  find_path(LOCKSTEP_${name}_INCLUDE ${header})
  if(LOCKSTEP_${name}_INCLUDE)
    add_library(${target} INTERFACE IMPORTED)
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${LOCKSTEP_${name}_INCLUDE})
  else()
    lockstep_lacks("${what}" ${debian})
    set(lockstep_missing "${lockstep_missing}" PARENT_SCOPE)
  endif()
endfunction()

lockstep_headers(Random123::Random123 Random123/philox.h "Random123" "librandom123-dev")
lockstep_headers(xxHash::xxHash xxhash.h "xxHash 0.8 or newer" "libxxhash-dev")

if(lockstep_missing)
  message(FATAL_ERROR "lockstep needs:${lockstep_missing}\nscripts/setup.sh installs all of it.")
endif()
