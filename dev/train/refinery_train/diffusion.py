"""SDXL's noise levels, its experts as whole networks from tokens to noise, and sampling as diffusers' Euler does."""

import torch
from torch import nn

from . import text, unet

BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
ALPHAS = (1 - BETAS).cumprod(0)
SIGMAS = ((1 - ALPHAS) / ALPHAS).sqrt().float()

BASE = {"channels": (64, 96, 96), "depths": (0, 1, 2), "middle": 2}
REFINER = {"channels": (64, 64, 64, 64), "depths": (0, 1, 1, 0), "middle": 1}
CLIP_L = {"width": 16, "layers": 3}
OPEN_CLIP = {"width": 32, "layers": 3}
# Below this the refiner is the expert; SDXL's refiner was trained on the same range.
REFINER_TIMESTEPS = 200


class Base(nn.Module):
    def __init__(self, tokens):
        super().__init__()
        self.clip_l = text.ClipL(tokens, **CLIP_L)
        self.open_clip = text.OpenClip(tokens, **OPEN_CLIP)
        context = CLIP_L["width"] + OPEN_CLIP["width"]
        self.unet = unet.UNet(**BASE, context=context, pooled=OPEN_CLIP["width"], time_ids=6)

    def encode(self, rows1, rows2, ends, keep):
        """`keep`: 1 or 0 by prompt; where it is 0 all is zeros, as for an absent negative prompt."""
        states, pooled = self.open_clip(rows2, ends)
        states = torch.cat([self.clip_l(rows1), states], -1)
        return states * keep[:, None, None], pooled * keep[:, None]

    def forward(self, x, timesteps, rows1, rows2, ends, keep, time_ids):
        context, pooled = self.encode(rows1, rows2, ends, keep)
        return self.unet(x, timesteps, context, pooled, time_ids)


class Refiner(nn.Module):
    """Its text encoder is the base's second one, as in the published models, and does not learn."""

    def __init__(self, tokens):
        super().__init__()
        self.open_clip = text.OpenClip(tokens, **OPEN_CLIP).requires_grad_(False)
        width = OPEN_CLIP["width"]
        self.unet = unet.UNet(**REFINER, context=width, pooled=width, time_ids=5)

    def encode(self, rows1, rows2, ends, keep):
        return self.open_clip(rows2, ends)

    def forward(self, x, timesteps, rows1, rows2, ends, keep, time_ids):
        context, pooled = self.encode(rows1, rows2, ends, keep)
        return self.unet(x, timesteps, context, pooled, time_ids)


def schedule(steps):
    """(timesteps, sigmas with a final 0) of diffusers' EulerDiscreteScheduler: leading, offset 1."""
    timesteps = torch.arange(steps).flip(0) * (1000 // steps) + 1
    return timesteps, torch.cat([SIGMAS[timesteps], torch.zeros(1)])


def guided(model, condition, absent, scale):
    """A function of (x, timestep) that predicts noise, with classifier-free guidance. `condition` and `absent`:
    (context, pooled, time ids)."""
    both = [torch.cat(pair) for pair in zip(absent, condition)]

    def predict(x, timestep):
        t = timestep.expand(len(x))
        if scale <= 1:
            return model.unet(x, t, *condition)
        negative, positive = model.unet(torch.cat([x, x]), torch.cat([t, t]), *both).chunk(2)
        return negative + scale * (positive - negative)

    return predict


@torch.no_grad()
def sample(latents, steps, predict, record=None, first=0, last=None):
    """Latents after the steps `first` up to `last`: from unit noise if `first` is 0, else from the latents before
    that step. `predict(index, x, timestep)`: noise. `record(index, latents)` is given those before each next one."""
    timesteps, sigmas = schedule(steps)
    if first == 0:
        latents = latents * (sigmas[0] ** 2 + 1).sqrt()
    for index in range(first, steps if last is None else last):
        sigma = sigmas[index]
        noise = predict(index, latents / (sigma**2 + 1).sqrt(), timesteps[index])
        latents = latents + (sigmas[index + 1] - sigma) * noise
        if record is not None:
            record(index + 1, latents)
    return latents
