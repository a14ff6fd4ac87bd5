"""The files of a run directory, as far as there are any. What is missing or damaged becomes a sentence in `notes`."""
import dataclasses
import json
import math
import pathlib

import h5py
import numpy as np
import yaml

from report.page import sentence
from report.program import ProgramError

CLASSES = ("cross_entropy", "hinge", "perceptron")  # losses of labels
PHASES = ("read", "gather", "forward", "backward", "fold", "update", "exchange", "wait")


@dataclasses.dataclass(frozen=True)
class Head:
    """A question that the network answers; name: None if it is the only one."""
    name: str | None
    loss: str
    targets: tuple | None  # columns, or None: those after the head before
    quantiles: tuple

    @property
    def has_classes(self):
        return self.loss in CLASSES

    @property
    def is_cluster(self):
        """Its loss needs no targets."""
        return self.loss in ("distortion", "density")

    @property
    def is_binary(self):
        return self.loss == "binary_cross_entropy"


def head_of(settings, name):
    targets = settings.get("targets", "auto")
    return Head(name, settings["name"], None if targets == "auto" else tuple(map(int, targets)),
                tuple(map(float, settings.get("quantiles") or ())))


def heads_of(config):
    """The heads of the settings; none if these say nothing that can be read."""
    losses = config.get("loss")
    if isinstance(losses, dict) and "name" in losses:
        return [head_of(losses, None)]
    if isinstance(losses, list):
        name_of = [str(loss.get("head", "auto")) for loss in losses]
        return [head_of(loss, f"head{i}" if name == "auto" else name)
                for i, (loss, name) in enumerate(zip(losses, name_of), 1)]
    return []


def read_columns(file):
    return {name: array[:] for name, array in file.items() if isinstance(array, h5py.Dataset)}


class Run:
    def __init__(self, directory, program):
        self.path, self.program, self.notes = pathlib.Path(directory), program, []
        self.name = self.path.resolve().name
        self.state = self.ask(lambda: program.state(directory), {}, "What `lockstep runs` says of it is missing: {}")
        self.settings = self.ask(lambda: program.changed_settings(directory), [], "Its settings are not listed: {}")
        self.config = self.read("config.yaml", self.read_config, {})
        self.summary = self.read("summary.json", lambda path: json.loads(path.read_text(encoding="utf-8")), {},
                                 "It has no `summary.json`, which is written when a run ends well.")
        self.history, self.head_histories = self.read("history.h5", self.read_history, ({}, {}), self.no_history())
        self.timing = self.read("timing.h5", self.read_timing, {}, "")
        self.events = self.read("log.jsonl", self.read_log, [], "It has no `log.jsonl`.")
        self.heads = heads_of(self.config)
        self.model = self.find_model()
        self.note_state()

    def note(self, text, *names):
        self.notes.append(sentence(text, *names))

    def ask(self, command, otherwise, note):
        try:
            return command()
        except (ProgramError, ValueError, LookupError) as error:
            self.note(note, error)
            return otherwise

    def read(self, name, reader, otherwise, missing="It has no `{}`."):
        path = self.path / name
        if not path.exists():
            if missing:
                self.note(missing.replace("{}", name))
            return otherwise
        try:
            return reader(path)
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            self.note(f"Its `{name}` cannot be read: {{}}", error)
            return otherwise

    def read_config(self, path):
        self.config_text = path.read_text(encoding="utf-8")
        config = yaml.safe_load(self.config_text)
        if not isinstance(config, dict):
            raise ValueError("no table of settings")
        return config

    config_text = ""

    def no_history(self):
        """Why there may be none."""
        if "method" in self.summary:
            return "It was solved in closed form, so it has no epochs."
        if int(self.setting("train", "members", otherwise=1)) > 1:
            return "It is an ensemble: its members have the epochs."
        return "It has no `history.h5`: no epoch is complete yet."

    @staticmethod
    def read_history(path):
        with h5py.File(path) as file:
            heads = {name: read_columns(group) for name, group in file["heads"].items()} if "heads" in file else {}
            return read_columns(file), heads

    @staticmethod
    def read_timing(path):
        with h5py.File(path) as file:
            return read_columns(file)

    @staticmethod
    def read_log(path):
        """The last line may be cut off, while the run writes it."""
        events = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events.append(event)
        return events

    def find_model(self):
        """model.h5, or else the newest checkpoint."""
        if (self.path / "model.h5").exists():
            return self.path / "model.h5"
        checkpoints = sorted(path for path in self.path.glob("checkpoint-*.h5") if "-part-" not in path.name)
        if checkpoints:
            self.note("It has no `model.h5`: predictions are those of its newest checkpoint, {}.", checkpoints[-1].name)
            return checkpoints[-1]
        self.note("It has neither `model.h5` nor a checkpoint, so there are no predictions.")
        return None

    def note_state(self):
        status = self.state.get("status")
        words = {
            "running": "It is still running: this page shows what there was when it was made.",
            "stopped": "It was stopped before its end; `lockstep train … --resume` goes on.",
            "failed": "It diverged: a loss or a gradient was not finite. A smaller learning rate, `train.clip_norm` or scaled "
                      "features help most often.",
            "interrupted": "Its process is gone without a word: it was killed, or its machine failed.",
        }
        if status in words:
            self.note(words[status])
        if self.state.get("note"):
            self.note("What is wrong with its files: {}", self.state["note"])
        failures = [event for event in self.events if event.get("event") == "checkpoint_failed"]
        if failures:
            self.note(f"{len(failures)} checkpoints could not be written; the last reason: {{}}", failures[-1].get("reason"))

    # ---- what several sections ask for ----

    def column(self, name, head=None):
        """A column of the history with at least one finite value, or None."""
        columns = self.history if head is None else self.head_histories.get(head, {})
        values = columns.get(name)
        return values if values is not None and len(values) and np.isfinite(values).any() else None

    def setting(self, *path, otherwise=None):
        value = self.config
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return otherwise if value is None else value

    def model_epoch(self):
        """The index of the epoch whose parameters model.h5 holds, or None."""
        step, steps = self.summary.get("model_step"), self.column("step")
        if step is None or steps is None:
            return None
        found = np.flatnonzero(steps == step)
        return int(found[0]) if found.size else None

    def steps(self):
        """The logged steps, as arrays under the names of log.jsonl; empty unless train.log_every is set. A run that went
        back to a checkpoint has logged some steps twice: the later ones count."""
        steps = {event["step"]: event for event in self.events if event.get("event") == "step" and "step" in event}
        rows = [steps[step] for step in sorted(steps)]
        return {name: np.array([math.nan if row.get(name) is None else row[name] for row in rows], dtype=float)
                for name in ("step", "epoch", "loss", "learning_rate", "gradient_norm")} if rows else {}
