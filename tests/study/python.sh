#!/usr/bin/env bash
# Runs test_NAME.py on scripts/NAME.py with a Python that has what it needs, or says why not.
#   python.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM NAME [CLASS…]
set -euo pipefail
LOCKSTEP_PYTHON=$("$1/scripts/python.sh" -c 'import sys; print(sys.executable)') || exit 77
MPLCONFIGDIR=$(mktemp -d)
export LOCKSTEP_PYTHON MPLCONFIGDIR PYTHONDONTWRITEBYTECODE=1
trap 'rm -rf "$MPLCONFIGDIR"' EXIT
"$LOCKSTEP_PYTHON" "$1/tests/study/test_$3.py" "$1/scripts/$3.py" "$2" "${@:4}"
