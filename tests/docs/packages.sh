#!/usr/bin/env bash
# The table of packages in docs/guide/installation.md is that of cmake/Packages.cmake, which CMake's messages use.
#   packages.sh ROOT_OF_THE_REPOSITORY CMAKE
set -euo pipefail
if ! "$2" -P "$1/cmake/Packages.cmake" | diff -u - <(sed -n '/^| library /,/^$/{/^$/d;p}' "$1/docs/guide/installation.md"); then
  echo "docs/guide/installation.md has another table: cmake -P cmake/Packages.cmake" >&2
  exit 1
fi
