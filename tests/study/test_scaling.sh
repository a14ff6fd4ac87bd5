#!/usr/bin/env bash
# Runs test_scaling.py with a Python that has what it needs, or says why not.
#   test_scaling.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM
set -euo pipefail
if ! "$1/scripts/python.sh" -c ''; then
  exit 77
fi
MPLCONFIGDIR=$(mktemp -d)
export MPLCONFIGDIR PYTHONDONTWRITEBYTECODE=1
trap 'rm -rf "$MPLCONFIGDIR"' EXIT
"$1/scripts/python.sh" "$1/tests/study/test_scaling.py" "$1/scripts/scaling.py" "$2"
