"""Names with control characters everywhere: of columns, classes and categories, in the settings, the log and the summary of a
run, and in the name of its directory. What lockstep prints for people has none of them.
    controls.py LOCKSTEP
"""
import json
import os
import subprocess
import sys

import h5py
import numpy as np

PROGRAM = sys.argv[1]
EVIL = "a\x1b[2J\x07b\nc\u009b31m\x7f"
NAMED = "n\x1b[31m"


def check(*words, code=0, data=False):
    """Runs lockstep; `data`: what it prints is for programs, so only the exit code is looked at."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, stdin=subprocess.DEVNULL)
    printed = done.stdout + done.stderr
    assert done.returncode == code, f"{words}: {done.returncode}: {printed}"
    assert data or b"\\x1b[" in printed or b"?[" in printed, f"{words}: shows no name at all: {printed}"
    text = printed.decode("utf-8")
    bad = [c for c in text if c < " " and c not in "\n\t" or "\x7f" <= c <= "\x9f"]
    assert data or not bad, f"{words}: prints {bad}: {printed}"
    assert data or not any(line.startswith(("b\n", "c\\", "c?")) for line in text.splitlines()), f"{words}: a name breaks a line: {printed}"
    return done.stdout


rng = np.random.default_rng(1)
with h5py.File("evil.h5", "w") as file:
    x = rng.normal(size=(60, 3)).astype(np.float32)
    x[:, 2] = rng.integers(0, 2, 60)
    for split, rows in (("train", slice(0, 40)), ("test", slice(40, 60))):
        file[f"{split}/x"], file[f"{split}/y"] = x[rows], (x[rows, 0] > 0).astype(np.int32)
    file.attrs["class_names"] = ["no" + EVIL, "yes" + EVIL]
    file.attrs["feature_names"] = [EVIL, "u" + EVIL, "v" + EVIL]
    file.attrs["source"] = EVIL
    file["categories/2"] = np.array([("k" + EVIL).encode(), ("l" + EVIL).encode()])
with open("evil.yaml", "w", encoding="utf-8") as file:
    file.write("name: evil\ndata: {file: evil.h5, scaling: standard}\nmodel: {layers: [{dense: 2}]}\nloss: cross_entropy\n"
               "train: {epochs: 3, global_batch_size: 20}\nparallel: {shards: 2, threads: 1}\n")

check("train", "evil.yaml", data=True)
check("info", "evil.h5")
check("info", "runs/evil/model.h5")
check("eval", "runs/evil", "--importance=2")
check("weights", "runs/evil")
check("info", "--graph", "--row", "1", "runs/evil/model.h5", data=True)
check("train", "evil.yaml", f"data.scaling.columns.{EVIL}x=none", code=2)

# settings, log and summary as another program, or somebody else, may have left them
os.rename("runs/evil", f"runs/{NAMED}")
run = f"runs/{NAMED}"
with open(f"{run}/config.yaml", encoding="utf-8") as file:
    text = file.read().replace("name: evil", f"name: {json.dumps(EVIL)}\nextra: {json.dumps(EVIL)}\n{json.dumps(EVIL)}: 1")
with open(f"{run}/config.yaml", "w", encoding="utf-8") as file:
    file.write(text)
with open(f"{run}/summary.json", encoding="utf-8") as file:
    summary = json.load(file)
summary.update({"isa": EVIL, "stopped": EVIL, "test_" + EVIL: 0.5, "parameters_checksum": EVIL})
with open(f"{run}/summary.json", "w", encoding="utf-8") as file:
    json.dump(summary, file, ensure_ascii=True)
with open(f"{run}/log.jsonl", encoding="utf-8") as file:
    lines = [json.loads(line) for line in file]
for line in lines:
    for key, value in list(line.items()):
        if isinstance(value, str) and key != "event":
            line[key] = EVIL + value
    line[EVIL] = 2.5
with open(f"{run}/log.jsonl", "w", encoding="utf-8") as file:
    file.writelines(json.dumps(line) + "\n" for line in lines)
with open(f"{run}/{EVIL.replace('/', '')}", "w", encoding="utf-8"):
    pass
check("info", run)
check("runs")
check("runs", "--settings")
check("watch", run, "--once")
os.remove(f"{run}/history.h5")
check("history", run)
json.loads(check("history", run, "--format", "json", data=True))
json.loads(check("runs", "--format", "json", data=True))
check("info", f"runs/no{NAMED}", code=3)
check("train", f"no{NAMED}.yaml", code=2)
print("no control character is printed")
