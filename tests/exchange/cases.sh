#!/usr/bin/env bash
# Makes the models of cases.py in PLACE.
#   cases.sh ROOT LOCKSTEP PLACE
set -euo pipefail
rm -rf "$3"
exec "$1/tests/exchange/python.sh" "$1" npz "$1/tests/exchange/cases.py" "$2" "$3"
