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

HERE = pathlib.Path(__file__).parent
COLOURS = {"auto": "#3a8f5c", "1": "#3b6fb6", "2": "#b0468f"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refinery", help="the executable, built for release")
    parser.add_argument("--models", help="the folder of models; the small built-in ones without")
    parser.add_argument("--model", help="the base")
    parser.add_argument("--refiner", help="the refiner")
    parser.add_argument("--sizes", default="256x256,512x512")
    parser.add_argument("--steps", default="10,20,40,80")
    parser.add_argument("--callers", default="1,2,4,8")
    parser.add_argument("--lanes", default="1,2,auto")
    parser.add_argument("--duration", type=float, default=10, help="seconds in which pictures are begun, of each row")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "jobs", help="without extension")
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="draw this file instead of measuring")
    arguments = parser.parse_args()
    if not (arguments.refinery or arguments.source):
        parser.error("give --refinery, or --from")
    return arguments


def main():
    arguments = parse()
    if arguments.source:
        rows = json.loads(arguments.source.read_text())
    else:
        rows = [measure(arguments, *case) for case in cases(arguments)]
        arguments.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))
    draw(rows, arguments.output.with_suffix(".svg"))


def cases(arguments):
    """Size, steps, callers and lanes: of one caller all steps, of the fewest steps all callers and lanes."""
    sizes, lanes = arguments.sizes.split(","), arguments.lanes.split(",")
    steps, callers = ([int(value) for value in text.split(",")] for text in (arguments.steps, arguments.callers))
    for size in sizes:
        yield from ((size, count, 1, lanes[-1]) for count in steps[1:])
        yield from itertools.product([size], steps[:1], callers, lanes)


def measure(arguments, size, steps, callers, lanes):
    command = [arguments.refinery, "loadtest", "--json", "--clients", str(callers), "--duration", str(arguments.duration),
               "--size", size, "--steps", str(steps), "--handoff", "80", "--seeds", "1000",
               "--cancels", "0", "--cuts", "0", "--slow", "0", "--timeout", "3600"]
    for flag, value in (("--models", arguments.models), ("--model", arguments.model),
                        ("--refiner", arguments.refiner), ("--lanes", "" if lanes == "auto" else lanes)):
        command += [flag, value] if value else []
    print(f"{size}, steps: {steps}, callers: {callers}, lanes: {lanes}", file=sys.stderr, flush=True)
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


def draw(rows, path):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "refinery", "font.family": "sans-serif"})
    figure, (times, rates) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
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
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
