"""How whole pictures' time and memory grow with steps, callers and lanes, and where a second lane pays.

    pip install -r Benchmarks/requirements.txt
    python Benchmarks/jobs.py --refinery .build/release/refinery                      # the built-in models
    python Benchmarks/jobs.py --refinery .build/release/refinery --models M --model base --refiner refiner \\
        --sizes 512x512 --steps 5 --callers 2 --duration 1

Each row is a run of `refinery loadtest` with a server of its own: as many callers, each of whom asks again once he is
answered, and as many lanes, which share the same threads; `auto` is the server's own choice. Memory is the most that the
process had beyond mapped files. Rows that are compared, those of different lanes, are measured one after the other.
Writes jobs.json and jobs.svg beside this file, and the table to standard output; with --from jobs.json it only draws.
"""
import argparse
import itertools
import json
import pathlib
import re
import subprocess
import sys
import threading

import drawing

COLOURS = {"auto": "#3a8f5c", "1": "#3b6fb6", "2": "#b0468f"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the base")
    parser.add_argument("--refiner", help="the refiner")
    parser.add_argument("--sizes", default="256x256,512x512")
    parser.add_argument("--steps", default="10,20,40,80")
    parser.add_argument("--callers", default="1,2,4,8")
    parser.add_argument("--lanes", default="1,2,auto")
    parser.add_argument("--duration", type=float, default=10, help="seconds in which pictures are begun, of each row")
    return drawing.parse(parser, "jobs")


def measure(arguments):
    return [row(arguments, *case) for case in cases(arguments)]


def cases(arguments):
    """Size, steps, callers and lanes: of one caller all steps, of the fewest steps all callers and lanes."""
    sizes, lanes = arguments.sizes.split(","), arguments.lanes.split(",")
    steps, callers = ([int(value) for value in text.split(",")] for text in (arguments.steps, arguments.callers))
    for size in sizes:
        yield from ((size, count, 1, lanes[-1]) for count in steps[1:])
        yield from itertools.product([size], steps[:1], callers, lanes)


def row(arguments, size, steps, callers, lanes):
    command = [arguments.refinery, "loadtest", "--json", "--clients", str(callers), "--duration", str(arguments.duration),
               "--size", size, "--steps", str(steps), "--handoff", "80", "--seeds", "1000",
               "--cancels", "0", "--cuts", "0", "--slow", "0", "--timeout", "3600"]
    command += drawing.flags((("--models", arguments.models), ("--model", arguments.model),
                              ("--refiner", arguments.refiner), ("--lanes", "" if lanes == "auto" else lanes)))
    drawing.say(f"{size}, steps: {steps}, callers: {callers}, lanes: {lanes}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = Peak(process.pid)
    output = process.communicate()[0]
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    report = json.loads(output)
    return {"size": size, "steps": steps, "callers": callers, "lanes": lanes,
            "picturesPerSecond": report["picturesPerSecond"], "medianSeconds": report["latencies"]["image"]["p50"],
            "slowestSeconds": report["latencies"]["image"]["max"], "anonymousBytes": peak.end()}


class Peak:
    """The most that a process has had beyond mapped files, looked at 20 times a second."""

    def __init__(self, pid):
        self.path, self.bytes, self.ended = pathlib.Path(f"/proc/{pid}/status"), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.05):
            try:
                found = re.search(r"RssAnon:\s+(\d+) kB", self.path.read_text())
            except OSError:
                return
            self.bytes = max(self.bytes, 1024 * int(found[1])) if found else self.bytes

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.bytes


def table(rows):
    """As markdown."""
    text = ["| pixels | steps | callers | lanes | pictures/s | median | slowest | memory |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    text += [f"| {row['size']} | {row['steps']} | {row['callers']} | {row['lanes']} | {row['picturesPerSecond']:.3g} "
             f"| {row['medianSeconds']:.3g} s | {row['slowestSeconds']:.3g} s | {row['anonymousBytes'] / 2**20:.0f} MiB |"
             for row in rows]
    return "\n".join(text)


def draw(rows, times, rates):
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    for size, style in zip(sizes, itertools.cycle(["-", "--", ":"])):
        alone = sorted((row["steps"], row["medianSeconds"]) for row in rows
                       if row["size"] == size and row["callers"] == 1 and row["lanes"] == rows[0]["lanes"])
        times.plot(*zip(*alone), label=size, color="#555555", linestyle=style, marker=".")
        # In pictures of one caller on one lane, so that sizes can share a plot.
        fewest = min(row["steps"] for row in rows)
        found = {(row["callers"], row["lanes"]): row["picturesPerSecond"] for row in rows
                 if row["size"] == size and row["steps"] == fewest}
        for lanes in dict.fromkeys(lanes for _, lanes in found):
            points = [(callers, rate / found[1, "1"]) for (callers, of), rate in found.items() if of == lanes]
            rates.plot(*zip(*points), label=f"{size}, lanes: {lanes}", color=COLOURS.get(lanes), linestyle=style, marker=".")
    times.set(xlabel="steps", ylabel="seconds a picture, one caller")
    rates.set(xlabel="callers at a time", ylabel="pictures/s, of one caller's on one lane")
    for axes in (times, rates):
        axes.legend(frameon=False, fontsize="small")


if __name__ == "__main__":
    drawing.report(parse(), measure, table, draw)
