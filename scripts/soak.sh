#!/usr/bin/env bash
# Attacks lockstep for hours: kills, failing file calls and allocations, damaged files, full disks, simultaneous starts,
# lost nodes, fuzzing. Every part but fuzzing is a test of CI, here in its long form.
#   scripts/soak.sh [--quick] [--list] [PART…]
#
#   --quick   each part as short as in CI
#   --list    the parts
# Without a PART all are run. Settings in the environment: BUILD, a build directory with tests (default build/release);
# FUZZ_SECONDS for each target, default 900; SEED repeats a sequence of kills.
# At the end stands a table with a line for each part; what they print is in soak-PART.log of the directory SOAK_LOGS
# (default build/soak). The exit code is 1 if a part failed.
# shellcheck disable=SC2317 # functions are called by their names in `parts`
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$PWD build=$(realpath "${BUILD:-build/release}") logs=${SOAK_LOGS:-build/soak}
faults=$root/tests/faults program=$build/lockstep library=$build/tests/libfaults
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_pml=${OMPI_MCA_pml:-ob1}

# PART|what it does|arguments of the long form|arguments of the short form: words of the function of that name
parts="
kills|random kills, each resumed on another layout|300|4
file_calls|every file call fails, or the process is killed there|1|167
file_calls_ranks|the same on two ranks|1|431
allocations|every allocation fails|1|127
allocations_ranks|the same on two ranks|1|607
damage|flips, zeros and cuts of every file|1|97
full_disk|a file system that runs full||
pairs|two starts of one name|50|4
stops|ranks that stop, die or hang in every command|40|1
restarts|scripts/launch.sh after kills and errors||
copies|hosts that are lost with their disks||
cluster|lost nodes, restarts without them||
slurm|killed and preempted jobs||
fuzz|fuzz targets, each for some seconds|${FUZZ_SECONDS:-900}|20
"

kills() { "$faults/kills.sh" "$root" "$program" "$1" "${mpirun[@]}"; }
file_calls() { "$faults/file_calls.sh" "$root" "$program" "${library}_file_calls.so" "$1"; }
file_calls_ranks() { "$faults/file_calls.sh" "$root" "$program" "${library}_file_calls.so" "$1" "${mpirun[@]}"; }
allocations() { "$faults/allocations.sh" "$root" "$program" "${library}_allocator.so" "$1"; }
allocations_ranks() { "$faults/allocations.sh" "$root" "$program" "${library}_allocator.so" "$1" "${mpirun[@]}"; }
damage() { "$faults/damage.sh" "$root" "$program" "$build/tests/faults_damage" "$1"; }
full_disk() { "$faults/full_disk.sh" "$root" "$program"; }
pairs() { "$faults/pairs.sh" "$root" "$program" "$1" "${mpirun[@]}"; }
restarts() { "$faults/restarts.sh" "$root" "$program" "${mpirun[@]}"; }
copies() { "$faults/copies.sh" "$root" "$program" "${mpirun[@]}"; }
cluster() { ctest --test-dir "$build" -R '^cluster\.' --output-on-failure; }
slurm() { ctest --test-dir "$build" -R '^slurm$' --output-on-failure; }
stops() {
  cmake --build "$build" --target faults_stall >/dev/null
  "$faults/stopped_rank.sh" "$program" "${library}_stall.so" "$1" "${mpirun[@]}"
}
fuzz() { "$root/scripts/fuzz.sh" --seconds "$1"; }

chosen=() short=no
for word in "$@"; do
  case $word in
    --quick) short=yes ;;
    --list) awk -F'|' 'NF > 1 { printf "%-18s %s\n", $1, $2 }' <<<"$parts" && exit 0 ;;
    --help) sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit 0 ;;
    *)
      grep -q "^$word|" <<<"$parts" || { echo "soak.sh: there is no part '$word'; --list shows them" >&2 && exit 2; }
      chosen+=("$word")
      ;;
  esac
done

[[ -f $build/CMakeCache.txt ]] || build "$build" -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON
cmake --build "$build" --parallel "$(nproc)" --target lockstep faults_allocator faults_file_calls faults_damage >/dev/null
read -ra mpirun <"$build/tests/mpirun" # the words that start ranks
mkdir -p "$logs"

table="" status=0
while IFS='|' read -r -u 3 part what long quick; do
  [[ -n $part ]] || continue
  [[ ${#chosen[@]} -eq 0 || " ${chosen[*]} " == *" $part "* ]] || continue
  argument=$long code=0 began=$SECONDS log=$logs/soak-$part.log
  [[ $short == no ]] || argument=$quick
  echo "soak: $part ($what)"
  "$part" "$argument" >"$log" 2>&1 || code=$?
  result=passed
  [[ $code -ne 77 ]] || result=skipped
  [[ $code -eq 0 || $code -eq 77 ]] || { result=FAILED && status=1; }
  last=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 || true)
  table+=$(printf '%-18s %-8s %6d s  %s' "$part" "$result" $((SECONDS - began)) "$last")$'\n'
done 3<<<"$parts"
printf '\n%-18s %-8s %8s  %s\n%s' part result time "last line of its log" "$table"
exit "$status"
