"""States that the experts come through when they draw, to be corrected towards the true picture.

Trained on the latents' own noise alone, an expert never sees what it, or the other one, does wrong, nor what
guidance exaggerates. So some samples are states on the way of the averaged weights' own drawing, at any
guidance that people use: the same noise level, the true latents as the target.

For the refiner the base's part of the way is drawn beforehand, once:

    python -m refinery_train.rollouts --run RUN --count 1000
"""

import argparse
import pathlib
import random

import torch

from . import diffusion, training

GUIDANCE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 7.5)
STEPS = (12, 16, 20, 25, 30)
COUNT = 16  # pictures at a time


class Rollouts:
    """`model` is a network of its own, to hold averaged weights. `handoffs`: for the refiner, what the base left."""

    def __init__(self, samples, model, handoffs=None):
        self.samples, self.model, self.handoffs = samples, model, handoffs
        self.pool = []

    def draw(self, count):
        """(class, padded rows, latents, timestep) of each."""
        while len(self.pool) < count:
            self.pool += self.states(random.choice(self.handoffs) if self.handoffs else self.start())
            random.shuffle(self.pool)
        drawn, self.pool = self.pool[:count], self.pool[count:]
        return drawn

    def start(self):
        """Some prompts, and noise."""
        classes = self.samples.classes(COUNT)
        return {
            "classes": classes, "rows": [self.samples.captions.draw(i) for i in classes],
            "steps": random.choice(STEPS), "guidance": random.choice(GUIDANCE), "first": 0,
            "latents": torch.randn(COUNT, 4, 16, 16),
        }

    @torch.no_grad()
    def states(self, start):
        """All states from `start` on that are the expert's."""
        found = []
        timesteps, _ = diffusion.schedule(start["steps"])
        last = len(timesteps)
        if self.samples.expert == "base":
            last = int((timesteps >= diffusion.REFINER_TIMESTEPS).sum())

        def keep(index, latents):
            if index < last:
                for i, rows, x in zip(start["classes"], start["rows"], latents):
                    found.append((i, rows, x.clone(), int(timesteps[index])))

        if start["first"] > 0:
            keep(start["first"], start["latents"])
        self.run(start, keep, last - 1)
        return found

    def run(self, start, record, last=None):
        predict = self.predictor(start["rows"], start["guidance"])
        diffusion.sample(start["latents"], start["steps"], predict, record, start["first"], last)

    def predictor(self, rows, guidance):
        rows1, rows2, ends = (torch.tensor(r) for r in zip(*rows))
        keep = torch.ones(len(rows))
        ids = torch.tensor([self.samples.plain_time_ids()] * len(rows), dtype=torch.float32)
        condition = (*self.model.encode(rows1, rows2, ends, keep), ids)
        rows1, rows2, ends = (torch.tensor([r] * len(rows)) for r in self.samples.empty)
        zeros = self.samples.expert == "base" and random.random() < 0.5
        absent = (*self.model.encode(rows1, rows2, ends, keep * (0.0 if zeros else 1.0)), ids)
        predict = diffusion.guided(self.model, condition, absent, guidance)
        return lambda _, x, timestep: predict(x, timestep)

    @torch.no_grad()
    def handoff(self):
        """A start for the refiner: somewhere about its first timestep."""
        start = self.start()
        start["steps"] = random.choice(STEPS[2:])
        timesteps, _ = diffusion.schedule(start["steps"])
        first = int((timesteps >= diffusion.REFINER_TIMESTEPS).sum()) + random.randint(0, 2)

        def record(index, latents):
            start["latents"] = latents

        self.run(start, record, first)
        return start | {"first": first}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--tier", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000, help="of pictures")
    arguments = parser.parse_args()
    from . import experts

    torch.set_num_threads(1)
    samples = experts.Samples(arguments.run, "base", arguments.tier)
    base = diffusion.Base(samples.tokens.count)
    base.load_state_dict(training.averaged(arguments.run / "base.pt", "model"))
    drawn = Rollouts(samples, base)
    path = arguments.run / "handoffs.pt"
    groups = torch.load(path) if path.exists() else []
    while len(groups) * COUNT < arguments.count:
        groups.append(drawn.handoff())
        torch.save(groups, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
    print(f"{len(groups) * COUNT} pictures")


if __name__ == "__main__":
    main()
