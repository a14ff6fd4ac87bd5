#!/usr/bin/env bash
# Runs Python with the packages of an exchange format: the one in $LOCKSTEP_EXCHANGE, the environment that
# `scripts/setup.sh --exchange` (or `--keras`) makes, python3, or the system's. Ends with 77 and a line when none has them all.
#   python.sh ROOT FORMAT ARGUMENTS…       FORMAT: npz, onnx, pytorch or keras
set -euo pipefail
root=$1
format=$2
shift 2
declare -A needs=([npz]="" [onnx]="onnx onnxruntime" [pytorch]="torch" [keras]="keras jax")
read -ra modules <<<"h5py numpy yaml ${needs[$format]}"
for python in "${LOCKSTEP_EXCHANGE:-}" "$root/build/exchange/bin/python" python3 /usr/bin/python3; do
  if [[ -n $python ]] && command -v "$python" >/dev/null &&
    "$python" -c 'import sys; from importlib.util import find_spec; sys.exit(any(find_spec(m) is None for m in sys.argv[1:]))' \
      "${modules[@]}" 2>/dev/null; then
    exec "$python" "$@"
  fi
done
echo "no Python here has ${modules[*]}: scripts/setup.sh --exchange (--keras for Keras) installs them"
exit 77
