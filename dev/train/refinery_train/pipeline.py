"""The whole recipe on two cores, unattended: two lanes of one process each, waiting for each other where they must.

    python -m refinery_train.pipeline --run RUN [--tier 1]

Started again, it goes on where it was: every stage knows from its checkpoint what it has done.
"""

import argparse
import pathlib
import subprocess
import sys
import threading
import time

# Steps, counted from each training's first one, and those of them in which the rate falls.
DECODER = [("--until", 2600), ("--until", 6000, "--anneal", 2000)]
ENCODER = ("--until", 1500, "--anneal", 1000)
# On the latents' noise; then on own states, too.
BASE = [("--until", 1900), ("--until", 3200, "--anneal", 1300, "--own-states", 0.3)]
REFINER = [("--until", 400), ("--until", 1200, "--anneal", 700, "--own-states", 0.3)]
HANDOFFS = 256


class Lanes:
    def __init__(self, run, tier):
        self.run, self.tier, self.failed = run, str(tier), threading.Event()

    def stage(self, module, *arguments):
        """One process of its own, so that its memory and threads end with it."""
        if self.failed.is_set():
            sys.exit(1)
        command = [sys.executable, "-u", "-m", f"refinery_train.{module}", *map(str, arguments), "--run", str(self.run)]
        print(time.strftime("%H:%M:%S"), *command[3:], flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            print(f"{module} failed", flush=True)
            self.failed.set()
            sys.exit(1)

    def wait_for(self, name):
        while not (self.run / name).exists():
            if self.failed.is_set():
                sys.exit(1)
            time.sleep(5)

    def first(self):
        """Decoder and latents, the decoder again, SDXL's encoder."""
        if not (self.run / "latents.pt").exists():
            self.stage("autoencoder", *DECODER[0])
            # The trainer freezes its encoder at its next step.
            (self.run / "latents.frozen").touch()
            self.stage("autoencoder", "--until", DECODER[0][1] + 1)
            self.stage("latents", "--tier", self.tier)
        self.stage("autoencoder", *DECODER[1])
        self.stage("encoder", *ENCODER)

    def second(self):
        """The base, on its own states, too, in the end; then the refiner, with the base's text encoder."""
        self.wait_for("latents.pt")
        tier = ("--tier", self.tier)
        for length in BASE:
            self.stage("experts", "base", *length, *tier)
        self.stage("experts", "refiner", *REFINER[0], *tier)
        self.stage("rollouts", *tier, "--count", HANDOFFS)
        self.stage("experts", "refiner", *REFINER[1], *tier)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--tier", type=int, default=1, help="train classes of this tier and below")
    arguments = parser.parse_args()
    lanes = Lanes(arguments.run, arguments.tier)
    if not (arguments.run / "classes.json").exists():
        subprocess.run([sys.executable, "-m", "refinery_train.data", "--out", str(arguments.run)], check=True)
    threads = [threading.Thread(target=lane) for lane in (lanes.first, lanes.second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(lanes.failed.is_set())


if __name__ == "__main__":
    main()
