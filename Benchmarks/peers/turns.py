"""Processes that run once when told, so that engines can be timed in turn."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time


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
def guarded(command):
    """While a command runs that says back what it is told, such as `flock FILE cat`; at once where there is none."""
    if not command:
        yield
        return
    with subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guard:
        print("ready", file=guard.stdin, flush=True)
        if not guard.stdout.readline():
            raise SystemExit(f"the guard ended: {command}")
        yield
        guard.stdin.close()


class OthersLoad:
    """How much of the machine's processors others took while it was on: 0 to 1."""

    def __init__(self, processes):
        self.own = [process.process.pid for process in processes]

    def __enter__(self):
        self.started = time.monotonic()
        self.before = self.ticks()
        return self

    def __exit__(self, *_):
        seconds = (self.ticks() - self.before) / os.sysconf("SC_CLK_TCK")
        self.share = seconds / (time.monotonic() - self.started) / os.cpu_count()

    def ticks(self):
        user, nice, system = map(int, pathlib.Path("/proc/stat").read_text().split()[1:4])
        return user + nice + system - sum(map(self.ticks_of, self.own))

    @staticmethod
    def ticks_of(pid):
        # After the name, which may hold blanks: utime and stime are the fields 14 and 15.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


def take(ours, theirs, count, guard):
    """Seconds of each turn, ours, theirs, ours, theirs ..., with the ceiling before every pair."""
    pairs = []
    # Loading the other may have pushed mapped weights out of memory.
    with guarded(guard):
        ours.ask()
        theirs.ask()
    for _ in range(count):
        with guarded(guard), OthersLoad([ours, theirs]) as others:
            ceiling = ours.ask("ceiling")["ceilingGFLOPS"]
            pair = {"ours": ours.ask()["seconds"], "theirs": theirs.ask()["seconds"], "ceilingGFLOPS": ceiling}
        pair |= {"ratio": pair["ours"] / pair["theirs"], "othersLoad": others.share}
        print(f"  {pair['ours']:8.2f} s {pair['theirs']:8.2f} s   ratio {pair['ratio']:.3f}   "
              f"ceiling {ceiling:.0f} GFLOPS   others' load {100 * others.share:.0f} %", file=sys.stderr, flush=True)
        pairs.append(pair)
    return pairs
