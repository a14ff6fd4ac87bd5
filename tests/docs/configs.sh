#!/usr/bin/env bash
# Every file in configs/ works: the commands at its head make its data, its gradient is that of central differences, it
# trains for two epochs and its loss falls (or is solved, where it says how). And every name of the program's tables
# stands in one of these files or in a command of the guide, and in the text of a page of the guide.
#   configs.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM [LEAVES]
# LEAVES: a folder where the data and the runs are left for other tests.
set -euo pipefail
root=$1
program=$2
leaves=${3-}
if [[ ! -e /usr/lib/python3/dist-packages/sklearn/datasets/data ]]; then
  echo "no data sets of scikit-learn here (Debian: python3-sklearn)"
  exit 77
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p bin data approximation
ln -s "$program" bin/lockstep
for folder in configs docs; do ln -s "$root/$folder" .; done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PATH=$place/bin:$PATH

# shellcheck source=tests/docs/config_data.sh
source "$root/tests/docs/config_data.sh"
make_data 1200

# Two at a time, each with a directory of its own for Open MPI's sessions: processes without a daemon that share one
# remove it under each other.
# shellcheck disable=SC2016 # variables of the inner shell
printf '%s\n' configs/*.yaml | ONE=$root/tests/docs/one_config.sh xargs -P 2 -I{} sh -c '
  log=$(basename {}).log
  OMPI_MCA_orte_tmpdir_base=$PWD/sessions/$(basename {}) "$ONE" {} >"$log" 2>&1 || { tail -n 20 "$log"; echo "{} does not work"; touch failed; }'

# Names as the reference lists them, less those that say "nothing of the kind".
shown=$(cat configs/*.yaml; awk '/^```sh$/ { on = 1 } /^```$/ { on = 0 } on' docs/guide/*.md)
lockstep info --reference |
  sed -n '/^## names/,$p' | sed -n 's/^| `\([a-z_0-9]*\)` .*/\1/p' | sort -u | grep -vx 'name\|none\|auto\|error' >names
words() { grep -oE '[A-Za-z0-9_]+' | sort -u; } # of a text, each once
sed 's/#.*//' <<<"$shown" | words >used
grep -ohE '`[^`]*`' docs/guide/*.md | words >explained
for name in $(comm -23 names used); do echo "no file in configs/ and no command of the guide uses $name"; touch failed; done
for name in $(comm -23 names explained); do echo "no page of docs/guide explains $name"; touch failed; done
configs=(configs/*.yaml)
echo "${#configs[@]} files, $(wc -l <names) names"
[[ ! -e failed ]] || exit 1
if [[ -n $leaves ]]; then
  rm -rf "$leaves"
  mkdir -p "$leaves"
  cp -r data approximation runs "$leaves"
fi
