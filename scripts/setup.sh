#!/usr/bin/env bash
# Installs with apt what lockstep needs and this machine lacks (Debian 12 or newer, Ubuntu). Says nothing when
# nothing is missing.
#   scripts/setup.sh [--clang] [--valgrind] [--slurm] [--mpich] [--aarch64] [--qemu] [--figures] [--package] [--exchange] [--keras]
#     [--browser] [--ccache]
# --clang: also what building with clang, its sanitizers, libFuzzer and checking the format need; --valgrind: valgrind;
# --slurm: a SLURM for the tests to start and end;
# --mpich: a second MPI library; --aarch64: a cross compiler for 64-bit ARM; --qemu: what runs programs for other CPUs;
# --figures: what the scripts in tests/figures compare with; --package: what makes Debian packages and checks man pages and
# completions; --exchange: what tests/exchange compares with, PyTorch from Debian, and ONNX and onnxruntime from PyPI in the
# environment build/exchange; --keras: also Keras and JAX; --browser: chromium, in which tests look at the pages of
# scripts/report.py; --ccache: what keeps several builds from compiling the same twice
set -euo pipefail

packages=(
  gcc libc6-dev cmake ninja-build make git
  libopenmpi-dev openmpi-bin libhdf5-dev libsleef-dev liblapacke-dev
  libyaml-dev librandom123-dev libxxhash-dev zlib1g-dev
  libcriterion-dev iproute2 graphviz gfortran pkg-config        # tests
  python3-numpy python3-h5py python3-matplotlib python3-yaml    # looking at files and figures
  dataset-fashion-mnist python3-sklearn                         # data
)
exchange="" modules=(numpy h5py pyyaml onnx onnxruntime)
for argument in "$@"; do
  case $argument in
    --clang) packages+=(clang libclang-rt-dev libomp-dev clang-format) ;;
    --valgrind) packages+=(valgrind) ;;
    --slurm) packages+=(slurm-wlm munge) ;;
    --mpich) packages+=(libmpich-dev mpich) ;;
    --aarch64) packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross) ;;
    --qemu) packages+=(qemu-user) ;;
    --figures) packages+=(python3-torch) ;;
    --ccache) packages+=(ccache) ;;
    --package) packages+=(debootstrap dpkg-dev file lintian man-db mandoc zsh fish) ;;
    --browser) packages+=(chromium fonts-dejavu-core) ;;
    --exchange | --keras)
      packages+=(python3-torch python3-venv)
      [[ $argument == --exchange ]] || modules+=(keras jax)
      exchange=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")/build/exchange
      ;;
    *)
      echo "setup: unknown option $argument; there are --clang, --valgrind, --slurm, --mpich, --aarch64, --qemu," \
        "--figures, --package, --exchange, --keras, --browser and --ccache" >&2
      exit 2
      ;;
  esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "setup: no apt here. lockstep needs what these Debian packages hold: ${packages[*]}"
  echo "setup: going on; CMake names what it does not find."
  exit 0
fi

# Without PyPI the comparisons are left out, and say so.
make_exchange() {
  [[ -n $exchange ]] || return 0
  [[ $(cat "$exchange/complete" 2>/dev/null) != *"${modules[*]}"* ]] || return 0
  echo "setup: installing ${modules[*]} into $exchange"
  if python3 -m venv --clear "$exchange" && "$exchange/bin/pip" install --quiet "${modules[@]}"; then
    echo "${modules[*]}" >"$exchange/complete"
  else
    echo "setup: PyPI did not give them: formats of other programs are not compared" >&2
  fi
}

# "package status" of all at once; what dpkg has never heard of is not listed
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  sed -n 's/ installed$//p' || true)
missing=()
for package in "${packages[@]}"; do
  [[ $'\n'$installed$'\n' == *$'\n'$package$'\n'* ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  make_exchange
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: to be installed by root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
install=("${as_root[@]}" env "DEBIAN_FRONTEND=$DEBIAN_FRONTEND" apt-get install -qq -y --no-install-recommends)
echo "setup: installing ${missing[*]}"
# package lists that are absent or too old for the mirror are fetched, others are not
if ! "${install[@]}" --dry-run "${missing[@]}" >/dev/null 2>&1; then
  "${as_root[@]}" apt-get update -qq
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
  "${as_root[@]}" apt-get update -qq
  if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt could not install them (Ubuntu: some come from the universe component)" >&2
    exit 1
  fi
fi
make_exchange
