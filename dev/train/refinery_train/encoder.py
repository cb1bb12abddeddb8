"""Teaches SDXL's encoder to give the latents that the small one gives.

    python -m refinery_train.encoder --run RUN

For image-to-image only; it may be trained at any time once the latents are fixed.
"""

import argparse
import os
import pathlib

import torch
from torch import nn

from . import autoencoder, data, latents, training, vae

BATCH = 4


class Matching(nn.Module):
    """The squared error of whitened latents."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures, wanted):
        with torch.autocast("cpu", torch.bfloat16):
            made = self.encoder(pictures)
        return (made[:, :4].float() - wanted).square().mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    training.add_options(parser)
    arguments = parser.parse_args()
    run = arguments.run
    torch.set_num_threads(1)
    torch.manual_seed(os.getpid())
    teacher = latents.frozen_encoder(run)
    known = torch.load(run / "latents.pt")
    mean, deviation = known["mean"].view(-1, 1, 1), known["deviation"].view(-1, 1, 1)
    found, images = data.load(run)
    first, pictures = sum(c["tier"] == 1 for c in found), autoencoder.floats(images)
    encoder = vae.Encoder(autoencoder.CHANNELS)
    matching = Matching(encoder).to(memory_format=torch.channels_last)
    train = training.Training(run, "encoder", {"encoder": encoder}, arguments, rate=2e-3)
    step = training.compiled(matching, arguments)
    generator = torch.Generator().manual_seed(os.getpid())
    while not train.done:
        high = torch.where(torch.rand(BATCH, generator=generator) < 0.5, first, len(pictures))
        chosen = (torch.rand(BATCH, generator=generator) * high).long()
        batch = autoencoder.varied(pictures[chosen], generator).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            wanted = (teacher(batch) - mean) / deviation
        train.update(step(batch, wanted), BATCH)
    train.log(done=True)


if __name__ == "__main__":
    main()
