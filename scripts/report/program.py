"""The program, and what its commands say of a run. Only documented output is read: JSON and HDF5, and the settings that
`lockstep info` lists."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of the checkout, or share/lockstep


class ProgramError(Exception):
    """A command did not do its work; the message is its own."""


def find_program(named=None):
    """The path of the program, or None."""
    places = [named] if named else [os.environ.get("LOCKSTEP"), ROOT / "build/release/lockstep", ROOT / "../../bin/lockstep"]
    built = next((str(place) for place in places if place and os.access(place, os.X_OK)), None)
    return built or shutil.which(named or "lockstep")


class Program:
    def __init__(self, path):
        self.path = path

    def call(self, *words):
        if self.path is None:
            raise ProgramError("the program lockstep was not found; --lockstep names it")
        try:
            done = subprocess.run([self.path, *map(str, words)], capture_output=True, text=True, errors="replace", check=False,
                                  stdin=subprocess.DEVNULL)
        except OSError as error:
            raise ProgramError(f"{self.path}: {error.strerror}") from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            why = next((line for line in lines if line.startswith("lockstep")), lines[-1] if lines else "no message")
            raise ProgramError(f"{why} (exit code {done.returncode})")
        return done.stdout

    def state(self, run):
        """The row of `lockstep runs` about a run, a dictionary."""
        return json.loads(self.call("runs", run, "--format", "json"))[0]

    def changed_settings(self, run):
        """Pairs of key and value of the settings that are not the defaults."""
        _, _, rest = self.call("info", run).partition("Settings that are not the defaults:\n")
        pairs = []
        for line in rest.splitlines():
            if not line.startswith("  "):
                break
            key, _, value = line.strip().partition(" ")
            pairs.append((key, value.strip()))
        return pairs

    def evaluate(self, model, split, *overrides):
        """The figures of `lockstep eval`, a dictionary."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "eval.json")
            self.call("eval", model, "--split", split, "--json", path, *overrides)
            return json.loads(path.read_text(encoding="utf-8"))
