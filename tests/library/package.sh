#!/usr/bin/env bash
# cpack makes a Debian package that holds what is installed, as Debian wants it, and depends on the libraries' packages.
# Installing it in a clean root takes minutes: scripts/package.sh.
#   package.sh ROOT BUILD CPACK
set -euo pipefail
root=$(realpath "$1") build=$(realpath "$2") cpack=$3
if ! command -v dpkg-shlibdeps >/dev/null || ! command -v file >/dev/null; then
  echo "dpkg-shlibdeps or file is not here: no Debian package can be made"
  exit 77
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
fail() { echo "$*" >&2; exit 1; }
(cd "$build" && "$cpack" -G DEB -B "$place") >"$place/log" 2>&1 || fail "cpack: $(tail -20 "$place/log")"
package=$(echo "$place"/lockstep_*.deb)
dpkg-deb -c "$package" | awk '{ print $6 }' >"$place/files"

# the licences are in one file, what is read by people is compressed
sed -e 's|^share/doc/lockstep/LICENSE.*|share/doc/lockstep/copyright|' -e 's|^\(share/man/.*\)|\1.gz|' "$root/tests/library/installed.txt" |
  while read -r file; do
    grep -qxF "./usr/$file" "$place/files" || fail "the package has no usr/$file"
  done
for file in 'lib/.*liblockstep\.so\.0\.1' 'lib/.*liblockstep\.so' 'lib/.*liblockstep\.a' 'lib/.*pkgconfig/lockstep\.pc' \
  'lib/.*cmake/lockstep/lockstep-config\.cmake' 'share/doc/lockstep/changelog\.gz' 'share/doc/lockstep/changelog\.Debian\.gz'; do
  grep -qE "^\./usr/$file$" "$place/files" || fail "the package has no $file"
done
! grep -vE '^\./(usr/(|bin/.*|include/.*|lib/.*|share/.*))?$' "$place/files" || fail "these files have no place in the package"

depends=$(dpkg-deb -f "$package" Depends)
for library in 'libc6' 'openmpi-bin|mpich' 'libgomp1|libomp5' 'libopenmpi|libmpich' 'libhdf5' 'libsleef' 'liblapacke|libopenblas' 'libyaml-0-2' 'zlib1g'; do
  grep -qE "(^|, )($library)" <<<"$depends" || fail "the package depends on no $library: $depends"
done
[[ $(dpkg-deb -f "$package" Section) == science && $(dpkg-deb -f "$package" Maintainer) == *'<'*'@'*'>' ]]
dpkg-deb -f "$package" Description | grep 'same bits' >/dev/null || fail "the package has no description"
dpkg-deb -x "$package" "$place/unpacked"
zcat "$place/unpacked/usr/share/doc/lockstep/changelog.Debian.gz" | head -1 | grep '^lockstep (.*) unstable' >/dev/null ||
  fail "the package has no list of changes as Debian wants it"

# programs that are linked to a library depend on the package: each name under which one is loaded is declared
dpkg-deb -I "$package" shlibs >"$place/shlibs"
for library in liblockstep liblockstep_train; do
  file=$(find "$place/unpacked/usr/lib" -name "$library.so.*.*.*")
  name=$(readelf -d "$file" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
  [[ $name == "$library".so.* ]] || fail "$file is loaded under no name of its own"
  grep -qE "^$library ${name#"$library".so.} lockstep " "$place/shlibs" || fail "shlibs does not declare $name: $(cat "$place/shlibs")"
done
echo "$depends"
