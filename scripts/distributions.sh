#!/usr/bin/env bash
# Builds lockstep under another Debian release and runs its tests there: the golden runs, or those that the arguments of
# ctest name. It needs root, a Debian machine and debootstrap.
#   scripts/distributions.sh SUITE [ARGUMENTS OF CTEST]     scripts/distributions.sh trixie -R '^golden|^math'
# The system goes to build/distributions/SUITE and stays for the next time: 2 GB. MIRROR says where its packages come
# from, else debootstrap does.
set -euo pipefail
if [[ $# -eq 0 || $1 == -* ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
suite=$1 target=all
shift
[[ $# -gt 0 ]] || target=lockstep
[[ $# -gt 0 ]] || set -- -R '^golden'
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD/build/distributions/$suite

if [[ ! -e $root/complete ]]; then
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase "$suite" "$root" ${MIRROR:+"$MIRROR"}
  mkdir -p "$root/lockstep" "$root/build"
  touch "$root/complete"
fi

# In there: the sources are those of here, what is built stays with the system.
# shellcheck disable=SC2016
inside='
  cd /lockstep
  scripts/setup.sh
  source scripts/lib.sh
  build build/release -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON -- "$1"
  build/release/lockstep --version
  ctest --test-dir build/release --no-tests=error --output-on-failure -j "$(nproc)" "${@:2}"'
# The mounts are in a namespace of their own, which ends with the tests.
# shellcheck disable=SC2016
mounted='
  root=$1
  for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
  mount --bind . "$root/lockstep"
  mount --bind "$root/build" "$root/lockstep/build"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI="${CI:-}" chroot "$root" bash -euo pipefail -c "${@:2}"'
exec unshare --mount bash -euo pipefail -c "$mounted" bash "$root" "$inside" bash "$target" "$@"
