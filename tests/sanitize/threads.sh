#!/usr/bin/env bash
# Runs of one process with several threads under ThreadSanitizer, whose reports end a run: steps with a ring, streamed
# rows and windows, an ensemble, a line search, batch statistics, closed forms, clusters, densities, components, checkpoints,
# predictions. The results must be the golden ones.
#   threads.sh ROOT LOCKSTEP      LOCKSTEP is built with -DLOCKSTEP_THREADS=ON
set -euo pipefail
root=$(realpath "$1")
program=$(realpath "$2")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null

# clang's OpenMP tells ThreadSanitizer of its barriers through Archer; without it every parallel region looks like a race
archer=$(find /usr/lib/llvm-*/lib /usr/lib64 /usr/local/lib -name libarcher.so 2>/dev/null | sort | tail -n 1 || true)
if [[ -z $archer ]]; then
  echo "threads.sh: there is no libarcher.so (Debian and Ubuntu: libomp-dev)" >&2
  exit 1
fi
export OMP_TOOL_LIBRARIES=$archer ARCHER_OPTIONS=verbose=1
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1 exitcode=66 suppressions=$root/tests/sanitize/threads.supp"
export OMP_WAIT_POLICY=passive OMPI_MCA_ess_singleton_isolated=1

run() {
  if ! "$program" "$@" >log 2>&1; then
    cat log >&2
    echo "threads.sh: failed: lockstep $*" >&2
    exit 1
  fi
}

OMP_TOOL_LIBRARIES='' ARCHER_OPTIONS='' bash "$root/tests/golden/data.sh" "$root" "$program" >/dev/null
first=yes
for name in plain heads tables windows windows-classes ensemble norms lbfgs lars solve-ridge solve-bayesian kmeans minibatch \
  mixture mixture-diagonal density density-folds components components-randomized basis-pca variational; do
  command=$(sed -nE 's/^(solve|components|density):.*/\1/p' "$root/tests/golden/$name.yaml")
  command=${command:-train}
  run "$command" "$root/tests/golden/$name.yaml" name="$name" parallel.threads=3
  if [[ $first == yes ]] && ! grep -q "Archer detected OpenMP application" log; then
    echo "threads.sh: Archer does not work with this clang: $archer" >&2
    exit 1
  fi
  first=no
  checksum=$(sed -n 's/.*"parameters_checksum": *"\([0-9a-f]*\)".*/\1/p' "runs/$name/summary.json")
  if ! grep -Eq "^$name +$checksum" "$root/tests/golden/checksums.txt"; then
    echo "threads.sh: $name ends with the checksum $checksum, which is not golden" >&2
    exit 1
  fi
done
run train "$root/tests/golden/plain.yaml" name=saved parallel.threads=3 checkpoint.every='2 steps' train.steps=12
run train "$root/tests/golden/plain.yaml" name=saved parallel.threads=3 checkpoint.every='2 steps' train.steps=20 --resume
run eval runs/norms parallel.threads=3
run predict runs/norms data/classes.h5 --out out.h5 parallel.threads=3
