#!/usr/bin/env bash
# scripts/launch.sh starts again after a killed rank, to the bits of a run that was left alone, a training or a fit of clusters.
# It does not after an error that would come back, and a signal saves and ends. (tests/cluster/restart.sh loses a host.)
#   restarts.sh ROOT LOCKSTEP MPIRUN...
set -euo pipefail
program=$(realpath "$2")
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
export LOCKSTEP=$program LOCKSTEP_MPIRUN=$3 LOCKSTEP_OPTIONS="${*:4:$(($# - 4))}" # without -n
cd "$place"
well import --make spirals data.h5 --rows 500 --classes 3 --seed 1
cat >run.yaml <<'YAML'
data: {file: data.h5, scaling: standard}
model: {layers: [{dense: {units: 64, activation: relu}}, {dense: {units: 64, activation: relu}}, {dense: 3}]}
loss: cross_entropy
optimizer: adam
train: {epochs: 150, global_batch_size: 50}
checkpoint: {every: 5 epochs}
parallel: {threads: 1, shards: 4}
YAML

# launch NAME SETTINGS…: in the background; sets child.
launch() {
  "$root/scripts/launch.sh" --ranks 2 "${settings:-run.yaml}" "name=$1" "${@:2}" >out 2>&1 &
  child=$!
  runs=$((runs + 1))
}

# A rank of ours, once there is a checkpoint of run NAME.
rank_of() {
  local pid tries
  for ((tries = 0; tries < 20 * limit; tries++)); do
    ! compgen -G "runs/$1/checkpoint-*.h5" >/dev/null || break
    sleep 0.05
  done
  for pid in $(pgrep -x "$(basename "$program" | cut -c1-15)" || true); do
    [[ $(readlink "/proc/$pid/cwd") != "$place" ]] || { echo "$pid" && return; }
  done
}

# ends WHAT CODE TEXT: how the child ends, and what it says.
ends() {
  local code=0
  wait "$child" || code=$?
  [[ $code -eq $2 ]] || fail "$1: exit code $code"$'\n'"$(cat out)"
  grep -q -- "$3" out || fail "$1: nothing of '$3'"$'\n'"$(cat out)"
}

well train run.yaml name=whole
expected=$(summary whole parameters_checksum)
for ((attempt = 0; attempt < 5; attempt++)); do # a run may be over before its rank is killed
  rm -rf runs/killed
  launch killed
  pid=$(rank_of killed)
  [[ -z $pid ]] || { kill -KILL "$pid" && break; }
  wait "$child" || true
done
ends "a killed rank" 0 'restart 1 of at most 10'
[[ $(summary killed parameters_checksum) == "$expected" ]] || fail "a killed rank: other bits"

# A launcher that does not end after its ranks have gone, the first time.
cat >blocking <<'END'
#!/usr/bin/env bash
if [[ ! -e began ]]; then
  : >began
  sleep 0.5 &
  exec sleep 1000
fi
exec "$REAL" "$@"
END
chmod +x blocking
REAL=$LOCKSTEP_MPIRUN LOCKSTEP_MPIRUN=$place/blocking LOCKSTEP_PATIENCE=3 launch blocked
ends "a launcher that blocks" 0 'has not ended for 3 s'
[[ $(summary blocked parameters_checksum) == "$expected" ]] || fail "a launcher that blocks: other bits"

# A fit of clusters.
cat >fit.yaml <<'YAML'
data: {file: data.h5, scaling: standard}
cluster: {k: 20, starts: 1000, tolerance: 0}
train: {epochs: 1500}
checkpoint: {every: 50 epochs}
parallel: {threads: 1, shards: 4}
YAML
well cluster fit.yaml name=fit
expected=$(summary fit parameters_checksum)
for ((attempt = 0; attempt < 5; attempt++)); do
  rm -rf runs/clusters
  settings=fit.yaml LOCKSTEP_COMMAND=cluster launch clusters
  pid=$(rank_of clusters)
  [[ -z $pid ]] || { kill -KILL "$pid" && break; }
  wait "$child" || true
done
ends "a killed rank of a fit" 0 'restart 1 of at most 10'
[[ $(summary clusters parameters_checksum) == "$expected" ]] || fail "a killed rank of a fit: other bits"
LOCKSTEP_COMMAND=eval launch eval
ends "a command without --resume" 2 "not 'eval'"

launch wrong optimizer.learning_rate=no
ends "a wrong setting" 2 'learning_rate'
! grep -q 'restart 1' out || fail "a wrong setting is tried again"
launch diverges optimizer.learning_rate=1e30
ends "a run that diverges" 1 'again without a new checkpoint'

# As many ranks as the hosts have slots. The launcher here only says its words.
printf 'localhost slots=2\nb slots=3\n# no host\nc slots=5\nd\n' >hosts
cat >saying <<'END'
#!/usr/bin/env bash
echo "words: $*"
exit 3
END
chmod +x saying
LOCKSTEP_OPTIONS='' LOCKSTEP_MPIRUN=$place/saying "$root/scripts/launch.sh" --hostfile hosts run.yaml >out 2>&1 &
child=$!
ends "hosts of a file" 3 'words: -hosts localhost:2,b:3,c:5,d:1 -n 11 '

# A signal that the ranks have no time to follow: the exit code is the launcher's.
cat >deaf <<'END'
#!/usr/bin/env bash
trap 'asked=yes' USR1
: >hears
until [[ -n ${asked:-} ]]; do sleep 0.1; done
sleep 0.5
END
chmod +x deaf
LOCKSTEP_MPIRUN=$place/deaf launch deaf
until [[ -e hears ]]; do sleep 0.1; done
kill -TERM "$child"
wait "$child" || fail "a run that ends while it is asked to stop: exit code $?"$'\n'"$(cat out)"

launch stopped train.epochs=100000
pid=$(rank_of stopped)
kill -TERM "$child" # a job in the background of a script ignores SIGINT
ends "a request to stop" 75 'SIGUSR1 came to rank'
counts "restarts"
