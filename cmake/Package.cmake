# Packages by CPack: `cpack -G DEB` in the build folder makes a Debian package, `cpack -G TGZ` an archive.
# scripts/package.sh makes a Debian package as Debian would have it: installed to /usr, without rpath.
set(CPACK_PACKAGE_VENDOR "The lockstep authors")
set(LOCKSTEP_MAINTAINER "The lockstep authors <lockstep@localhost.localdomain>" CACHE STRING "Maintainer of packages")
set(CPACK_PACKAGE_CONTACT ${LOCKSTEP_MAINTAINER})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "data-parallel training of neural networks with the same bits everywhere")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"lockstep trains neural networks on the CPUs of one machine or of a cluster,
with MPI, OpenMP and HDF5. A training run has the same bits on any number of
nodes, ranks and threads, and on any CPU.
.
The package has the program, a library for predictions inside other programs
(C, Fortran, Python), scripts, examples and documentation.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
# scripts; the launcher, without which Open MPI does not start a process alone either
execute_process(COMMAND ${MPIEXEC_EXECUTABLE} --version OUTPUT_VARIABLE launcher ERROR_QUIET)
if(launcher MATCHES "Open MPI|OpenRTE")
  set(launcher openmpi-bin)
else()
  set(launcher mpich)
endif()
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3:any, ${launcher}")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-h5py, python3-matplotlib, python3-numpy, python3-yaml")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libhdf5-dev, libsleef-dev, libyaml-dev, python3-pyarrow, python3-sklearn, slurm-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# which package programs need that are linked to the libraries, and that ldconfig is to run
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/debian/shlibs "")
foreach(library liblockstep liblockstep_train)
  file(APPEND ${CMAKE_CURRENT_BINARY_DIR}/debian/shlibs
    "${library} ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} lockstep (>= ${PROJECT_VERSION})\n")
endforeach()
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/debian/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_BINARY_DIR}/debian/shlibs ${CMAKE_CURRENT_BINARY_DIR}/debian/triggers)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/PackageDebian.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
  WORLD_EXECUTE)
include(CPack)
