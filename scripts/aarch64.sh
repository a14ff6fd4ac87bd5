#!/usr/bin/env bash
# Cross-compiles for 64-bit ARM, and runs the unit tests and a small training under emulation (qemu). What is compared
# with x86-64 is printed; it does not decide the exit code.
#   scripts/aarch64.sh [ROOT]
# ROOT: a folder for the arm64 libraries (default build/aarch64-root), filled from this machine's apt sources without
# installing any of them. Removed, it is made again.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

root=$(realpath -m "${1:-build/aarch64-root}")
out=build/aarch64
packages=(
  libc6-dev libgomp1 libopenmpi-dev libhdf5-dev libsleef-dev liblapacke-dev libyaml-dev librandom123-dev libxxhash-dev
  zlib1g-dev libcriterion-dev
)

fail() {
  echo "aarch64: $*" >&2
  exit 1
}

# ---- tools ----

scripts/setup.sh --aarch64 --qemu || echo "aarch64: going on with what is there" >&2
lacking=()
qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
for tool in aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu "${qemu:-qemu-aarch64}:qemu-user" dpkg-deb:dpkg \
  unshare:util-linux; do
  command -v "${tool%%:*}" >/dev/null || lacking+=("${tool%%:*} (Debian and Ubuntu: ${tool##*:})")
done
if [[ ${#lacking[@]} -gt 0 ]]; then
  printf 'aarch64: missing: %s\n' "${lacking[@]}" >&2
  exit 1
fi

# ---- arm64 libraries ----

# apt with a memory of its own: this machine's sources, but nothing of what it knows to be installed here
private_apt() {
  apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" \
    -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false -qq "$@"
}

# Links to / would leave the root.
make_links_relative() {
  local link up
  find . -type l -lname '/*' -print | while IFS= read -r link; do
    up=$(dirname "${link#./}" | sed 's|[^/][^/]*|..|g')
    ln -sfn "$up$(readlink "$link")" "$link"
  done
}

make_root() {
  local apt=$root.apt package name
  echo "fetching arm64 libraries"
  rm -rf "$root" "$apt"
  mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial"
  : >"$apt/status"
  private_apt update || fail "apt could not read its sources for arm64"
  private_apt install --yes --download-only "${packages[@]}" ||
    fail "apt's sources here hold no arm64 packages (Ubuntu: they are on a server for ports)"
  for package in "$apt"/archives/*.deb; do
    name=${package##*/}
    case $name in # compilers and programs that packages depend on are not needed
      lib*-doc_* | lib*perl* | libasan* | libtsan* | libgfortran-* | libgcc-*-dev_*) ;;
      lib* | linux-libc-dev_* | zlib1g* | ocl-icd-*) dpkg-deb -x "$package" "$root" ;;
    esac
  done
  rm -rf "$apt"
  # what the packages' scripts would link
  local libraries=usr/lib/aarch64-linux-gnu
  (
    cd "$root"
    for name in blas/libblas lapack/liblapack; do
      for suffix in .so .so.3; do ln -sfn "$name$suffix" "$libraries/${name##*/}$suffix"; done
    done
    make_links_relative
    printf '%s\n' "${packages[@]}" >packages
  )
}

if [[ $(cat "$root/packages" 2>/dev/null) != "$(printf '%s\n' "${packages[@]}")" ]]; then
  [[ ! -e $root || -e $root/packages || -z $(ls -A "$root") || $# -eq 0 ]] || fail "$root is no folder of this script's"
  make_root
fi

# ---- build ----

build "$out" -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/aarch64.cmake" \
  -DLOCKSTEP_ROOT="$root"
build build/release -DCMAKE_BUILD_TYPE=Release -- lockstep

# ---- emulation ----

# Criterion starts its own program again for each test, and mpirun starts programs: the kernel must give them to qemu.
# Since Linux 6.7 it can be told so for the processes of one namespace, without any right over the machine.
register='mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
  printf "%s" "$LOCKSTEP_BINFMT" >/proc/sys/fs/binfmt_misc/register && exec "$@"'
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
LOCKSTEP_BINFMT=":lockstep-aarch64:M::$magic:$mask:$qemu:F"
export LOCKSTEP_BINFMT QEMU_LD_PREFIX=$root

emulated() {
  "${namespace[@]}" "$@"
}
for namespace in 'unshare --map-root-user --mount sh -c' ''; do
  read -ra namespace <<<"$namespace"
  [[ ${#namespace[@]} -eq 0 ]] || namespace+=("$register" sh)
  if emulated "$out/lockstep" --version >/dev/null 2>&1; then break; fi
  [[ ${#namespace[@]} -gt 0 ]] ||
    fail "programs for ARM do not start here: this needs Linux 6.7 and user namespaces, or root to install qemu-user and qemu-user-binfmt"
done

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_pml=ob1 OMP_WAIT_POLICY=passive
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # in the namespace everybody is

# ---- runs ----

status=0
emulated "$out/lockstep" --version
echo "unit tests"
emulated ctest --test-dir "$out" --no-tests=error --output-on-failure -j "$(nproc)" \
  -R '^(base|comm|config|data|math|model|optim|store|train)\.test_' || status=1

# The C library's functions of double numbers: a difference in one of them may change parameters.
for compiler in aarch64-linux-gnu-gcc cc; do # without builtins, which the compiler works out itself
  "$compiler" -std=c17 -O2 -ffp-contract=off -fno-builtin -o "$out/functions-$compiler" tests/aarch64/functions.c -lm
done
emulated "$out/functions-aarch64-linux-gnu-gcc" >"$out/functions.aarch64"
"$out/functions-cc" >"$out/functions.here"
if differing=$(diff "$out/functions.aarch64" "$out/functions.here"); then
  echo "log, exp, pow, cos, sin and log1p of double numbers: the same bits on aarch64 and $(uname -m)"
else
  printf 'functions of double numbers differ (<: aarch64, >: %s):\n%s\n' "$(uname -m)" "$(sed -n '/^[<>]/p' <<<"$differing")"
fi

# One training by both programs: is it the same?
work=$out/run
rm -rf "$work"
mkdir -p "$work"
train() {
  local name=$1
  shift
  "$@" import --make spirals "$work/$name.h5" --rows 600 --classes 3 --noise 0.02 --seed 1 --split train=0.8,test=0.2 \
    >/dev/null && "$@" train configs/iris.yaml data.file="$work/$name.h5" runs="$work" name="$name" train.epochs=5 \
    >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; return 1; }
}
checksum() {
  sed -n 's/.*"parameters_checksum": *"\([^"]*\)".*/\1/p' "$work/$1/summary.json"
}
if train aarch64 emulated "$out/lockstep" && train x86-64 build/release/lockstep; then
  verdict=differ
  [[ $(checksum aarch64) != "$(checksum x86-64)" ]] || verdict=agree
  echo "training: aarch64 $(checksum aarch64), $(uname -m) $(checksum x86-64): they $verdict"
else
  echo "training failed"
  status=1
fi

if [[ -x tests/golden/golden.sh ]]; then
  echo "recorded checksums"
  # its exit code tells of agreement, which is only reported here
  emulated tests/golden/golden.sh "$PWD" "$PWD/$out/lockstep" || echo "not all recorded checksums agree"
fi
exit "$status"
