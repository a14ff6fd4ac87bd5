#!/usr/bin/env bash
# Networks of other programs in one format (foreign.py). MODEL: one of lockstep's own, whose weights change on the way.
#   foreign.sh ROOT LOCKSTEP FORMAT MODEL
set -euo pipefail
exec "$1/tests/exchange/python.sh" "$1" "$3" "$1/tests/exchange/foreign.py" "$2" "$1/scripts" "$3" "$4"
