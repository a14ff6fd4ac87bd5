#!/usr/bin/env bash
# Builds the examples against an installed lockstep, by CMake's find_package and by pkg-config. They predict what
# `lockstep predict` of the installed program predicts. The libraries export ls_ alone.
#   examples.sh PREFIX CMAKE
# A Fortran compiler, NumPy and the archives' own libraries may be missing, not with CI set.
set -euo pipefail
prefix=$(realpath "$1") cmake=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
exec </dev/null
export OMP_WAIT_POLICY=passive
fail() { echo "$*" >&2; exit 1; }
quietly() { "$@" >"$place/log" 2>&1 || fail "$*:"$'\n'"$(tail -20 "$place/log")"; }
left_out() {
  echo "left out: $*"
  [[ -z ${CI:-} ]] || exit 1
}

lib=$(dirname "$(find "$prefix"/lib* -name 'liblockstep.so' | head -1)")
hidden=$(nm -D --defined-only "$lib/liblockstep.so" | grep -v ' ls_\| LOCKSTEP_' || true)
[[ -z $hidden ]] || fail "liblockstep exports more than ls_: $hidden"
global=$(nm --defined-only --extern-only "$lib/liblockstep.a" | grep ' [A-Z] ' | grep -v ' ls_' || true)
[[ -z $global ]] || fail "liblockstep.a exports more than ls_: $(head -3 <<<"$global")"
hidden=$(nm -D --defined-only "$lib/liblockstep_train.so" | grep -v ' ls_\| LOCKSTEP_' || true)
[[ -z $hidden ]] || fail "liblockstep_train exports more than ls_: $hidden"
! readelf -d "$lib/liblockstep.so" | grep -qE 'NEEDED.*(mpi|gomp|omp|lapack)' || fail "liblockstep needs MPI, OpenMP or LAPACK"

cd "$place"
awk 'BEGIN { print "T,k"; for (i = 0; i <= 400; i++) print i / 400 "," 0.2 + (i / 400) ^ 2 }' >conductivity.csv
quietly "$prefix/bin/lockstep" import conductivity.csv conductivity.h5 --label k --regression --shuffle 1 --split train=0.9,test=0.1
quietly "$prefix/bin/lockstep" train "$prefix/share/lockstep/examples/fortran/conductivity.yaml"
quietly "$prefix/bin/lockstep" predict runs/conductivity conductivity.csv --out expected.csv
cut -d, -f2 expected.csv | tail -n +2 >expected

quietly "$cmake" -S "$prefix/share/lockstep/examples" -B built -DCMAKE_PREFIX_PATH="$prefix"
quietly "$cmake" --build built
built/predict runs/conductivity/model.h5 <conductivity.csv >found
cmp expected found || fail "the example found by CMake predicts something else than lockstep predict"

export PKG_CONFIG_PATH=$lib/pkgconfig
flags=$(pkg-config --cflags --libs lockstep)
# shellcheck disable=SC2086
quietly "${CC:-cc}" "$prefix/share/lockstep/examples/c/predict.c" -o shared $flags -Wl,-rpath,"$lib"
./shared runs/conductivity/model.h5 <conductivity.csv | cmp expected - || fail "the example by pkg-config differs"
mkdir static # a folder with the archive alone
cp "$lib/liblockstep.a" static
flags=$(pkg-config --static --libs lockstep | sed "s|-L${prefix}[^ ]*||")
# shellcheck disable=SC2086
quietly "${CC:-cc}" "$prefix/share/lockstep/examples/c/predict.c" -o single -I"$prefix/include" -Lstatic $flags
./single runs/conductivity/model.h5 <conductivity.csv | cmp expected - || fail "the example with the archive differs"

python=${PYTHON:-python3}
"$python" -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
if "$python" -c 'import numpy' 2>/dev/null; then
  export PYTHONPATH=$prefix/share/lockstep PYTHONDONTWRITEBYTECODE=1
  [[ $prefix == /usr ]] || export LOCKSTEP_LIBRARY=$lib/liblockstep.so
  "$python" "$prefix/share/lockstep/examples/python/predict.py" runs/conductivity/model.h5 <conductivity.csv >found
  cmp expected found || fail "the example in Python predicts something else than lockstep predict"
else
  left_out "predict.py, for want of NumPy"
fi

if [[ -x built/heat ]]; then
  built/heat runs/conductivity/model.h5 50 2000 >heat.log || fail "heat: $(cat heat.log)"
  awk '/largest error/ { exit !($NF < 0.02) }' heat.log || fail "heat: $(cat heat.log)"
else
  left_out "heat.f90, for want of a Fortran compiler"
fi
if [[ -x built/insitu ]]; then
  quietly built/insitu 60 500
  grep -q '^epoch 40: validation loss' "$place/log" || fail "the example insitu does not train: $(cat "$place/log")"
fi

! built/predict nothing.h5 </dev/null 2>error || fail "predict works without a model"
grep -q 'nothing.h5: No such file' error || fail "no word of the missing file: $(cat error)"
echo "the examples predict the same bits"
