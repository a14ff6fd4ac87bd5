# HDF5 as the target HDF5::C, serial or parallel. The package itself is asked first: pkg-config, then the package's own
# CMake files, and CMake's module last, which guesses from the compiler's wrapper. Each of these misses some packages:
# Autotools builds of HDF5 1.x have no CMake files, CMake's module fails with some builds of HDF5 2.x.
# A folder named by HDF5_ROOT or HDF5_DIR goes before what pkg-config finds.
set(LOCKSTEP_HDF5 "" CACHE STRING
  "Where several builds of HDF5 are installed: the name that pkg-config knows, such as hdf5-serial or hdf5-openmpi")
set(lockstep_hdf5_libraries "") # for lockstep.pc
set(lockstep_hdf5_version "")

# 1. pkg-config, unless it would find the packages of the wrong machine
if(LOCKSTEP_HDF5 OR NOT (CMAKE_CROSSCOMPILING OR HDF5_ROOT OR HDF5_DIR OR DEFINED ENV{HDF5_ROOT} OR DEFINED ENV{HDF5_DIR}))
  find_package(PkgConfig QUIET)
  set(lockstep_hdf5_names hdf5 hdf5-serial hdf5_serial)
  if(LOCKSTEP_HDF5)
    set(lockstep_hdf5_names ${LOCKSTEP_HDF5})
  endif()
  foreach(name ${lockstep_hdf5_names})
    string(MAKE_C_IDENTIFIER LOCKSTEP_PKG_${name} prefix)
    if(PkgConfig_FOUND AND NOT lockstep_hdf5_version)
      pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${name}>=1.10)
      if(${prefix}_FOUND)
        add_library(HDF5::C INTERFACE IMPORTED)
        target_link_libraries(HDF5::C INTERFACE PkgConfig::${prefix})
        set(lockstep_hdf5_version ${${prefix}_VERSION})
        set(lockstep_hdf5_includes ${${prefix}_INCLUDE_DIRS})
        set(lockstep_hdf5_libraries ${${prefix}_LINK_LIBRARIES})
      endif()
    endif()
  endforeach()
endif()

# 2. the package's CMake files, of any version from 1.10 on; theirs know only versions that are nearly the same
if(NOT lockstep_hdf5_version AND NOT LOCKSTEP_HDF5)
  find_package(HDF5 QUIET CONFIG NAMES hdf5 HDF5 hdf5_serial CONFIGS hdf5-config.cmake HDF5Config.cmake)
  foreach(target hdf5::hdf5-shared hdf5-shared hdf5::hdf5 hdf5::hdf5-static hdf5-static)
    if(HDF5_FOUND AND TARGET ${target} AND HDF5_VERSION VERSION_GREATER_EQUAL 1.10 AND NOT lockstep_hdf5_version)
      add_library(HDF5::C INTERFACE IMPORTED)
      target_link_libraries(HDF5::C INTERFACE ${target})
      get_target_property(lockstep_hdf5_includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
      get_target_property(lockstep_hdf5_libraries ${target} LOCATION)
      set(lockstep_hdf5_version ${HDF5_VERSION})
    endif()
  endforeach()
endif()

# 3. CMake's module, which asks h5cc
if(NOT lockstep_hdf5_version AND NOT LOCKSTEP_HDF5)
  set(HDF5_NO_FIND_PACKAGE_CONFIG_FILE TRUE) # asked above
  find_library(LOCKSTEP_hdf5_serial hdf5_serial)
  if(LOCKSTEP_hdf5_serial) # CMake 4.3 also makes a target hdf5::hdf5, and fails where the library has Debian's other name
    set(HDF5_hdf5_LIBRARY ${LOCKSTEP_hdf5_serial})
  endif()
  find_package(HDF5 1.10 QUIET MODULE COMPONENTS C)
  if(HDF5_FOUND)
    add_library(HDF5::C INTERFACE IMPORTED)
    target_include_directories(HDF5::C INTERFACE ${HDF5_C_INCLUDE_DIRS})
    target_compile_definitions(HDF5::C INTERFACE ${HDF5_C_DEFINITIONS})
    target_link_libraries(HDF5::C INTERFACE ${HDF5_C_LIBRARIES})
    set(lockstep_hdf5_version ${HDF5_VERSION})
    set(lockstep_hdf5_includes ${HDF5_C_INCLUDE_DIRS})
    set(lockstep_hdf5_libraries ${HDF5_C_LIBRARIES})
  endif()
endif()

# Headers of a parallel build include mpi.h; lockstep opens files serially all the same.
if(TARGET HDF5::C)
  set(kind serial)
  set(lockstep_hdf5_folders "")
  foreach(folder ${lockstep_hdf5_includes} /usr/include)
    if(NOT folder MATCHES "[$]<" AND IS_DIRECTORY ${folder})
      list(APPEND lockstep_hdf5_folders ${folder})
    endif()
  endforeach()
  find_file(LOCKSTEP_H5PUBCONF NAMES H5pubconf-64.h H5pubconf.h PATHS ${lockstep_hdf5_folders} NO_DEFAULT_PATH)
  if(LOCKSTEP_H5PUBCONF)
    file(STRINGS ${LOCKSTEP_H5PUBCONF} parallel REGEX "^#define H5_HAVE_PARALLEL 1")
    if(parallel)
      set(kind parallel)
    endif()
  endif()
  unset(LOCKSTEP_H5PUBCONF CACHE) # another build of HDF5 may be chosen next time
  if(kind STREQUAL parallel AND MPI_C_FOUND)
    target_link_libraries(HDF5::C INTERFACE MPI::MPI_C)
  endif()
  message(STATUS "HDF5 ${lockstep_hdf5_version}, ${kind}: ${lockstep_hdf5_libraries}")
endif()
