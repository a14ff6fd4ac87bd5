#!/usr/bin/env bash
# Files of weights that another program wrote wrong (adopt.py).
#   adopt.sh ROOT LOCKSTEP MODEL
set -euo pipefail
exec "$1/tests/exchange/python.sh" "$1" npz "$1/tests/exchange/adopt.py" "$2" "$1/scripts" "$3"
