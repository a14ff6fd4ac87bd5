#!/usr/bin/env bash
# Runs Python with the modules that look at lockstep's files: the first of `python3` on PATH and the system's
# /usr/bin/python3 that has h5py, numpy, matplotlib and PyYAML.
#   scripts/python.sh SCRIPT ARGUMENTS…      scripts/python.sh - <<'END' … END
#   LOCKSTEP_PYTHON=PROGRAM                  in the environment: this Python is tried first
set -euo pipefail

# The modules that this Python lacks, on one line.
missing() {
  "$1" -c '
from importlib.util import find_spec
print(*[name for name in ("h5py", "numpy", "matplotlib", "yaml") if find_spec(name) is None])' 2>/dev/null ||
    echo "Python itself"
}

reasons=()
for python in ${LOCKSTEP_PYTHON:+"$LOCKSTEP_PYTHON"} python3 /usr/bin/python3; do
  lacking=$(missing "$python")
  if [[ -z $lacking ]]; then
    exec "$python" "$@"
  fi
  reasons+=("$python lacks $lacking")
done
printf 'python.sh: %s\n' "${reasons[@]}" >&2
echo "python.sh: Debian and Ubuntu have them as python3-h5py python3-numpy python3-matplotlib python3-yaml" >&2
exit 1
