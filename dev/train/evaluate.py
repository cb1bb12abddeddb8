"""Judges the trained pair through the real server: figures, a plot and a contact sheet.

    pip install -r dev/train/requirements.txt
    python dev/train/evaluate.py --refinery .build/release/refinery --models DIR

Asks for pictures of prompts made from the data set's captions, with seeds of their own, and compares each with every
emoji: all pictures are halved twice to 32 x 32 pixels, and the nearest by squared distance counts. Writes report.md,
report.json, sweep.svg and contact-sheet.png to --out, dev/train/report by default.
"""

import argparse
import concurrent.futures
import io
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "clients/python/src")]

from refinery_client import Client, Refiner

from refinery_train import captions, data, judging

STEPS, HANDOFF = 30, 80
GUIDANCE = (1.0, 5.0, 7.5)
# Pictures at a time: one does not fill two cores.
LANES = 2
SWEEP = (50, 55, 60, 65, 70, 75, 80, 85, 90, 95)


class Server:
    """The real one, on a port of its own, for the time of the `with`."""

    def __init__(self, refinery, models):
        command = [refinery, "serve", "--listen", "127.0.0.1:0", "--lanes", str(LANES)]
        self.command = command + (["--models", str(models)] if models else [])

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in self.process.stdout:
            if found := re.search(r"listening on (\S+)", line):
                # Or it waits for a reader of its log.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return Client(found[1])
        raise SystemExit(f"{self.command[0]} did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Judge:
    """Draws, and measures what was drawn against the emoji that was meant."""

    def __init__(self, client, arguments):
        self.client, self.arguments = client, arguments
        self.found, self.pictures = data.build()
        self.small = judging.features(self.pictures)
        self.trained = sum(c["tier"] <= arguments.tier for c in self.found)

    def prompts(self, count):
        """(class, caption, seed): each class once before any comes again, captions in the forms of the training."""
        chance = random.Random(self.arguments.seed)
        order = []
        while len(order) < count:
            order += chance.sample(range(self.trained), self.trained)
        every = captions.of_all(self.found)
        return [(i, chance.choice(every[i][0]), chance.randrange(2**32)) for i in order[:count]]

    def draw(self, prompts, guidance, handoff):
        """uint8 [prompts, 128, 128, 3]; without a handoff the base makes all steps."""
        refiner = handoff and Refiner(model=self.arguments.refiner, start_step_percentage=handoff)
        options = {"refiner": refiner} if refiner else {}

        def picture(prompt):
            _, text, seed = prompt
            image = self.client.generate_image(
                text, model=self.arguments.model, steps=STEPS, seed=seed, cfg_scale=guidance,
                scheduler=self.arguments.scheduler, **options,
            )
            return np.asarray(Image.open(io.BytesIO(image.png)).convert("RGB"))

        with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
            return np.stack(list(lanes.map(picture, prompts)))

    def measure(self, prompts, made):
        meant = np.array([i for i, *_ in prompts])
        distances = judging.squared_distances(judging.features(made), self.small)
        true = self.pictures[meant]
        return {
            "right_of_all": float((distances.argmin(1) == meant).mean()),
            "right_of_trained": float((distances[:, : self.trained].argmin(1) == meant).mean()),
            "psnr": judging.psnr(made, true),
            "sharpness": judging.detail(made) / judging.detail(true),
        }


def guidance_table(judge, prompts, report):
    for guidance in GUIDANCE:
        made = judge.draw(prompts, guidance, HANDOFF)
        figures = judge.measure(prompts, made)
        report["guidance"][f"{guidance:g}"] = {
            "right_of_all": figures["right_of_all"], "right_of_trained": figures["right_of_trained"],
            "psnr": float(figures["psnr"].mean()), "sharpness": float(np.median(figures["sharpness"])),
        }
        yield guidance, made


def refiner_against_base(judge, prompts, guidance, refined):
    """Same prompts, seeds and steps; the refiner wins where its picture is nearer to the emoji that was meant."""
    alone = judge.draw(prompts, guidance, None)
    a, b = judge.measure(prompts, alone), judge.measure(prompts, refined)
    return {
        "guidance": guidance,
        "base_psnr": float(a["psnr"].mean()), "pair_psnr": float(b["psnr"].mean()),
        "wins_by_distance": float((b["psnr"] > a["psnr"]).mean()),
        "base_sharpness": float(np.median(a["sharpness"])), "pair_sharpness": float(np.median(b["sharpness"])),
        "wins_by_detail": float(
            (abs(np.log(b["sharpness"])) < abs(np.log(a["sharpness"]))).mean()
        ),
    }


def sweep(judge, prompts, guidance, out):
    rows = []
    for handoff in SWEEP:
        figures = judge.measure(prompts, judge.draw(prompts, guidance, handoff))
        rows.append([handoff, float(figures["psnr"].mean()), float(np.median(figures["sharpness"]))])
    alone = judge.measure(prompts, judge.draw(prompts, guidance, None))
    rows.append([100, float(alone["psnr"].mean()), float(np.median(alone["sharpness"]))])

    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "refinery"
    from matplotlib import pyplot as plot

    figure, left = plot.subplots(figsize=(6.4, 3.6), layout="constrained")
    x, first, second = zip(*rows)
    left.plot(x, first, "o-", color="#3b6fb6")
    left.set_xlabel("handoff, % of the steps (100: base alone)")
    left.set_ylabel("PSNR to the emoji meant, dB", color="#3b6fb6")
    right = left.twinx()
    right.plot(x, second, "s--", color="#b0468f")
    right.set_ylabel("high-frequency energy, 1 = the emoji's", color="#b0468f")
    figure.savefig(out / "sweep.svg", metadata={"Date": None})
    return rows


def text(report):
    lines = [
        "# What the built-in pair draws",
        "",
        (
            f"Made by `dev/train/evaluate.py`; {report['prompts']} prompts from the captions of {report['trained']} trained"
            f" classes, fresh seeds, {STEPS} steps, {report['scheduler']}, through `refinery serve`. The nearest emoji is by"
            " pixels, at 32 x 32, among the trained ones and among all"
            f" {report['all']}."
        ),
        "",
        f"## Guidance (base and refiner, handoff at {HANDOFF} %)",
        "",
        "| guidance | right, of trained | right, of all | PSNR, dB | detail, 1 = the emoji's |",
        "| --- | --- | --- | --- | --- |",
    ]
    for guidance, f in report["guidance"].items():
        lines.append(
            f"| {guidance} | {f['right_of_trained']:.1%} | {f['right_of_all']:.1%} | {f['psnr']:.2f} |"
            f" {f['sharpness']:.2f} |"
        )
    lines += [
        "",
        "## The base alone against base and refiner, same seeds",
        "",
        "| guidance | base, dB | pair, dB | pair nearer | base's detail | pair's detail | pair's detail nearer to 1 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for f in report["refiner"]:
        lines.append(
            f"| {f['guidance']:g} | {f['base_psnr']:.2f} | {f['pair_psnr']:.2f} | {f['wins_by_distance']:.1%} |"
            f" {f['base_sharpness']:.2f} | {f['pair_sharpness']:.2f} | {f['wins_by_detail']:.1%} |"
        )
    lines += [
        "",
        f"## Handoff ({report['sweep_prompts']} prompts, guidance {report['sweep_guidance']:g})",
        "",
        "![PSNR and detail over the handoff](sweep.svg)",
        "",
        "| handoff | PSNR, dB | detail |",
        "| --- | --- | --- |",
        *(f"| {'none' if h == 100 else f'{h} %'} | {p:.2f} | {d:.2f} |" for h, p, d in report["sweep"]),
        "",
        "![Contact sheet](contact-sheet.png)",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refinery", required=True, help="the executable, built for release")
    parser.add_argument("--models", help="the folder of models; the built-in ones without")
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--refiner", default="emoji-refiner")
    parser.add_argument("--scheduler", default="Euler")
    parser.add_argument("--tier", type=int, default=1, help="classes of this tier and below were trained")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--sweep-prompts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "report")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with Server(arguments.refinery, arguments.models) as client:
        judge = Judge(client, arguments)
        prompts = judge.prompts(arguments.prompts)
        report = {
            "prompts": len(prompts), "trained": judge.trained, "all": len(judge.found), "guidance": {},
            "refiner": [], "scheduler": arguments.scheduler,
        }
        for guidance, made in guidance_table(judge, prompts, report):
            report["refiner"].append(refiner_against_base(judge, prompts, guidance, made))
            if guidance == 5:
                judging.sheet([made[:96]], 16).save(arguments.out / "contact-sheet.png", optimize=True)
        report["sweep_prompts"], report["sweep_guidance"] = arguments.sweep_prompts, 5.0
        report["sweep"] = sweep(judge, prompts[: arguments.sweep_prompts], 5.0, arguments.out)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "report.md").write_text(text(report))
    print(text(report))


if __name__ == "__main__":
    main()
