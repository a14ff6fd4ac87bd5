# Toolchain file: cross-compiles for 64-bit ARM with Debian's gcc and runs what it made under qemu. The libraries come
# from LOCKSTEP_ROOT, a folder that holds arm64 packages unpacked; scripts/aarch64.sh makes it.
#   cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DLOCKSTEP_ROOT=FOLDER ...
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(LOCKSTEP_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-root CACHE PATH "arm64 packages, unpacked")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOCKSTEP_ROOT)
get_filename_component(lockstep_root ${LOCKSTEP_ROOT} ABSOLUTE)
set(CMAKE_SYSROOT ${lockstep_root})

# Nothing of this machine is taken for one of the root's: neither libraries nor the compilers' wrappers of MPI and HDF5.
set(CMAKE_FIND_ROOT_PATH ${lockstep_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
find_program(LOCKSTEP_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
set(CMAKE_CROSSCOMPILING_EMULATOR ${LOCKSTEP_QEMU} -L ${lockstep_root})

set(MPI_C_LIB_NAMES mpi CACHE STRING "")
set(MPI_mpi_LIBRARY ${lockstep_root}/usr/lib/aarch64-linux-gnu/openmpi/lib/libmpi.so CACHE FILEPATH "")
set(MPI_C_HEADER_DIR ${lockstep_root}/usr/lib/aarch64-linux-gnu/openmpi/include CACHE PATH "")
set(MPIEXEC_EXECUTABLE ${lockstep_root}/usr/bin/mpiexec.openmpi CACHE FILEPATH "")
set(HDF5_C_COMPILER_EXECUTABLE aarch64-linux-gnu-gcc CACHE FILEPATH "")
