"""Refinery against PyTorch (diffusers) and OpenVINO on the same files, shapes and inputs, in turn.

    pip install -r Benchmarks/peers/requirements.txt
    python Benchmarks/peers/compare.py --refinery .build/release/refinery --models M --base base --refiner refiner

For each part, size and peer two processes are loaded and warmed up, then run one forward each, A B A B, in float32 with
the same number of threads. The ratio of a pair is Refinery's seconds over the peer's: below 1 Refinery is faster. One
peer is in memory at a time: 10 GB for the base's U-Net. Before that the peer's results are held against Refinery's, and
a relative L2 distance over 1e-4 ends it. "Others" is the most that other processes took of the machine in any pair:
figures are good for something below a few percent.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import turns

HERE = pathlib.Path(__file__).parent
TOLERANCE = 1e-4


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refinery", required=True, help="the executable, built for release")
    parser.add_argument("--models", required=True, help="the folder of single files")
    parser.add_argument("--base", default="base", help="file name without extension")
    parser.add_argument("--refiner", default="refiner", help="file name without extension")
    parser.add_argument("--parts", default="text,base,refiner,decode", help="of text, base, refiner, decode, encode")
    parser.add_argument("--sizes", default="512x512,1024x1024", help="WIDTHxHEIGHT")
    parser.add_argument("--images", type=int, default=1, help="in a batch; 2 are both halves of guidance")
    parser.add_argument("--engines", default="openvino,torch")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", default=pathlib.Path(tempfile.gettempdir()) / "refinery-peers", type=pathlib.Path,
                        help="folder for OpenVINO's form of the models, 5 GB for the base; kept")
    parser.add_argument("--guard", help="a command around each pair that says back a line, as 'flock FILE cat', where "
                        "others work on the machine")
    parser.add_argument("--json", type=pathlib.Path, help="add each comparison to this file, an object a line")
    return parser.parse_args()


def main():
    arguments = parse()
    print("| part | size | images | against | Refinery | peer | ratio | pairs | % of sgemm | distance | others |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for part in arguments.parts.split(","):
        # The text encoders do not see the size.
        for size in arguments.sizes.split(",")[:1 if part == "text" else None]:
            for engine in arguments.engines.split(","):
                print(f"{part} {size} against {engine}", file=sys.stderr, flush=True)
                result = compare(arguments, part, size, engine)
                print(row(result), flush=True)
                if arguments.json:
                    with arguments.json.open("a") as file:
                        print(json.dumps(result), file=file)


def compare(arguments, part, size, engine):
    """One part at one size against one peer."""
    models = pathlib.Path(arguments.models)
    files = ["--part", part, "--base", models / f"{arguments.base}.safetensors",
             "--refiner", models / f"{arguments.refiner}.safetensors"]
    network = arguments.cache / f"{part}.xml"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        record = pathlib.Path(folder) / "record.safetensors"
        ours = stack.enter_context(turns.Process([
            arguments.refinery, "bench", "--turns", "--models", models, "--model", arguments.base,
            "--refiner", arguments.refiner, "--parts", part, "--size", size,
            "--guidance", "on" if arguments.images == 2 else "off", "--threads", arguments.threads, "--save", record]))
        if engine == "openvino" and not network.exists():
            subprocess.run([sys.executable, HERE / "convert.py", *files, "--record", record, network], check=True)
        theirs = stack.enter_context(turns.Process([
            sys.executable, HERE / "peer.py", engine, *files, "--record", record,
            "--threads", arguments.threads, "--network", network]))
        distance = theirs.ready["distance"]
        if not distance <= TOLERANCE:
            raise SystemExit(f"{part}: the results of {engine} lie {distance:.1e} from Refinery's")
        pairs = turns.take(ours, theirs, arguments.turns, arguments.guard)
        return {
            "part": part, "size": size, "images": ours.ready["images"], "engine": engine, "distance": distance,
            "operations": ours.ready["operations"], "threads": arguments.threads, "pairs": pairs,
            "ours": ours.ready, "theirs": theirs.ready}


def row(result):
    """As markdown, medians."""
    pairs = result["pairs"]
    ours, theirs, ratio, ceiling = (
        statistics.median(pair[key] for pair in pairs) for key in ("ours", "theirs", "ratio", "ceilingGFLOPS"))
    share = result["operations"] / ours / 1e9 / ceiling
    others = max(pair["othersLoad"] for pair in pairs)
    ratios = " ".join(f"{pair['ratio']:.2f}" for pair in pairs)
    size = "" if result["part"] == "text" else result["size"]
    return (
        f"| {result['part']} | {size} | {result['images']} | {result['engine']} | {ours:.2f} s | {theirs:.2f} s "
        f"| **{ratio:.2f}** | {ratios} | {100 * share:.0f} % | {result['distance']:.0e} | {100 * others:.0f} % |")


if __name__ == "__main__":
    main()
