#!/usr/bin/env bash
# Writes data/penguins.csv: measurements of 344 penguins of three species, with texts and missing cells (K. Gorman, A. Horst
# and A. Hill, palmerpenguins, 2020, CC0). The table comes from Debian's package r-cran-palmerpenguins, which is unpacked
# without R, or from the package palmerpenguins on PyPI.
#   scripts/penguins.sh
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
output=$PWD/data/penguins.csv
[[ ! -e $output ]] || exit 0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

unpack_package() {
  (cd "$folder" && apt-get download -qq r-cran-palmerpenguins && dpkg-deb -x r-cran-palmerpenguins_*.deb .) 2>/dev/null
}

from_debian() {
  command -v apt-get >/dev/null || return 1
  unpack_package && return
  [[ $EUID -eq 0 ]] && apt-get update -qq 2>/dev/null && unpack_package
}

from_pypi() {
  python3 -m pip download -q --no-deps -d "$folder" palmerpenguins 2>/dev/null || return 1
  python3 -m zipfile -e "$folder"/palmerpenguins-*.whl "$folder"
}

from_debian || from_pypi || true
table=$(find "$folder" -name penguins.csv | head -n 1)
if [[ -z $table ]]; then
  echo "penguins: neither apt nor pip could download palmerpenguins: put its penguins.csv into data/" >&2
  exit 1
fi
mkdir -p data
cp "$table" "$output.part"
mv "$output.part" "$output"
