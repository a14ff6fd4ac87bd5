#!/usr/bin/env bash
# Mistakes that a newcomer makes: each ends with exit code 2 or 3 and one message that says what is wrong, where, and what to
# do. A line has the ranks (1, or 2 under mpirun), the exit code, the command, and the parts that the message must have:
# what | where | remedy, each a part of the message as it stands. Prints the list with the messages.
#   mistakes.sh LOCKSTEP_PROGRAM MPIRUN...
set -euo pipefail
program=$1
shift
mpirun=("$@")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

printf 'age,income,city,y\n30,1000,Rome,a\n40,2000,Oslo,b\n50,1500,Rome,a\n33,1200,Oslo,b\n' >people.csv
"$program" import --make moons moons.h5 --rows 200 --split train=0.7,test=0.3 >/dev/null
"$program" import people.csv people.h5 --label y >/dev/null
cat >moons.yaml <<'END'
data: {file: moons.h5, validation: 0.1}
model:
  layers:
    - dense: {units: 8, activation: tanh}
    - dense: 2
loss: cross_entropy
train: {epochs: 1, global_batch_size: 32}
parallel: {threads: 1}
END
sed 's/moons.h5, validation: 0.1/people.h5/; s/32/2/' moons.yaml >people.yaml
printf 'data: {file: moons.h5}\nmodel:\n\tlayers: [dense: 2]\nloss: cross_entropy\n' >tab.yaml
printf 'data: {file: moons.h5}\nloss: cross_entropy\n' >nolayers.yaml
printf 'data: {file: moons.h5}\nmodel:\n  layers:\n  - dense: 16\n    activation: relu\n  - dense: 2\nloss: mse\n' >indented.yaml
printf 'data: {file: moons.h5}\nmodel: {layers: [dense: 2]}\nloss: cross_entropy\nepochs: 3\n' >outside.yaml
"$program" train moons.yaml 2>/dev/null

cat >list <<'END'
1|2|moons.yaml|is no command|'moons.yaml'|lockstep train moons.yaml
1|2|trian moons.yaml|there is no command|'trian'|did you mean 'train'?
1|2|help trian|there is no command|'trian'|did you mean 'train'?
1|2|train|an argument is missing|lockstep train CONFIG|lockstep train --help
2|2|train moon.yaml|No such file|moon.yaml: cannot be opened|did you mean moons.yaml?
1|2|train moons|No such file|(relative to /|did you mean moons.yaml?
1|2|train moons.h5|is an HDF5 file, not a settings file|moons.h5|data: {file: moons.h5}
1|2|train people.csv|is not a settings file|people.csv|lockstep import
1|2|train runs/moons|Is a directory|runs/moons|its settings are in runs/moons/config.yaml
1|2|train tab.yaml|a tab|tab.yaml:3|indent with spaces
1|2|train nolayers.yaml|this key is required|nolayers.yaml: model.layers|as in `[dense: {units: 64
1|2|train indented.yaml|side by side|indented.yaml:4: model.layers[0]|indent the settings deeper
1|2|train outside.yaml|unknown key|outside.yaml:4: epochs|did you mean train.epochs?
1|2|train moons.yaml --epochs=3|there is no option|--epochs=3|settings have no dashes: train.epochs=VALUE
1|2|train moons.yaml --lr 0.1|there is no option|--lr|optimizer.learning_rate=VALUE
1|2|train moons.yaml --resumme|there is no option|--resumme|did you mean --resume?
1|2|train moons.yaml train.epochs = 3|expected section.key=value|override 'train.epochs'|as in train.epochs=3
1|2|train moons.yaml optimizer.lr=0.1|unknown key|override 'optimizer.lr=0.1'|did you mean optimizer.learning_rate?
2|2|train moons.yaml train.epochs=three|not 'three'|override 'train.epochs=three': train.epochs|expected a whole number
1|2|train moons.yaml train.epochs=-1|out of range|override 'train.epochs=-1': train.epochs|must be in [0,
1|2|train moons.yaml optimizer=adm|unknown name|optimizer.name|did you mean adam?
1|2|train moons.yaml loss=crossentropy|unknown name|loss.name|did you mean cross_entropy?
1|2|train moons.yaml checkpoint.best=accuracy|unknown name|checkpoint.best|did you mean valid_accuracy?
1|2|train moons.yaml data.scaling=normal|unknown name|data.scaling.name|Known: none, minmax, standard
1|2|train moons.yaml model.layers.0.dense.activation=ReLU|unknown name|model.layers[0].dense.activation|did you mean relu?
1|2|train moons.yaml model.layers.0.units=64|units is a key of that|model.layers.0 is a layer of the kind dense|did you mean model.layers.0.dense.units?
2|2|train moons.yaml model.layers.2.dense.units=64|there is no 2|model.layers has 2 items|replace the list
1|2|train moons.yaml model.freeze=[dens1]|has no layer 'dens1'|model.freeze[0]|there are dense1, dense2
1|2|train people.yaml data.scaling.columns.incom=robust|x has no column 'incom'|data.scaling.columns|did you mean income?
2|3|train moons.yaml data.file=moon.h5|No such file|override 'data.file=moon.h5': data.file|did you mean moons.h5?
1|3|train moons.yaml data.file=people.csv|is not an HDF5 file|data.file: people.csv|lockstep import
1|3|train moons.yaml data.x=train/X|there is no array train/X|data.x: moons.h5|it holds /test/x
1|3|train moons.yaml loss=mse|are for 2 targets|moons.h5: train/y|make the last layer as wide
1|2|train moons.yaml parallel.shards=1000|a batch has only|parallel.shards is 1000|set parallel.shards=
1|2|solve moons.yaml|has a closed form|moons.yaml:3: model.layers|train other networks with `lockstep train`
1|2|solve people.yaml checkpoint.keep=3|checkpoint.keep has no effect|override 'checkpoint.keep=3'|leave it out
2|2|lr-find moons.yaml train.epochs=3|train.epochs has no effect|override 'train.epochs=3'|leave it out
1|3|info moosn|neither a file nor a run|'moosn' (relative to /|did you mean the run moons?
1|3|eval runs/moon|neither a file nor a run|'runs/moon' (relative to /|did you mean the run runs/moons?
1|3|eval moons.yaml|is not an HDF5 file|moons.yaml|settings are for `lockstep train`
1|3|eval moons.h5|is not a lockstep model|moons.h5|as in runs/NAME/model.h5
1|2|eval runs/moons loss=mse|loss has no effect here|override 'loss=mse'|leave it out
1|2|eval runs/moons --split tst|is none of|--split: 'tst'|test, valid, train
1|2|predict runs/moons moons.h5|name the output file|--out|--out FILE.csv
1|2|predict runs/moons moons.h5 --out p.txt|ends neither in .csv nor in .h5|--out: 'p.txt'|.csv
1|3|import peple.csv out.h5 --label y|cannot be opened|peple.csv|did you mean people.csv?
1|3|import people.csv out.h5 --label z|names no column 'z'|--label: people.csv: the first line|give one of these
1|2|import people.csv out.h5 --label y --split trian=0.5,test=0.5|split|'trian'|did you mean train?
1|2|import --make mons out.h5|is none of moons|--make: 'mons'|did you mean moons?
1|2|train moons.yaml --help=train.epoch|there is no setting|'train.epoch'|did you mean train.epochs?
END

n=0 faults=0
while IFS='|' read -r ranks code words what where remedy; do
  launch=()
  [[ $ranks == 1 ]] || launch=("${mpirun[@]}" "$ranks")
  n=$((n + 1)) found=0
  # shellcheck disable=SC2086 # the command's words
  "${launch[@]}" "$program" $words >out 2>err </dev/null || found=$?
  message=$(grep '^lockstep: ' err || true)
  printf '%2d  lockstep %s\n    %s\n' $n "$words" "$message"
  [[ $found == "$code" ]] || { echo "    FAULT: exit code $found, not $code"; faults=$((faults + 1)); }
  [[ $(grep -c '^lockstep: ' err) == 1 ]] || { echo "    FAULT: not one message: $(cat err)"; faults=$((faults + 1)); }
  for part in "$what" "$where" "$remedy"; do
    [[ $message == *"$part"* ]] || { echo "    FAULT: the message lacks: $part"; faults=$((faults + 1)); }
  done
done <list
echo "$n mistakes, $faults faults"
[[ $faults == 0 && $n -ge 40 ]]
