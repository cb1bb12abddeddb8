"""Draws prompts with the experts as they are now, beside the pictures they were trained on.

    python -m refinery_train.sample --run RUN --out sheet.png [--count 24] [--guidance 2] [--handoff 80]

Prints how many pictures have the prompted emoji as their nearest, among all classes.
"""

import argparse
import pathlib

import numpy as np
import torch

from . import autoencoder, captions, data, diffusion, experts, judging, training, vae


class Pair:
    """Both experts and the decoder with their averaged weights, in fp32."""

    def __init__(self, run, tier=1, refiner=True):
        self.samples = experts.Samples(run, "base", tier)
        count = self.samples.tokens.count
        self.base = diffusion.Base(count)
        self.base.load_state_dict(training.averaged(run / "base.pt", "model"))
        self.refiner = None
        if refiner and (run / "refiner.pt").exists():
            self.refiner = diffusion.Refiner(count)
            self.refiner.load_state_dict(training.averaged(run / "refiner.pt", "model"))
        self.decoder = vae.Decoder(autoencoder.CHANNELS)
        self.decoder.load_state_dict(training.averaged(run / "autoencoder.pt", "decoder"))
        latents = self.samples.latents
        self.mean, self.deviation = latents["mean"].view(-1, 1, 1), latents["deviation"].view(-1, 1, 1)

    @torch.no_grad()
    def condition(self, model, prompts, score=experts.CRISP):
        """(context, pooled, time ids); a prompt that is None is zeros for the base, empty for the refiner."""
        tokens = self.samples.tokens
        rows1, rows2, ends = zip(*(tokens.padded(tokens(p or "")) for p in prompts))
        keep = torch.tensor([float(p is not None or model is self.refiner) for p in prompts])
        context, pooled = model.encode(torch.tensor(rows1), torch.tensor(rows2), torch.tensor(ends), keep)
        side = data.SIDE
        ids = [side, side, 0, 0, side, side] if model is self.base else [side, side, 0, 0, score]
        return context, pooled, torch.tensor([ids] * len(prompts), dtype=torch.float32)

    @torch.no_grad()
    def draw(self, prompts, noise, steps=30, guidance=2.0, handoff=None, record=None):
        """Latents. `handoff`: the percentage of steps that the base makes, nil for all."""
        first = steps if handoff is None else steps * handoff // 100
        experts_ = []
        for model in (self.base, self.refiner):
            if model is not None:
                absent = self.condition(model, [None] * len(prompts), experts.BLURRED)
                condition = self.condition(model, prompts)
                experts_.append(diffusion.guided(model, condition, absent, guidance))

        def predict(index, x, timestep):
            return experts_[0 if index < first else 1](x, timestep)

        return diffusion.sample(noise, steps, predict, record)

    @torch.no_grad()
    def decode(self, latents):
        """uint8 [n, 128, 128, 3]."""
        made = torch.cat([self.decoder(x * self.deviation + self.mean) for x in latents.split(8)])
        return ((made / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--handoff", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pair = Pair(arguments.run)
    found, pictures = data.load(arguments.run)
    chosen = np.random.default_rng(arguments.seed).permutation(pair.samples.count)[: arguments.count]
    prompts = [captions.article(found[i]["name"]) for i in chosen]
    noise = torch.randn(len(prompts), 4, 16, 16, generator=torch.Generator().manual_seed(arguments.seed))
    latents = pair.draw(prompts, noise, guidance=arguments.guidance, handoff=arguments.handoff)
    made, true = pair.decode(latents), pictures[chosen]
    ceiling = pair.decode(pair.samples.latents["plain"][chosen])
    distances = judging.squared_distances(judging.features(made), judging.features(pictures))
    right = distances.argmin(1) == chosen
    error = (latents - pair.samples.latents["plain"][chosen]).square().mean()
    print(
        f"{right.sum()} of {len(right)} right among {len(pictures)}; {judging.psnr(made, true).mean():.1f} dB of at most "
        f"{judging.psnr(ceiling, true).mean():.1f}; latents' squared error {error:.3f}"
    )
    judging.sheet([made, ceiling, true], 12).save(arguments.out)


if __name__ == "__main__":
    main()
