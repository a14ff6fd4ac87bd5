# liblockstep: predictions for other programs, without MPI and OpenMP. Both forms consist of the objects of the rooms
# that predictions need, and of no others. Only functions marked LS_API are visible (include/lockstep/export.h).
add_library(liblockstep SHARED $<TARGET_OBJECTS:lockstep_library>)
set_target_properties(liblockstep PROPERTIES OUTPUT_NAME lockstep EXPORT_NAME lockstep
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} INSTALL_RPATH_USE_LINK_PATH ON)
target_link_libraries(liblockstep PRIVATE lockstep_library)
target_link_options(liblockstep PRIVATE
  -Wl,--as-needed          # MPI and OpenMP belong to rooms, but to none of these objects
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/lockstep.map -Wl,--no-undefined)
set_target_properties(liblockstep PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/lockstep.map)
if(LOCKSTEP_SANITIZE)
  target_link_options(liblockstep PRIVATE -Wl,-z,undefs) # the sanitizers' own symbols come with the program
endif()
target_include_directories(liblockstep INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# The static form is one object in an archive, so that hidden symbols become local.
set(rooms library score optim features model loss data store layout comm config math base)
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_FILE:lockstep_\\1>" OUTPUT_VARIABLE archives)
set(object ${CMAKE_CURRENT_BINARY_DIR}/liblockstep.o)
set(archive ${CMAKE_CURRENT_BINARY_DIR}/liblockstep.a)
add_custom_command(OUTPUT ${archive}
  COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${object} $<TARGET_OBJECTS:lockstep_library>
    -Wl,--start-group ${archives} -Wl,--end-group
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
  COMMAND ${CMAKE_AR} rcs ${archive} ${object}
  DEPENDS lockstep_library ${archives} COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(liblockstep_static ALL DEPENDS ${archive})

# liblockstep_train: the same and training, which needs MPI and OpenMP. Only the shared form.
list(TRANSFORM training REPLACE "(.+)" "src/library/\\1.c" OUTPUT_VARIABLE sources)
add_library(lockstep_library_training STATIC ${sources})
target_link_libraries(lockstep_library_training PUBLIC lockstep_library lockstep_train PRIVATE lockstep_flags MPI::MPI_C)
add_library(liblockstep_train SHARED $<TARGET_OBJECTS:lockstep_library> $<TARGET_OBJECTS:lockstep_library_training>)
set_target_properties(liblockstep_train PROPERTIES OUTPUT_NAME lockstep_train EXPORT_NAME train
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} INSTALL_RPATH_USE_LINK_PATH ON)
target_link_libraries(liblockstep_train PRIVATE lockstep_library lockstep_train INTERFACE MPI::MPI_C)
get_target_property(options liblockstep LINK_OPTIONS)
target_link_options(liblockstep_train PRIVATE ${options})
set_target_properties(liblockstep_train PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/lockstep.map)
target_include_directories(liblockstep_train INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# what the archive needs beside itself, for pkg-config --static
set(private "")
foreach(library ${lockstep_hdf5_libraries} ${LOCKSTEP_sleef_LIBRARY} ${LOCKSTEP_yaml_LIBRARY})
  string(APPEND private " ${library}")
endforeach()
file(RELATIVE_PATH lockstep_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/lockstep.pc.in lockstep.pc @ONLY)
configure_file(cmake/lockstep-train.pc.in lockstep-train.pc @ONLY)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(lockstep-config-version.cmake COMPATIBILITY SameMinorVersion)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)
install(TARGETS liblockstep liblockstep_train EXPORT lockstep LIBRARY)
install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lockstep.pc ${CMAKE_CURRENT_BINARY_DIR}/lockstep-train.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT lockstep FILE lockstep-targets.cmake NAMESPACE lockstep:: DESTINATION ${package})
file(RELATIVE_PATH lockstep_up /${package} /)
configure_file(cmake/lockstep-config.cmake.in lockstep-config.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lockstep-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/lockstep-config-version.cmake DESTINATION ${package})
install(DIRECTORY include/lockstep TYPE INCLUDE)
