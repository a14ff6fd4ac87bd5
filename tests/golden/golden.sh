#!/usr/bin/env bash
# Small runs that together use every name of the program's tables, and the checksums of the parameters that they must end
# with: whatever the compiler, the MPI library, the ranks and the instruction set.
#   golden.sh ROOT LOCKSTEP [MPIRUN...]            compares with checksums.txt; MPIRUN... takes the number of ranks as its last
#                                                  word, GOLDEN_RANKS (1)
#   golden.sh --update ROOT LOCKSTEP               writes checksums.txt anew: after a change that is meant to change bits
#   golden.sh --update=CONDITIONS ROOT LOCKSTEP    adds lines that hold under these conditions alone, say --update=sleef=3.9,
#                                                  for the runs that differ here: after a library's change
# All of it for each instruction set that `lockstep --version` says this CPU supports, by LOCKSTEP_ISA. A run is also stopped
# at a checkpoint under one of them and gone on with under another. Exit code 1: something differs or does not work.
# GOLDEN_LEAVES in the environment: a folder where data/ and runs/ are left for other tests. GOLDEN_TURNS: the instruction sets
# take turns, so that each run is made under one of them, and one run is stopped.
set -euo pipefail
update=no conditions=
case ${1:-} in
--update) update=all && shift ;;
--update=*) update=some conditions=${1#*=} && conditions=${conditions//,/ } && shift ;;
esac
if [[ $# -lt 2 || ($update != no && $# -gt 2) ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
root=$(realpath "$1")
program=$(realpath "$2")
shift 2
launch=("$@")
[[ $# -eq 0 ]] || launch+=("${GOLDEN_RANKS:-1}")
golden=$root/tests/golden
checksums=$golden/checksums.txt
stopped_run=norms stopped_at=13 # within an epoch

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export LC_ALL=C
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_ess_singleton_isolated=${OMPI_MCA_ess_singleton_isolated:-1} # a process alone needs no daemon beside it
unset LOCKSTEP_ISA
: >failures
fail() { echo "$*" | tee -a failures; }

# ---- what checksums.txt has for this machine ----

# Lines `name version`: names in lower case, of everything that --version names and of the C library.
"$program" --version >version
{
  sed -nE 's/^([A-Za-z][A-Za-z0-9 _-]*) v?([0-9][^ ]*).*$/\1 \2/p' version | awk '{ v = $NF; NF--; gsub(" ", ""); print tolower($0), v }'
  ldd --version 2>&1 | sed -nE '1s/.*(GLIBC|GNU libc).* ([0-9.]+)$/glibc \2/p'
} >facts

# The checksum of run $1: of the lines whose conditions hold here, the one with the most.
recorded() {
  awk -v run="$1" '
    FNR == NR { version[$1] = $2; next }
    { sub("#.*", "") }
    $1 != run { next }
    {
      for (i = 3; i <= NF; i++) {
        split($i, want, "=")
        have = version[want[1]]
        if (have != want[2] && index(have, want[2] ".") != 1) next
      }
      if (NF >= best) { best = NF; found = $2 }
    }
    END { print found }' facts "$checksums"
}

# ---- runs ----

# A section of a closed form names the command.
verb_of() { sed -nE 's/^(solve|components|density):.*/\1/p' "$1" | grep . || echo train; }
value() { sed -nE "s/.*\"$2\": \"?([-+.0-9a-z]+).*/\1/p" "runs/$1/summary.json"; }

# trained NAME CONFIG WORDS...: what it prints goes to NAME.log.
trained() {
  local name=$1 config=$2
  shift 2
  ${launch[@]+"${launch[@]}"} "$program" "$(verb_of "$config")" "$config" name="$name" "$@" >"$name.log" 2>&1
}

# The last loss is a finite number, and below that of the first epoch: numbers that have run off would all be alike.
learns() {
  local log=runs/$1/log.jsonl
  [[ ! -e runs/$1-member-1 ]] || log=runs/$1-member-1/log.jsonl # of an ensemble the members have epochs
  [[ $(value "$1" train_loss) =~ ^[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$ ]] || return 1
  [[ $(verb_of "$golden/$1.yaml") != train ]] || sed -n '/"event": *"epoch"/s/.*"train_loss": *\([^,}]*\).*/\1/p' "$log" |
    awk '{ loss[NR] = $1 + 0 } $1 !~ /^[-+.0-9e]+$/ { bad = 1 } END { exit bad || NR < 2 || loss[NR] >= loss[1] }'
}

# Runs CONFIG under the instruction set ISA; its checksum goes to ISA.sums. Returns 1 if the CPU cannot run it so.
run_one() {
  local config=$1 isa=$2 name sum
  name=$(basename "$config" .yaml)
  if ! trained "$name" "$config"; then
    if grep -q 'train\.precision: .*CPU' "$name.log"; then
      echo "$name: isa $isa: not on this CPU"
      return 1
    fi
    fail "$name: isa $isa: does not run: $(tail -n 3 "$name.log")"
    return 0
  fi
  learns "$name" || fail "$name: isa $isa: does not learn, or its loss is not finite: $(tail -n 3 "$name.log")"
  sum=$(value "$name" parameters_checksum)
  echo "$name $sum" >>"$isa.sums"
  [[ $update == no ]] || return 0
  compare "$name" "$isa" "$sum"
}

# compare NAME ISA CHECKSUM [HOW]
compare() {
  local want
  want=$(recorded "$1")
  if [[ -z $want ]]; then
    fail "$1: isa $2: parameters_checksum $3, checksums.txt has none: golden.sh --update writes it"
  elif [[ $3 != "$want" ]]; then
    fail "$1: isa $2: parameters_checksum $3, golden is $want${4:+ ($4)}"
  fi
}

# Stops a run under the instruction set $1 and goes on under $2; what whole runs came to is what it must come to.
run_stopped() {
  local config=$golden/$stopped_run.yaml name=stopped-$1-$2 words=('checkpoint.every=1000000 steps')
  isa_set "$1"
  trained "$name" "$config" "${words[@]}" train.steps=$stopped_at || { fail "$name: $(tail -n 3 "$name.log")" && return; }
  [[ -e runs/$name/checkpoint-000000$stopped_at.h5 ]] || fail "$name: no checkpoint of step $stopped_at"
  isa_set "$2"
  trained "$name" "$config" --resume "${words[@]}" || { fail "$name: $(tail -n 3 "$name.log")" && return; }
  grep -q "going on from step $stopped_at" "$name.log" || fail "$name: did not go on from step $stopped_at"
  if [[ $update == no ]]; then
    compare "$stopped_run" "$2" "$(value "$name" parameters_checksum)" "stopped at step $stopped_at under $1"
  elif [[ $(value "$name" parameters_checksum) != "$(awk -v run=$stopped_run '$1 == run { print $2 }' "$2.sums")" ]]; then
    fail "$stopped_run: stopped under $1 and gone on with under $2, it has another checksum than in one piece"
  fi
}

isa_set() { if [[ $1 == default ]]; then unset LOCKSTEP_ISA; else export LOCKSTEP_ISA=$1; fi; }

"$golden/data.sh" "$root" "$program" >data.log 2>&1 || { cat data.log; exit 1; }
read -ra isas < <(sed -nE 's/^isa .*\(this CPU supports: *([^)]*)\).*/\1/p' version | tr ',' ' ') || true
[[ ${#isas[@]} -gt 0 ]] || isas=(default)
for isa in "${isas[@]}"; do
  isa_set "$isa"
  [[ $isa == default ]] || "$program" --version | grep -q "^isa $isa " || fail "isa $isa: LOCKSTEP_ISA does not choose it"
  : >"$isa.sums"
done
configs=("$golden"/*.yaml)
for i in "${!configs[@]}"; do
  for ((k = 0; k < ${#isas[@]}; k++)); do
    isa=${isas[(i + k) % ${#isas[@]}]}
    isa_set "$isa"
    if run_one "${configs[i]}" "$isa" && [[ -n ${GOLDEN_TURNS:-} ]]; then break; fi
  done
done
for isa in "${isas[@]}"; do echo "isa $isa: $(wc -l <"$isa.sums") runs"; done
for i in "${!isas[@]}"; do
  run_stopped "${isas[i]}" "${isas[(i + 1) % ${#isas[@]}]}"
  [[ -z ${GOLDEN_TURNS:-} ]] || break
done
isa_set default

# ---- --update ----

# checksums.txt with the lines of the file $1, which get the conditions $2: in the place of those with the same conditions, or,
# when all is written anew, of all lines of their runs, and without runs that are no more.
rewritten() {
  grep '^#' "$checksums" || true
  awk -v conditions="$2" -v all="$update" -v runs=" $(cd "$golden" && printf '%s ' *.yaml)" '
    FILENAME == ARGV[1] { sum[$1] = $2; next }
    /^#/ || !NF { next }
    all == "all" && !index(runs, " " $1 ".yaml ") { next }
    { rest = $0; sub(/^[^ ]+ +[^ ]+ */, "", rest) }
    !($1 in sum) || (all != "all" && rest != conditions) { print }
    END { for (name in sum) printf("%-20s %s%s\n", name, sum[name], conditions == "" ? "" : "  " conditions) }' "$1" "$checksums" | sort
}

if [[ $update != no ]]; then
  sort -u ./*.sums >sums
  for name in $(cut -d' ' -f1 sums | uniq -d); do
    fail "$name: instruction sets differ: $(grep "^$name " ./*.sums | tr '\n' ' ')"
  done
  if [[ -s failures ]]; then
    echo "checksums.txt is as it was"
    exit 1
  fi
  if [[ $update == all ]]; then
    cp sums new
  else
    while read -r name sum; do
      [[ $sum == "$(recorded "$name")" ]] || echo "$name $sum"
    done <sums >new
  fi
  rewritten new "$conditions" >written
  if diff "$checksums" written >difference; then echo "nothing has changed"; else grep '^[<>]' difference; fi
  cp written "$checksums"
  for config in "$golden"/*.yaml; do
    name=$(basename "$config" .yaml)
    grep -q "^$name " sums || echo "$name does not run on this CPU: its lines are as they were"
  done
fi

# ---- every name is used, and every line of checksums.txt belongs to a run ----

"$program" info --reference >reference.md
configs=()
for config in "$golden"/*.yaml; do
  settings=runs/$(basename "$config" .yaml)/config.yaml
  if [[ -e $settings ]]; then configs+=("$settings"); else configs+=("$config"); fi
done
awk -f "$golden/names.awk" "$golden/exceptions.txt" reference.md "${configs[@]}" | sort >unused
while IFS= read -r line; do fail "$line"; done <unused
if [[ $update == no ]]; then
  awk '{ sub("#.*", "") } NF { print $1 }' "$checksums" | sort -u >names
  while read -r name; do
    [[ -e $golden/$name.yaml ]] || fail "checksums.txt has $name, and there is no $name.yaml"
  done <names
fi

[[ ! -s failures ]]
if [[ -n ${GOLDEN_LEAVES:-} ]]; then
  rm -rf "$GOLDEN_LEAVES"
  mkdir -p "$GOLDEN_LEAVES"
  cp -r data runs "$GOLDEN_LEAVES"
fi
