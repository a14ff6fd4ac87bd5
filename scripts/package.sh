#!/usr/bin/env bash
# Makes a Debian package of lockstep for the release of this machine, and tries it in a clean root: it is installed there
# with what it depends on, and no more; the program trains; the examples in C, Fortran and Python are built against the
# library and predict the bits of `lockstep predict`.
#   scripts/package.sh [--build-only] [OPTIONS OF CMAKE]      scripts/package.sh -DLOCKSTEP_MPI=mpich
# The package goes to build/package. `scripts/setup.sh --package` installs what making it needs. Trying needs root,
# debootstrap and 2 GB. In the environment: MAINTAINER, as in "Name <address>", else as git knows the committer; MIRROR,
# where Debian's packages come from.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tries=yes
if [[ ${1:-} == --build-only ]]; then
  tries=""
  shift
fi
if [[ -n ${1:-} && $1 != -D* ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
maintainer=${MAINTAINER:-$(git config user.name || true) <$(git config user.email || true)>}
[[ $maintainer == *"<>" ]] && maintainer="The lockstep authors <lockstep@localhost.localdomain>"
folder=$PWD/build/package

build "$folder/build" -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
  -DCMAKE_SKIP_INSTALL_RPATH=ON -DLOCKSTEP_ZSH_FOLDER=share/zsh/vendor-completions "-DLOCKSTEP_MAINTAINER=$maintainer" "$@"
rm -f "$folder"/*.deb
(cd "$folder/build" && cpack -G DEB -B "$folder" >"$folder/cpack.log" 2>&1) || {
  cat "$folder/cpack.log" >&2
  exit 1
}
package=$(echo "$folder"/*.deb)
dpkg -I "$package" | sed -n '/^ Package/p;/^ Version/p;/^ Depends/p;/^ Maintainer/p'
if command -v lintian >/dev/null; then lintian --allow-root --fail-on error "$package"; fi
echo "made $package"
[[ -n $tries ]] || exit 0

# A root with nothing but Debian's base, anew each time.
# shellcheck source=/dev/null
suite=$(source /etc/os-release && echo "$VERSION_CODENAME")
root=$folder/root
if [[ ! -e $folder/base/complete ]]; then
  rm -rf --one-file-system "$folder/base"
  mkdir -p "$folder/base"
  debootstrap --variant=minbase "$suite" "$folder/base" ${MIRROR:+"$MIRROR"} >"$folder/debootstrap.log"
  touch "$folder/base/complete"
fi
rm -rf --one-file-system "$root"
cp -a "$folder/base" "$root"
mkdir "$root/tried"
cp "$package" tests/library/examples.sh "$root/tried"

# shellcheck disable=SC2016
inside='
  export DEBIAN_FRONTEND=noninteractive
  install() { apt-get install -qq -y --no-install-recommends "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }; }
  apt-get update -qq
  install /tried/*.deb
  useradd --create-home student
  in_home() { su - student -c "set -e; $*"; }
  echo "installed:"
  in_home lockstep --version
  in_home "lockstep import --make blobs blobs.h5 --rows 500 --split train=0.8,test=0.2 >/dev/null"
  in_home "printf \"data: {file: blobs.h5}\nmodel: {layers: [dense: 3]}\nloss: cross_entropy\ntrain: {epochs: 2}\n\" >blobs.yaml"
  in_home "lockstep train blobs.yaml 2>/dev/null; lockstep eval runs/blobs" | sed -n "/^accuracy/p"
  [[ -s /usr/share/doc/lockstep/copyright ]]
  install gcc gfortran libc6-dev cmake make pkg-config python3-numpy libhdf5-dev libsleef-dev libyaml-dev
  in_home "mpirun --oversubscribe -n 2 lockstep train blobs.yaml name=two 2>/dev/null; lockstep diff runs/blobs runs/two"
  in_home "cmake -S /usr/share/lockstep/examples -B without_headers_of_mpi >/dev/null"
  install libopenmpi-dev
  su - student -c "CI=1 bash /tried/examples.sh /usr cmake"
  apt-get remove -qq -y lockstep >/dev/null
  [[ -z $(find /usr -name "*lockstep*" -print -quit) ]]
  echo "installed, tried and removed"'
# shellcheck disable=SC2016
mounted='
  for folder in proc sys dev; do mount --rbind "/$folder" "$1/$folder"; done
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$1" bash -euo pipefail -c "$2"'
exec unshare --mount bash -euo pipefail -c "$mounted" bash "$root" "$inside"
