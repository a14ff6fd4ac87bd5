#!/usr/bin/env bash
# Builds lockstep under another Debian release and runs tests there: the golden runs, the library's bits and an installation
# whose examples are built, or those that the arguments of ctest name. It needs root, a Debian machine and debootstrap.
#   scripts/distributions.sh SUITE [ARGUMENTS OF CTEST]     scripts/distributions.sh trixie -R '^golden|^math'
# The system goes to build/distributions/SUITE and stays for the next time: 2 GB. MIRROR says where its packages come
# from, else debootstrap does. EXTRA names further packages, such as "clang libhdf5-openmpi-dev", and OPTIONS those of CMake:
#   EXTRA=clang OPTIONS=-DCMAKE_C_COMPILER=clang scripts/distributions.sh trixie
set -euo pipefail
if [[ $# -eq 0 || $1 == -* ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
suite=$1 targets=all
shift
if [[ $# -eq 0 ]]; then
  targets="lockstep lockstep_manual liblockstep liblockstep_static library_promises"
  set -- -R '^golden|^library'
fi
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
  [[ -z $EXTRA ]] || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $EXTRA >/dev/null
  source scripts/lib.sh
  folder=build/release$(tr -dc "[:alnum:]" <<<"$OPTIONS")
  build "$folder" -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON $OPTIONS -- $1
  grep -h "^-- HDF5" "$folder/build.log" || true
  "$folder/lockstep" --version
  ctest --test-dir "$folder" --no-tests=error --output-on-failure -j "$(nproc)" "${@:2}"'
# The mounts are in a namespace of their own, which ends with the tests.
# shellcheck disable=SC2016
mounted='
  root=$1
  for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
  mount --bind . "$root/lockstep"
  mount --bind "$root/build" "$root/lockstep/build"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI="${CI:-}" EXTRA="${EXTRA:-}" OPTIONS="${OPTIONS:-}" \
    CMAKE_C_COMPILER_LAUNCHER="${CMAKE_C_COMPILER_LAUNCHER:-}" chroot "$root" bash -euo pipefail -c "${@:2}"'
exec unshare --mount bash -euo pipefail -c "$mounted" bash "$root" "$inside" bash "$targets" "$@"
