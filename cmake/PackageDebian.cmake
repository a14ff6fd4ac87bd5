# Run by cpack between installing into a folder of its own and packing it: what Debian wants of the files in a package.
# Man pages and the list of changes are compressed, and the licences are in one file, `copyright`.
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX})
set(doc ${root}/share/doc/lockstep)
find_program(GZIP gzip REQUIRED)
configure_file(${CMAKE_CURRENT_LIST_DIR}/../packaging/debian/copyright ${doc}/copyright COPYONLY)
file(REMOVE ${doc}/LICENSE ${doc}/LICENSE.Random123 ${doc}/LICENSE.xxHash)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, if that is set
file(WRITE ${doc}/changelog.Debian
"lockstep (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Package of lockstep ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB pages ${root}/share/man/man*/*.[15])
execute_process(COMMAND ${GZIP} -9 -n ${pages} ${doc}/changelog ${doc}/changelog.Debian
  COMMAND_ERROR_IS_FATAL ANY)
