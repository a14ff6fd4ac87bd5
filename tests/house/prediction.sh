#!/bin/sh
# Reading a model and predicting need no ranks and no global setting of OpenMP: of all objects that these functions
# need, directly or through others, none uses MPI or calls omp_set_*. Usage: prediction.sh ARCHIVE...
set -eu
roots='model_read model_destroy split_from_memory gather_create gather_free predictor_create predictor_take predictor_outputs predictor_predict predictor_destroy'

symbols=$(mktemp)
trap 'rm -f "$symbols"' EXIT
for archive in "$@"; do
  nm -A "$archive" 2>/dev/null # ARCHIVE:OBJECT:ADDRESS TYPE NAME
done | sed "s|^\([^ ]*\.a:[^:]*\):|\1 |" >"$symbols"

awk -v roots="$roots" '
  { object = $1; type = $(NF - 1); name = $NF }
  type ~ /^[TDBRVWC]$/ { if (!(name in home)) home[name] = object }
  type == "U" { needs[object] = needs[object] " " name }
  END {
    n = split(roots, next_names, /[ \n]+/)
    for (i = 1; i <= n; i++) {
      if (!(next_names[i] in home)) { print next_names[i] " is in none of the archives"; bad = 1 }
      want[++last] = next_names[i]; why[next_names[i]] = "prediction"
    }
    for (at = 1; at <= last; at++) {
      name = want[at]
      if (name ~ /^(MPI_|omp_set_)/) { print "prediction needs " name ", through " why[name]; bad = 1 }
      if (!(name in home) || home[name] in seen) continue
      object = home[name]; seen[object] = 1; objects++
      m = split(needs[object], used, " ")
      for (k = 1; k <= m; k++)
        if (!(used[k] in why)) { why[used[k]] = object " (for " name ")"; want[++last] = used[k] }
    }
    if (objects < 20) { print "only " objects " objects found: is this the whole library?"; bad = 1 }
    print objects " objects are needed for prediction"
    exit bad
  }' "$symbols"
