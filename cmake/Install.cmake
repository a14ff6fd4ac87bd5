# What is installed beside the program (CMakeLists.txt), the library (Library.cmake), man pages and completions
# (Pages.cmake): what users run, read and submit. The folders below share/lockstep lie as they do in a checkout, so scripts
# find each other.
set(share ${CMAKE_INSTALL_DATADIR}/lockstep)
file(GLOB scripts CONFIGURE_DEPENDS scripts/*.py)
list(FILTER scripts EXCLUDE REGEX "/compare_") # comparisons with other programs need the tests' files
install(PROGRAMS ${scripts} scripts/launch.sh scripts/python.sh DESTINATION ${share}/scripts)
install(DIRECTORY scripts/study scripts/exchange scripts/pictures scripts/report DESTINATION ${share}/scripts
  FILES_MATCHING PATTERN "*.py")
install(FILES slurm/launch.sh slurm/restart.sh DESTINATION ${share}/slurm)
install(PROGRAMS slurm/train.sbatch slurm/scaling.sbatch slurm/sweep.sbatch DESTINATION ${share}/slurm)
install(DIRECTORY configs DESTINATION ${share})
install(DIRECTORY examples DESTINATION ${share} USE_SOURCE_PERMISSIONS)
install(FILES fortran/lockstep.f90 python/lockstep.py DESTINATION ${share})

install(FILES README.md CHANGELOG.md LICENSE TYPE DOC)
install(DIRECTORY docs TYPE DOC)
foreach(project Random123 xxHash)
  install(FILES third_party/${project}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.${project})
endforeach()
