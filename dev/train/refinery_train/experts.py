"""Trains an expert: the base over all noise levels, or the refiner over the last 200 timesteps.

    python -m refinery_train.experts base --run RUN [--tier 1]
    python -m refinery_train.experts refiner --run RUN [--tier 1]       once the base knows its words

Both learn from the latents' own noise and, where `rollouts.py` has left some, from states that the experts
themselves came through, with the true picture as the target: that teaches them to correct what they see.
"""

import argparse
import os
import pathlib
import random

import torch
from torch import nn

from . import captions, data, diffusion, rollouts, text, training

MERGES = pathlib.Path(__file__).parents[3] / "Sources/CVocabulary/merges.txt"
BATCH = 32
SIDE = data.SIDE
# Aesthetic scores: the published refiner's own defaults for the prompt and the negative prompt.
CRISP, BLURRED = 6.0, 2.5


class Weighed(nn.Module):
    """The squared error of the noise, by sample."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, timesteps, rows1, rows2, ends, keep, time_ids, noise):
        with torch.autocast("cpu", torch.bfloat16):
            made = self.model(x, timesteps, rows1, rows2, ends, keep, time_ids)
        return (made.float() - noise).square().mean((1, 2, 3))


class Samples:
    """Batches for one expert."""

    def __init__(self, run, expert, tier):
        self.expert = expert
        found, _ = data.load(run)
        merges = text.tokenizer(MERGES)
        self.found, self.every = found, captions.of_all(found)
        every = {c for own, other in self.every for c in own + other}
        self.tokens = text.Tokens.covering(merges, every)
        self.captions = captions.Captions(found, self.tokens)
        self.latents = torch.load(run / "latents.pt")
        self.count = sum(c["tier"] <= tier for c in found)
        self.empty = self.tokens.padded(self.tokens(""))
        self.order = []

    def known_tokens(self, tier):
        """Those that the captions of this tier and below have."""
        pairs = [pair for c, pair in zip(self.found, self.every) if c["tier"] <= tier]
        known = {c for own, other in pairs for c in own + other}
        return {i for c in known for i in self.tokens.tokenizer(c).input_ids} | {0}

    def classes(self, count):
        """All classes come once before any comes again."""
        while len(self.order) < count:
            more = list(range(self.count))
            random.shuffle(more)
            self.order = more + self.order
        return [self.order.pop() for _ in range(count)]

    def timesteps(self, count):
        """Stratified. The base sees little of the refiner's range, and much of where the text decides."""
        u = (torch.arange(count) + torch.rand(count)) / count
        low = diffusion.REFINER_TIMESTEPS
        if self.expert == "refiner":
            return (u * low).long()
        knots = torch.tensor([0, 0.04, 0.50, 1.0]), torch.tensor([0.0, low, 700, 1000])
        index = torch.bucketize(u, knots[0][1:-1], right=True)
        a, b, c, d = knots[0][index], knots[0][index + 1], knots[1][index], knots[1][index + 1]
        return (c + (u - a) / (b - a) * (d - c)).long().clamp(0, 999)

    def picture(self, index):
        """A class's latents with the time ids that belong to them."""
        plain = [SIDE, SIDE, 0, 0]
        chance = random.random()
        source, latents = plain, self.latents["plain"]
        if chance < 0.06:
            corner = random.choice(list(self.latents["cut"]))
            source, latents = [SIDE, SIDE, *corner], self.latents["cut"][corner]
        elif chance < 0.12:
            side = random.choice(list(self.latents["small"]))
            source, latents = [side, side, 0, 0], self.latents["small"][side]
        if self.expert == "base":
            return latents[index], latents[index], source + [SIDE, SIDE]
        return latents[index], *self.scored(index, latents[index], source)

    def scored(self, index, seen, source):
        """The refiner: what it is to make, for a score. At `CRISP` the picture as it is; below, blurred more and
        more, even where it is given a crisp one."""
        if random.random() < 0.75 or source != [SIDE, SIDE, 0, 0]:
            return seen, source + [CRISP]
        sides = list(self.latents["small"])
        level = random.randrange(2, len(sides))  # 64, 80, 96 pixels a side
        score = BLURRED + (level - 2) * 1.0 + random.uniform(-0.5, 0.5)
        return self.latents["small"][sides[level]][index], source + [score]

    def plain_time_ids(self):
        return [SIDE, SIDE, 0, 0] + ([CRISP] if self.expert == "refiner" else [SIDE, SIDE])

    def conditioned(self, rows):
        """(rows, whether to keep them): an eighth without a prompt. For the base that is zeros or an empty one, for
        the refiner an empty one."""
        chance = random.random()
        keep = 0.0 if self.expert == "base" and chance < 0.06 else 1.0
        return (self.empty if chance < 0.12 else rows), keep

    def batch(self, states=()):
        """(inputs of `Weighed`, timesteps, sigmas, weights of the samples). `states`: from `rollouts.py`."""
        fresh = BATCH - len(states)
        seen, wanted, time_ids, rows, keep = [], [], [], [], []
        for index in self.classes(fresh):
            for values, value in zip((seen, wanted, time_ids), self.picture(index)):
                values.append(value)
            for values, value in zip((rows, keep), self.conditioned(self.captions.draw(index))):
                values.append(value)
        timesteps = self.timesteps(fresh)[torch.randperm(fresh)]
        sigmas = diffusion.SIGMAS[timesteps].view(-1, 1, 1, 1)
        seen, wanted = torch.stack(seen), torch.stack(wanted)
        if self.expert == "refiner":
            # What is to change has changed by the end, or the noise to predict would have no bound.
            seen = wanted + sigmas / sigmas.max() * torch.rand(fresh, 1, 1, 1) * (seen - wanted)
        x = seen + sigmas * torch.randn(seen.shape)
        # The error of the noise counts; in the base, from where it is that of the picture up to a limit: without
        # this the text, which decides at high noise, would be learnt last.
        limits = (1, 20) if self.expert == "base" else (1, 1)
        weights = sigmas.square().clamp(*limits)
        if states:
            more = torch.tensor([timestep for *_, timestep in states])
            theirs = diffusion.SIGMAS[more].view(-1, 1, 1, 1)
            for index, own, _, _ in states:
                time_ids.append(self.plain_time_ids())
                for values, value in zip((rows, keep), self.conditioned(own)):
                    values.append(value)
            x = torch.cat([x, torch.stack([state for _, _, state, _ in states])])
            wanted = torch.cat([wanted, self.latents["plain"][[index for index, *_ in states]]])
            timesteps, sigmas = torch.cat([timesteps, more]), torch.cat([sigmas, theirs])
            # Here always the picture's error: at little noise theirs is not the noise's.
            weights = torch.cat([weights, theirs.square().clamp(max=limits[1])])
        noise = (x - wanted) / sigmas
        rows1, rows2, ends = (torch.tensor(r) for r in zip(*rows))
        inputs = (
            channels_last(x / (sigmas**2 + 1).sqrt()), timesteps, rows1, rows2, ends, torch.tensor(keep),
            torch.tensor(time_ids, dtype=torch.float32), channels_last(noise),
        )
        return inputs, timesteps, sigmas.flatten(), weights.flatten()


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def mean_where(values, which):
    return values[which].mean() if which.any() else None


def own_states(expert, run, samples):
    if expert == "base":
        return rollouts.Rollouts(samples, diffusion.Base(samples.tokens.count))
    handoffs = torch.load(run / "handoffs.pt")
    return rollouts.Rollouts(samples, diffusion.Refiner(samples.tokens.count), handoffs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("expert", choices=("base", "refiner"))
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--tier", type=int, default=1, help="classes of this tier and below")
    parser.add_argument(
        "--own-states", type=float, default=0.0, help="how much of a batch are states of the experts' own drawing"
    )
    training.add_options(parser)
    arguments = parser.parse_args()
    run, expert = arguments.run, arguments.expert
    torch.set_num_threads(1)
    random.seed(os.getpid())
    torch.manual_seed(os.getpid())
    samples = Samples(run, expert, arguments.tier)
    if expert == "base":
        model = diffusion.Base(samples.tokens.count)
    else:
        model = diffusion.Refiner(samples.tokens.count)
        model.open_clip.load_state_dict(training.averaged(run / "base.pt", "model.open_clip"))
    model.to(memory_format=torch.channels_last)
    names = ("embedding.weight", "position")
    train = training.Training(run, expert, {"model": model}, arguments, no_decay=names, fast=names[:1])
    train.extra["tier"] = arguments.tier
    weighed = Weighed(model)
    step = training.compiled(weighed, arguments)
    own = round(BATCH * arguments.own_states)
    drawn = own_states(expert, run, samples) if own else None
    while not train.done:
        if own and train.step % 100 == 0:
            drawn.model.load_state_dict({k[6:]: v for k, v in train.average.items()})
        inputs, timesteps, sigmas, weights = samples.batch(drawn.draw(own) if own else ())
        errors = step(*inputs)
        # The figures are of the latents' own noise alone.
        seen, t, s = (x[: BATCH - own] for x in (errors.detach(), timesteps, sigmas))
        train.update(
            (errors * weights).mean(), BATCH, eps=seen.mean(),
            low=mean_where(seen, t < diffusion.REFINER_TIMESTEPS),
            x0_800=mean_where(seen * s.square(), t >= 800),
            x0_500=mean_where(seen * s.square(), (t >= 400) & (t < 600)),
            own=(errors.detach() * weights)[BATCH - own :].mean() if own else None,
        )
    train.log(done=True)


if __name__ == "__main__":
    main()
