#!/usr/bin/env bash
# Makes every picture in docs/images from nothing, each in a folder of its own: data, training, drawing.
#   scripts/gallery.sh                  all pictures
#   scripts/gallery.sh fit.svg …        some of them
#   scripts/gallery.sh --list           their names
#   OUT=FOLDER JOBS=N scripts/gallery.sh    into another folder; N pictures at a time (as many as there are cores)
#
# A picture is a section of this file: its name, and its commands. They run in build/gallery/NAME, which looks like the root
# of a checkout, with lockstep on PATH, and must leave the picture there under its name. LOCKSTEP=PROGRAM is another program
# than build/release/lockstep. Commands that a page of the docs shows are taken from the page, by `from_page`.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$PWD
out=${OUT:-docs/images}
program=$(realpath -m "${LOCKSTEP:-build/release/lockstep}")
log_of() { echo "$root/build/gallery/$1.log"; }

# blocks PAGE PATTERN…: the commands of the page's ```sh blocks, those that have a line that matches one of the patterns
# (extended regular expressions), in the order of the page.
blocks() {
  local page=$root/$1
  shift
  awk -v patterns="$(printf '%s\n' "$@")" '
    BEGIN { n = split(patterns, wanted, "\n") }
    /^```sh$/ { inside = 1; block = ""; hit = 0; next }
    /^```/ { if (inside && hit) printf "%s", block; inside = 0; next }
    inside { block = block $0 "\n"; for (i = 1; i <= n; i++) if (wanted[i] != "" && $0 ~ wanted[i]) hit = 1 }' "$page"
}

# from_page PAGE PATTERN…: runs them.
from_page() { eval "$(blocks "$@")"; }
export -f blocks from_page
export root

# picture NAME, with its commands on stdin: runs them if NAME is the picture that this process makes.
names=()
picture() {
  names+=("$1")
  [[ ${GALLERY_PICTURE-} == "$1" ]] || { cat >/dev/null; return 0; }
  make_picture "$1" "$(cat)"
}

make_picture() {
  local name=$1 commands=$2 place=$root/build/gallery/${1%.*}
  rm -rf "$place"
  mkdir -p "$place/build" "$out"
  ln -s "$(dirname "$program")" "$place/build/release"
  for folder in configs docs scripts; do ln -s "$root/$folder" "$place/$folder"; done
  mkdir "$place/data"
  (cd "$place" && PATH=$place/build/release:$PATH exec bash -euxo pipefail -c "$commands") >"$(log_of "$name")" 2>&1
  [[ -s $place/$name ]] || { echo "its commands have not made $name" >>"$(log_of "$name")"; return 1; }
  mv "$place/$name" "$out/$name"
  rm -rf "$place"
}

# ---- the pictures ----

S=/usr/lib/python3/dist-packages/sklearn/datasets/data # Debian: python3-sklearn
export S

import_fashion_mnist() {
  local images
  images=$(dirname "$(dpkg -L dataset-fashion-mnist | grep '/train-images-idx3-ubyte.gz$')")
  lockstep import --train "$images"/train-{images-idx3,labels-idx1}-ubyte.gz \
    --test "$images"/t10k-{images-idx3,labels-idx1}-ubyte.gz data/fashion-mnist.h5
}

# The run of the quickstart.
train_fashion_mnist() {
  import_fashion_mnist
  lockstep train configs/fashion-mnist.yaml
}
export -f import_fashion_mnist train_fashion_mnist

picture fashion-mnist.svg <<'COMMANDS'
train_fashion_mnist
scripts/python.sh scripts/plot_history.py runs/fashion-mnist --out fashion-mnist.svg
COMMANDS

picture components.png <<'COMMANDS'
from_page docs/guide/components.md 'configs/digits-components' 'components[.]png'
COMMANDS

picture components-images.png <<'COMMANDS'
import_fashion_mnist
from_page docs/guide/components.md 'components-images'
COMMANDS

picture report.png <<'COMMANDS'
command -v chromium || { echo "there is no chromium to show the page: scripts/setup.sh --browser installs it"; exit 1; }
train_fashion_mnist
scripts/python.sh scripts/report.py fashion-mnist
scripts/python.sh "$root/tests/report/picture.py" runs/fashion-mnist/report.html report.png
COMMANDS

picture sweep.svg <<'COMMANDS'
from_page docs/guide/first-steps.md throws.awk 'cat > throws.yaml'
lockstep import throws.csv data/throws.h5 --label result --shuffle 1 --split train=0.8,test=0.2
lockstep sweep throws.yaml 'optimizer.learning_rate=log(1e-4,1e-1)' 'train.global_batch_size=int(16,128)' --random 24 \
  --folds 3 train.epochs=5 name=random
scripts/python.sh scripts/plot_sweep.py runs/random-sweep/sweep.h5 --out sweep.svg
COMMANDS

picture clusters-blobs.png <<'COMMANDS'
from_page docs/guide/clusters.md 'blobs[.]png' 'name=blobs-mixture'
mv blobs.png clusters-blobs.png
COMMANDS

picture clusters-moons.png <<'COMMANDS'
from_page docs/guide/clusters.md 'name=blobs-mixture' 'moons[.]png'
mv moons.png clusters-moons.png
COMMANDS

picture clusters-counts.svg <<'COMMANDS'
from_page docs/guide/clusters.md 'name=blobs-mixture' 'counts[.]svg'
mv counts.svg clusters-counts.svg
COMMANDS

picture clusters-digits.png <<'COMMANDS'
from_page docs/guide/clusters.md 'name=blobs-mixture' 'centres[.]png'
mv centres.png clusters-digits.png
COMMANDS

picture connect.svg <<'COMMANDS'
from_page docs/guide/connect.md 'plot_connect[.]py'
COMMANDS

picture fit.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'fit[.]svg'
COMMANDS

picture uncertainty.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'uncertainty[.]svg'
COMMANDS

picture residuals.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'residuals[.]svg'
COMMANDS

picture quantiles.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'residuals[.]svg' 'quantiles[.]svg'
COMMANDS

picture reliability.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'reliability[.]svg'
COMMANDS

picture regions.png <<'COMMANDS'
from_page docs/guide/pictures.md 'regions[.]png'
COMMANDS

picture density.png <<'COMMANDS'
from_page docs/guide/density.md 'moons[.]yaml' 'name=narrow' 'density[.]png'
COMMANDS

picture anomalies.svg <<'COMMANDS'
from_page docs/guide/anomalies.md 'autoencoder[.]yaml' 'autoencoder[.]h5' 'anomalies[.]svg'
COMMANDS

picture importance.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'residuals[.]svg' 'importance[.]svg'
COMMANDS

picture activations.svg <<'COMMANDS'
from_page docs/guide/pictures.md 'activations[.]svg'
COMMANDS

picture landscape-bowl.png <<'COMMANDS'
from_page docs/guide/landscape.md 'line[.]csv' 'bowl[.]h5'
scripts/python.sh scripts/plot_landscape.py bowl.h5 --out landscape-bowl.png
COMMANDS

picture landscape-way.png <<'COMMANDS'
from_page docs/guide/landscape.md 'line[.]csv' 'way[.]h5'
scripts/python.sh scripts/plot_landscape.py way.h5 --out landscape-way.png
COMMANDS

picture landscape-random.svg <<'COMMANDS'
from_page docs/guide/landscape.md 'moons[.]yaml'
mv moons.svg landscape-random.svg
COMMANDS

picture landscape-between.svg <<'COMMANDS'
from_page docs/guide/landscape.md 'moons[.]yaml' 'between[.]h5'
mv between.svg landscape-between.svg
COMMANDS

picture approximation-width.svg <<'COMMANDS'
scripts/python.sh scripts/approximation.py width
mv approximation/width.svg approximation-width.svg
COMMANDS

picture approximation-rows.svg <<'COMMANDS'
scripts/python.sh scripts/approximation.py rows
mv approximation/rows.svg approximation-rows.svg
COMMANDS

picture boundaries.png <<'COMMANDS'
scripts/python.sh scripts/approximation.py depth
mv approximation/depth.png boundaries.png
COMMANDS

# slide NAME PAGE PATTERN…: a picture of the lecture, lecture-NAME, which a page of docs/lecture makes as NAME.
slide() {
  local name=$1 page=$2
  shift 2
  picture "lecture-$name" <<<"from_page docs/lecture/$page.md$(printf ' %q' "$@"); mv $name lecture-$name"
}

slide bias.png network 'cat > moons[.]yaml' 'bias[.]png'
slide width.svg network 'width[.]svg'
slide likelihoods.svg loss 'likelihoods[.]svg'
slide outliers.svg loss 'cat > constant[.]yaml' 'outliers[.]svg'
slide basis.svg loss 'basis[.]svg'
slide kernels.svg loss 'basis[.]svg' 'kernels[.]svg'
slide bowl.png descent 'bowl[.]png'
slide rates.png descent 'bowl[.]png' 'rates[.]png'
slide scaling.png descent 'bowl[.]png' 'scaling[.]png'
slide optimisers.png descent 'bowl[.]png' 'scaling[.]png' 'optimisers[.]png'
slide bend.png descent 'bend[.]png'
slide starts.svg descent 'starts[.]svg'
slide noise.png descent 'bowl[.]png' 'scaling[.]png' 'noise[.]png'
slide rows.svg data 'rows[.]svg'
slide sizes.svg data 'sizes[.]svg'
slide lunch.svg data 'lunch[.]svg'
slide far.png uncertainty 'far[.]png'
slide images.svg tasks 'pixels[.]csv #' 'cat > code[.]yaml' 'images[.]svg'
slide sequences.svg tasks 'pixels[.]csv #' 'cat > code[.]yaml' 'sequences[.]svg'

G=docs/guide/autoencoders.md
export G
picture labels.svg <<'COMMANDS'
scripts/python.sh scripts/labels.py
mv labels/labels.svg labels.svg
COMMANDS
picture autoencoder-rebuilt.svg <<<'from_page $G "digits-grey[.]h5 --label" "autoencoder-rebuilt[.]svg"'
picture autoencoder-noise.svg <<<'from_page $G "digits-grey[.]h5 --label" "autoencoder-noise[.]svg"'
picture autoencoder-codes.png <<<'from_page $G "digits-grey[.]h5 --label" "autoencoder-codes[.]png"'
picture autoencoder-samples.svg <<<'from_page $G "digits-grey[.]h5 --label" "autoencoder-samples[.]svg"'

# ---- the whole ----

[[ -z ${GALLERY_PICTURE-} ]] || exit 0
if [[ ${1-} == --list ]]; then
  printf '%s\n' "${names[@]}"
  exit
fi
wanted=("$@")
((${#wanted[@]})) || wanted=("${names[@]}")
for name in "${wanted[@]}"; do
  printf '%s\n' "${names[@]}" | grep -qxF -- "$name" || { echo "gallery: there is no picture $name; --list names them" >&2; exit 2; }
done
[[ -x $program ]] || { echo "gallery: $program is not there: build it, or name another one by LOCKSTEP=PROGRAM" >&2; exit 1; }
mkdir -p build/gallery

# one NAME: makes a picture and says how long that took; for xargs.
one() {
  local started=$SECONDS
  if GALLERY_PICTURE=$1 OUT=$out LOCKSTEP=$program scripts/gallery.sh; then
    printf '%-32s %4d s %7d bytes\n' "$1" $((SECONDS - started)) "$(stat -c %s "$out/$1")"
  else
    tail -n 15 "$(log_of "$1")" >&2
    printf '%-32s failed: %s\n' "$1" "$(log_of "$1")"
    return 1
  fi
}
export -f one log_of
export out program
printf '%s\n' "${wanted[@]}" | xargs -P "${JOBS:-$(cores)}" -I{} bash -euo pipefail -c 'one {}'
