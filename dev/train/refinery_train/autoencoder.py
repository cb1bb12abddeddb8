"""Trains the VAE's decoder, together with a small encoder of latents.

The decoder is SDXL's. Its partner here is not SDXL's encoder, which costs as much again: it looks at
8 x 8 patches and their neighbours, and starts as their four principal components. `encoder.py` teaches
SDXL's encoder to give the same latents when both are done.

    python -m refinery_train.autoencoder --run RUN

Once `latents.py` has fixed the latents, only the decoder goes on learning.
"""

import argparse
import os
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from . import data, training, vae

CHANNELS = (32, 32, 64, 96)
BATCH = 4


class PatchEncoder(nn.Module):
    """RGB pictures in -1...1 to latents of mean 0 and deviation 1, [n, 4, height / 8, width / 8]."""

    def __init__(self, width=128):
        super().__init__()
        self.linear = nn.Conv2d(192, 4, 1)
        self.conv_in = nn.Conv2d(192, width, 3, padding=1)
        self.blocks = nn.ModuleList(vae.Residual(width, width) for _ in range(2))
        self.norm_out = vae.norm(width)
        self.conv_out = nn.Conv2d(width, 4, 1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, pictures):
        x = F.pixel_unshuffle(pictures, 8)
        h = self.conv_in(x)
        for block in self.blocks:
            h = block(h)
        return self.linear(x) + self.conv_out(F.silu(self.norm_out(h)))

    @torch.no_grad()
    def start_as_principal_components(self, pictures):
        """`pictures`: float [n, 3, height, width]."""
        x = F.pixel_unshuffle(pictures, 8).permute(0, 2, 3, 1).reshape(-1, 192).double()
        mean = x.mean(0)
        values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
        axes = vectors[:, -4:] / values[-4:].sqrt()
        self.linear.weight.copy_(axes.T.reshape(4, 192, 1, 1))
        self.linear.bias.copy_(-(mean @ axes))


def floats(images):
    """uint8 [n, h, w, 3] to [n, 3, h, w] in -1...1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def gradients(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(made, true):
    """L1, squares, L1 of the differences between neighbours, which keeps edges crisp, and the hue of 4 x 4 pixels:
    with four numbers a patch, squares alone would rather have a grey edge than know red from green."""
    error = made - true
    dy, dx = gradients(error)
    hue = F.avg_pool2d(error - error.mean(1, keepdim=True), 4)
    return (
        error.abs().mean() + 2 * error.square().mean() + 0.3 * (dy.abs().mean() + dx.abs().mean())
        + 3 * hue.abs().mean() + 20 * hue.square().mean()
    )


class Reconstruction(nn.Module):
    """Loss, PSNR in dB, and how far the latents are from mean 0 and deviation 1."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pictures, noise, frozen: bool):
        with torch.autocast("cpu", torch.bfloat16):
            latents = self.encoder(pictures)
            if frozen:
                latents = latents.detach()
            made = self.decoder(latents + noise)
        made, latents = made.float(), latents.float()
        spread = latents.mean((0, 2, 3)).square().mean()
        spread = spread + (latents.std((0, 2, 3)) - 1).square().mean()
        loss = reconstruction_loss(made, pictures) + (0 if frozen else 0.1 * spread)
        psnr = -10 * ((made - pictures).detach().square().mean((1, 2, 3)) / 4).log10().mean()
        return loss, psnr, spread.detach()


def varied(pictures, generator):
    """A tenth moved by whole patches, a tenth blurred: what the other sizes and crops ask for."""
    out = pictures.clone()
    for i in range(len(out)):
        chance = torch.rand((), generator=generator)
        if chance < 0.1:
            dy, dx = (torch.randint(-3, 4, (2,), generator=generator) * 8).tolist()
            out[i] = moved(out[i], dy, dx)
        elif chance < 0.2:
            size = int(torch.randint(4, 13, (), generator=generator)) * 8
            out[i] = blurred(out[i], size)
    return out


def moved(picture, dy, dx):
    """[3, h, w], its contents down by `dy` and right by `dx`, white behind them."""
    _, h, w = picture.shape
    out = torch.ones_like(picture)
    out[:, max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)] = picture[
        :, max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)
    ]
    return out


def blurred(picture, size):
    """As if it had been a picture of `size` pixels a side, enlarged."""
    small = F.interpolate(picture[None], (size, size), mode="area")
    return F.interpolate(small, picture.shape[1:], mode="bicubic", antialias=True)[0].clamp_(-1, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    training.add_options(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    found, images = data.load(arguments.run)
    first = sum(c["tier"] == 1 for c in found)
    pictures = floats(images)
    encoder, decoder = PatchEncoder(), vae.Decoder(CHANNELS)
    encoder.start_as_principal_components(pictures[:first])
    both = Reconstruction(encoder, decoder).to(memory_format=torch.channels_last)
    train = training.Training(
        arguments.run, "autoencoder", {"encoder": encoder, "decoder": decoder}, arguments, rate=2e-3
    )
    step = training.compiled(both, arguments)
    marker = arguments.run / "latents.frozen"
    generator = torch.Generator().manual_seed(os.getpid())
    while not train.done or (marker.exists() and not train.extra.get("frozen")):
        if marker.exists() and not train.extra.get("frozen"):
            train.freeze("encoder")
        frozen = train.extra.get("frozen", False)
        # Three of four are of the first tier.
        high = torch.where(torch.rand(BATCH, generator=generator) < 0.75, first, len(pictures))
        chosen = (torch.rand(BATCH, generator=generator) * high).long()
        batch = varied(pictures[chosen], generator).to(memory_format=torch.channels_last)
        scale = 0.15 * torch.rand(BATCH, 1, 1, 1, generator=generator)
        noise = scale * torch.randn(BATCH, 4, 16, 16, generator=generator)
        loss, psnr, spread = step(batch, noise.to(memory_format=torch.channels_last), frozen)
        train.update(loss, BATCH, psnr=psnr, spread=spread)
    train.log(done=True)


if __name__ == "__main__":
    main()
