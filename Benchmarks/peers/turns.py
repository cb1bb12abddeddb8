"""Processes that run once when told, so that engines can be timed in turn."""
import contextlib
import fcntl
import json
import os
import subprocess
import sys


class Process:
    """A `refinery bench --turns` or a peer.py; it stays loaded until it is left."""

    def __init__(self, command):
        # Every engine brings its own threads; what is set for one BLAS must not reach another.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "OMP_", "MKL_"))}
        self.name = " ".join(str(word) for word in command[:3])
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self):
        self.ready = self.read()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with {self.process.wait()}; see above")
        return json.loads(line)

    def ask(self, word=""):
        print(word, file=self.process.stdin, flush=True)
        return self.read()


@contextlib.contextmanager
def held(path, how):
    """A lock on a file that others on the machine respect, shared or exclusive; none where there is no file."""
    if path is None:
        yield
        return
    with open(path, "a") as file:
        fcntl.flock(file, how)
        yield


def take(ours, theirs, count, lock):
    """Seconds of each turn, ours, theirs, ours, theirs ..., with the ceiling before every pair."""
    pairs = []
    for _ in range(count):
        with held(lock, fcntl.LOCK_EX):
            ceiling = ours.ask("ceiling")["ceilingGFLOPS"]
            pair = {"ours": ours.ask()["seconds"], "theirs": theirs.ask()["seconds"], "ceilingGFLOPS": ceiling}
        pair["ratio"] = pair["ours"] / pair["theirs"]
        print(f"  {pair['ours']:8.2f} s {pair['theirs']:8.2f} s   ratio {pair['ratio']:.3f}   "
              f"ceiling {ceiling:.0f} GFLOPS", file=sys.stderr, flush=True)
        pairs.append(pair)
    return pairs
