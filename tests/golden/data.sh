#!/usr/bin/env bash
# Makes the data of the golden runs in the directory where it is called: data/*.h5.
#   data.sh ROOT LOCKSTEP
set -euo pipefail
golden=$1/tests/golden
program=$2
mkdir -p data
awk -v table=rows -f "$golden/data.awk" >rows.csv
awk -v table=series -f "$golden/data.awk" >series.csv
cut -d, -f1-13 rows.csv >x.csv
cut -d, -f14-20 rows.csv >answers.csv
cut -d, -f14-16 rows.csv >values.csv
cut -d, -f17 rows.csv >counts.csv
cut -d, -f18 rows.csv >classes.csv
cut -d, -f19-20 rows.csv >yes.csv
cut -d, -f21 rows.csv >weights.csv
# columns of several kinds, with gaps here and there
awk -F, -v OFS=, 'NR > 1 && NR % 23 == 0 { $3 = "" } NR > 1 && NR % 57 == 0 { $13 = "" } { print }' x.csv >gaps.csv
# two kinds of things by number, and gaps
awk -F, -v OFS=, 'NR == 1 { print "a", "b", "e", "kind", "place"; next }
  { print(NR % 19 ? $1 : "", $2, NR % 7 ? int($5) : "", NR % 31 ? $13 : "", NR * 7 % 23) }' x.csv >things.csv

split=(--shuffle none --header yes --split 'train=0.83,test=0.17')
"$program" import x.csv classes.csv data/classes.h5 "${split[@]}"
"$program" import gaps.csv classes.csv data/gaps.h5 --missing "${split[@]}"
"$program" import things.csv values.csv data/things.h5 --missing --regression "${split[@]}"
"$program" import x.csv answers.csv data/answers.h5 --regression "${split[@]}"
"$program" import x.csv yes.csv data/yes.h5 --regression "${split[@]}"
"$program" import x.csv values.csv data/values.h5 --regression "${split[@]}"
# test/y holds the weights of the training rows: a column that import would not write by that name
"$program" import --train x.csv counts.csv --test x.csv weights.csv data/counts.h5 --header yes --regression
"$program" import series.csv data/series.h5 --series station --label state
"$program" import --make friedman data/friedman.h5 --rows 517 --noise 0.5 --seed 3 --split train=0.83,test=0.17
"$program" import --make circles data/circles.h5 --rows 407 --noise 0.1 --seed 3 --split train=0.83,test=0.17
