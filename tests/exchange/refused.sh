#!/usr/bin/env bash
# What export refuses and leaves out (refused.py).
#   refused.sh ROOT LOCKSTEP CASES
set -euo pipefail
exec "$1/tests/exchange/python.sh" "$1" npz "$1/tests/exchange/refused.py" "$2" "$1/scripts" "$3"
