#!/usr/bin/env bash
# The program under emulated CPUs: one below the baseline gets one line and exit code 1, those of the baseline train to
# the bits that this machine has.
#   old_cpus.sh ROOT LOCKSTEP
set -euo pipefail
root=$(realpath "$1")
program=$(realpath "$2")
emulator=$(command -v qemu-x86_64 || command -v qemu-x86_64-static || true)
if [[ -z $emulator ]]; then
  echo "no qemu-x86_64: scripts/setup.sh --qemu installs it" >&2
  if [[ -n ${CI:-} ]]; then exit 1; else exit 77; fi
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
unset LOCKSTEP_ISA
failed=0
fail() {
  echo "$*" >&2
  failed=1
}

# under CPU WORDS...: the program's exit code; what it prints goes to out and err. The emulator's own warnings, of features
# that a CPU has and it has not, are no part of that.
under() {
  local cpu=$1 code=0
  shift
  "$emulator" -cpu "$cpu" "$program" "$@" >out 2>all || code=$?
  grep -v "warning: TCG doesn't support requested feature" all >err || true
  return "$code"
}

# ---- below the baseline ----

# refuses CPU NAMES: of what it lacks
refuses() {
  local code=0 expected="lockstep: this CPU lacks $2; lockstep needs x86-64-v3 (Intel since 2013, AMD since 2017)"
  under "$1" --version || code=$?
  [[ $code -eq 1 ]] || fail "$1: exit code $code in place of 1"
  [[ $(cat err) == "$expected" && ! -s out ]] || fail "$1: printed '$(cat out err)' in place of '$expected'"
}
refuses Nehalem "AVX, AVX2, FMA, F16C, MOVBE, BMI1, BMI2, LZCNT"
if ! under max --version && grep -q 'lacks AVX,' err; then
  echo "$("$emulator" --version | head -n 1): has no AVX2, so nothing else can be tried" >&2
  exit "$failed"
fi
# not BMI1 alone: the C library takes it for granted beside BMI2, so every program fails on such a CPU
for feature in avx2:AVX2 fma:FMA f16c:F16C movbe:MOVBE bmi2:BMI2 abm:LZCNT; do
  refuses "Haswell,-${feature%%:*}" "${feature##*:}"
done

# ---- from the baseline on ----

export OMPI_MCA_pml=ob1
words=(train "$root/configs/iris.yaml" data.file=data.h5 runs=runs train.epochs=2 parallel.threads=1)
"$program" import --make spirals data.h5 --rows 600 --classes 3 --noise 0.02 --seed 1 --split train=0.8,test=0.2 >/dev/null
"$program" "${words[@]}" name=here >out 2>&1 || fail "here: $(cat out)"
checksum() { sed -n 's/.*"parameters_checksum": *"\([^"]*\)".*/\1/p' "runs/$1/summary.json"; }
for cpu in Haswell EPYC max; do
  under "$cpu" --version || fail "$cpu: $(cat err)"
  grep -q '^isa avx2 (this CPU supports: avx2' out || fail "$cpu: $(grep '^isa' out)"
  under "$cpu" "${words[@]}" "name=$cpu" || fail "$cpu: $(cat err)"
  [[ $(checksum "$cpu") == "$(checksum here)" ]] || fail "$cpu: trains to $(checksum "$cpu"), here to $(checksum here)"
done
exit "$failed"
