"""Draws what a run's logs tell: how good each network was after how much computing.

    python -m refinery_train.curves --run RUN --out curves.svg
"""

import argparse
import json
import pathlib

PANELS = (
    ("autoencoder", "decoder: PSNR, dB", {"psnr": ""}),
    ("base", "base: squared error of the picture", {"x0_800": "t >= 800", "x0_500": "t near 500"}),
    ("refiner", "refiner: squared error of the noise, t < 200", {"eps": "noised latents", "own": "own states"}),
)


def smoothed(values, share=0.2):
    """A running mean: batches differ more than steps do."""
    out = []
    for value in values:
        out.append(value if not out else out[-1] + share * (value - out[-1]))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "refinery"
    from matplotlib import pyplot as plot

    figure, axes = plot.subplots(1, len(PANELS), figsize=(11, 3.2), layout="constrained")
    for axis, (name, title, series) in zip(axes, PANELS):
        rows = [json.loads(line) for line in (arguments.run / f"{name}.jsonl").read_text().splitlines()]
        for key, label in series.items():
            points = [(row["cpu"] / 60, row[key]) for row in rows if row.get(key) is not None]
            x, y = zip(*points)
            axis.plot(x, smoothed(y), label=label or None)
        if name == "base":
            axis.set_yscale("log")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("minutes of one core")
        if any(series.values()):
            axis.legend(fontsize=8)
    figure.savefig(arguments.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
