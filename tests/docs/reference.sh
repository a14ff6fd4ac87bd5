#!/usr/bin/env bash
# docs/reference.md is what the program says of its settings.
#   reference.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if ! "$2" info --reference | diff -u "$1/docs/reference.md" -; then
  echo "docs/reference.md is out of date: lockstep info --reference > docs/reference.md" >&2
  exit 1
fi
