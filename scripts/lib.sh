# What the scripts share; sourced by them. Goes to the root of the repository, wherever the caller stands.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null

# Open MPI refuses root unless told twice; in a container root is who there is.
if [[ $EUID -eq 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# build DIR [CMake options] [-- TARGET…]: configure and build, quietly as long as all goes well. BUILD_OPTIONS in the
# environment are further options of CMake. With CI set, warnings are errors, and what two builds have in common is compiled
# once, where ccache is installed.
build() {
  local directory=$1 log options targets=(all)
  shift
  read -ra options <<<"${BUILD_OPTIONS:-}"
  [[ -z ${CI:-} ]] || options+=(-DLOCKSTEP_WERROR=ON)
  if [[ -n ${CI:-} ]] && command -v ccache >/dev/null; then
    export CCACHE_DIR=${CCACHE_DIR:-$PWD/build/ccache} CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD
    options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
  fi
  while [[ $# -gt 0 && $1 != -- ]]; do
    options+=("$1")
    shift
  done
  if [[ $# -gt 1 ]]; then targets=("${@:2}"); fi
  mkdir -p "$directory"
  # asked here, not when this file is read: set-up may have brought Ninja in between
  if command -v ninja >/dev/null; then export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}; fi
  log=$directory/build.log
  echo "building $directory"
  if ! { cmake -S . -B "$directory" "${options[@]}" && cmake --build "$directory" --target "${targets[@]}" --parallel "$(nproc)"; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "the build in $directory failed" >&2
    return 1
  fi
}

# Cores that this process may use: hardware threads of one core count once, as mpirun counts slots.
cores() {
  local physical allowed
  allowed=$(nproc)
  physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l || true)
  if [[ $physical -ge 1 && $physical -lt $allowed ]]; then echo "$physical"; else echo "$allowed"; fi
}

# summary_value RUN KEY: a number from a run's summary.json.
summary_value() {
  sed -n "s/.*\"$2\": *\([-+.0-9eE]*\).*/\1/p" "$1/summary.json" | head -n 1
}
