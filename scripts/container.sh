#!/usr/bin/env bash
# What packaging/Containerfile and packaging/lockstep.def run inside a Debian container; nothing for a machine of yours.
#   scripts/container.sh build   installs what building needs, makes the Debian package /opt/lockstep.deb
#   scripts/container.sh run     installs that package with what running needs, and no more
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }
apt-get update -qq
case ${1:-} in
  build)
    install ca-certificates cmake dpkg-dev file gcc git libc6-dev libhdf5-dev liblapacke-dev libopenmpi-dev libsleef-dev \
      libxxhash-dev libyaml-dev librandom123-dev make ninja-build openmpi-bin pkg-config zlib1g-dev
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    scripts/package.sh --build-only
    cp build/package/*.deb /opt/lockstep.deb
    ;;
  run) install /opt/lockstep.deb openssh-client ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
rm -rf /var/lib/apt/lists/*
