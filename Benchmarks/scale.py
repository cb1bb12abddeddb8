"""How a step's and a decoding's time and memory grow with pixels, batch and threads: a table and a picture.

    pip install -r Benchmarks/requirements.txt
    python Benchmarks/scale.py --refinery .build/release/refinery --models M

Runs `refinery bench` from the smallest picture to the largest, each in a process of its own. What would not be done in
the time allowed, going by the step before, is left out and named. Writes scale.json and scale.svg beside this file, and
the table to standard output; with --from scale.json it only draws.
"""
import argparse
import json
import subprocess
import time

import drawing

COLOURS = {"base": "#3b6fb6", "refiner": "#b0468f", "decode": "#3a8f5c"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the base, if the folder has several")
    parser.add_argument("--refiner", help="the refiner, if the folder has several")
    parser.add_argument("--sides", default="256,384,512,640,768,896,1024", help="of square pictures")
    parser.add_argument("--parts", default="base,refiner,decode")
    parser.add_argument("--threads", default="", help="such as 1,2; all cores by default")
    parser.add_argument("--runs", type=int, default=1, help="after the first, of which the median counts")
    parser.add_argument("--minutes", type=float, default=30, help="at most")
    return drawing.parse(parser, "scale")


def measure(arguments):
    """Every part at every size, smallest first, as long as there is time."""
    end = time.monotonic() + 60 * arguments.minutes
    reports, skipped = [], []
    for threads in arguments.threads.split(","):
        for part in arguments.parts.split(","):
            before = None
            for side in map(int, arguments.sides.split(",")):
                # Attention grows with the square of the pixels, all else with the pixels.
                expected = before[1] * (side / before[0]) ** 2.5 if before else 0
                if time.monotonic() + expected > end:
                    skipped.append(f"{part} {side}x{side}")
                    continue
                started = time.monotonic()
                drawing.say(f"{part} {side}x{side}")
                reports.append(bench(arguments, part, side, threads))
                before = side, time.monotonic() - started
    return {"reports": reports, "skipped": skipped}


def bench(arguments, part, side, threads):
    command = [arguments.refinery, "bench", "--json", "--parts", part, "--size", f"{side}x{side}", "--guidance", "both",
               "--runs", str(arguments.runs)]
    command += drawing.flags((("--models", arguments.models), ("--model", arguments.model),
                              ("--refiner", arguments.refiner), ("--threads", threads)))
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def lines(result):
    """Points by part, images and threads, in the order of their pixels."""
    found = {}
    for report in result["reports"]:
        for row in report["parts"]:
            found.setdefault((row["part"], row["images"], report["threads"]), []).append(
                row | {"ceilingGFLOPS": report["ceilingGFLOPS"]})
    return {key: sorted(rows, key=lambda row: row["width"]) for key, rows in found.items()}


def table(result):
    """As markdown."""
    text = ["| part | images | threads | pixels | seconds | per megapixel | % of sgemm | memory |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (part, images, threads), rows in lines(result).items():
        for row in rows:
            megapixels = row["width"] * row["height"] / 1e6
            text.append(
                f"| {part} | {images} | {threads} | {row['width']}x{row['height']} | {row['medianSeconds']:.3g} "
                f"| {row['medianSeconds'] / megapixels:.3g} | {100 * row['ceilingShare']:.0f} "
                f"| {row['anonymousBytes'] / 2**30:.2f} GiB |")
    if result["skipped"]:
        text.append(f"\nNot measured in the time allowed: {', '.join(result['skipped'])}.")
    return "\n".join(text)


def draw(result, times, memory):
    most = max(threads for _, _, threads in lines(result))
    for (part, images, threads), rows in lines(result).items():
        megapixels = [row["width"] * row["height"] / 1e6 for row in rows]
        label = part + (", guidance" if images == 2 else "") + ("" if threads == most else f", threads: {threads}")
        style = {"label": label, "color": COLOURS.get(part, "#555555"), "marker": ".",
                 "linestyle": "--" if images == 2 else "-", "alpha": 1 if threads == most else 0.4}
        times.plot(megapixels, [row["medianSeconds"] for row in rows], **style)
        memory.plot(megapixels, [row["anonymousBytes"] / 2**30 for row in rows], **style)
    times.set(xlabel="megapixels", ylabel="seconds")
    memory.set(xlabel="megapixels", ylabel="GiB beyond the mapped files")
    times.legend(frameon=False)


if __name__ == "__main__":
    drawing.report(parse(), measure, table, draw)
