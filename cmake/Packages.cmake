# The packages that hold what lockstep is built with, by their names in several systems.
#   cmake -P cmake/Packages.cmake   prints the table of docs/guide/installation.md
# A row: key | what is needed | Debian, Ubuntu | Fedora, EPEL | Spack | conda-forge | Homebrew
# An empty name: that system has no such package.
set(lockstep_packages
  "MPI       |MPI 3                      |libopenmpi-dev openmpi-bin|openmpi-devel  |openmpi       |openmpi     |open-mpi"
  "OpenMP    |OpenMP 4.5                 |libgomp1                  |libgomp        |              |libgomp     |libomp"
  "HDF5      |HDF5 1.10                  |libhdf5-dev               |hdf5-devel     |hdf5~mpi      |hdf5        |hdf5"
  "SLEEF     |SLEEF 3.5                  |libsleef-dev              |sleef-devel    |sleef         |sleef       |sleef"
  "LAPACKE   |LAPACKE                    |liblapacke-dev            |lapack-devel   |openblas      |liblapacke  |lapack"
  "LibYAML   |libyaml                    |libyaml-dev               |libyaml-devel  |libyaml       |yaml        |libyaml"
  "ZLIB      |zlib                       |zlib1g-dev                |zlib-devel     |zlib-api      |zlib        |zlib"
  "Threads   |POSIX threads              |libc6-dev                 |glibc-devel    |              |            |"
  "Criterion |Criterion, only for tests  |libcriterion-dev          |               |              |            |criterion")

# system | the command that installs its packages
set(lockstep_systems
  "Debian, Ubuntu|apt install"
  "Fedora, EPEL|dnf install"
  "Spack|spack install"
  "conda-forge|conda install -c conda-forge"
  "Homebrew|brew install")

# lockstep_package_row(KEY OUT): the cells of a row, as a list; an empty cell is "-".
function(lockstep_package_row key out)
  foreach(row ${lockstep_packages})
    if(row MATCHES "^${key} *[|]")
      string(REGEX REPLACE " *[|]" "|" row "${row}")
      string(REPLACE "||" "|-|" row "${row}")
      string(REPLACE "||" "|-|" row "${row}")
      string(REGEX REPLACE "[|]$" "|-" row "${row}")
      string(REPLACE "|" ";" row "${row}")
      set(${out} "${row}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "cmake/Packages.cmake has no row ${key}")
endfunction()

# lockstep_packages_text(OUT KEY...): what is missing, and for each system the command that installs all of it.
function(lockstep_packages_text out)
  set(text "")
  foreach(key ${ARGN})
    lockstep_package_row(${key} row)
    list(GET row 1 what)
    string(APPEND text "\n  - ${what}")
  endforeach()
  set(column 1)
  foreach(system ${lockstep_systems})
    math(EXPR column "${column} + 1")
    string(REGEX MATCH "^[^|]*" name "${system}")
    string(REGEX REPLACE "^[^|]*[|]" "" command "${system}")
    set(packages "")
    set(lacks "")
    foreach(key ${ARGN})
      lockstep_package_row(${key} row)
      list(GET row ${column} package)
      if(package STREQUAL "-")
        list(GET row 1 what)
        list(APPEND lacks "${what}")
      else()
        list(APPEND packages "${package}")
      endif()
    endforeach()
    list(JOIN packages " " packages)
    list(JOIN lacks "; " lacks)
    string(APPEND text "\n  ${name}:")
    if(packages)
      string(APPEND text " ${command} ${packages}")
    endif()
    if(lacks)
      string(APPEND text " (has no package of: ${lacks})")
    endif()
  endforeach()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  set(table "| library |")
  set(rule "| --- |")
  foreach(system ${lockstep_systems})
    string(REGEX REPLACE "[|].*" "" system "${system}")
    string(APPEND table " ${system} |")
    string(APPEND rule " --- |")
  endforeach()
  string(APPEND table "\n${rule}")
  foreach(row ${lockstep_packages})
    string(REGEX MATCH "^[A-Za-z0-9]*" key "${row}")
    lockstep_package_row(${key} row)
    list(REMOVE_AT row 0)
    list(JOIN row " | " row)
    string(REPLACE " - " "  " row "| ${row} |")
    string(REPLACE " - " "  " row "${row}")
    string(APPEND table "\n${row}")
  endforeach()
  execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${table}") # message() writes to the other stream
endif()
