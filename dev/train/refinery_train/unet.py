"""SDXL's UNet. Modules are named as in the original single file, below `model.diffusion_model.`."""

import math

import torch
from torch import nn
from torch.nn import functional as F

HEAD = 32  # the file says so in its metadata: SDXL's own heads have 64


def sinusoids(values, width):
    """Cosines, then sines: [...] to [..., width]."""
    half = width // 2
    angles = values.float()[..., None] * torch.exp(
        -math.log(10000) * torch.arange(half, dtype=torch.float32) / half
    )
    return torch.cat([angles.cos(), angles.sin()], -1)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, embedding):
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, outputs))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, outputs), nn.SiLU(), nn.Identity(), nn.Conv2d(outputs, outputs, 3, padding=1)
        )
        if inputs != outputs:
            self.skip_connection = nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.out_layers[3].weight)

    def forward(self, x, embedding, context):
        h = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        h = self.out_layers(h)
        return h + (self.skip_connection(x) if hasattr(self, "skip_connection") else x)


class Attention(nn.Module):
    def __init__(self, channels, context):
        super().__init__()
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context, channels, bias=False)
        self.to_v = nn.Linear(context, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, x, context):
        q, k, v = (
            f(y).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for f, y in ((self.to_q, x), (self.to_k, context), (self.to_v, context))
        )
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.proj = nn.Linear(channels, 8 * channels)

    def forward(self, x):
        values, gates = self.proj(x).chunk(2, -1)
        return values * F.gelu(gates)


class Block(nn.Module):
    def __init__(self, channels, context):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = Attention(channels, channels)
        self.attn2 = Attention(channels, context)
        self.ff = nn.ModuleDict(
            {"net": nn.Sequential(Gated(channels), nn.Identity(), nn.Linear(4 * channels, channels))}
        )

    def forward(self, x, context):
        n = self.norm1(x)
        x = x + self.attn1(n, n)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff["net"](self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, channels, depth, context):
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(Block(channels, context) for _ in range(depth))
        self.proj_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.proj_out.weight)

    def forward(self, x, embedding, context):
        h = self.proj_in(self.norm(x).permute(0, 2, 3, 1).flatten(1, 2))
        for block in self.transformer_blocks:
            h = block(h, context)
        h = self.proj_out(h).transpose(1, 2).reshape(x.shape)
        return x + h


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x, embedding, context):
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, embedding, context):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class First(nn.Conv2d):
    def forward(self, x, embedding, context):
        return super().forward(x)


class UNet(nn.Module):
    """`channels` and `depths` by stage, as SDXL's; `middle` is the depth in between. Base: three stages and
    six time ids; refiner: four and five."""

    def __init__(self, channels, depths, middle, context, pooled, time_ids, time_width=32):
        super().__init__()
        width = channels[0]
        embedding = 4 * width
        self.width, self.time_width = width, time_width

        def perceptron(inputs):
            return nn.Sequential(nn.Linear(inputs, embedding), nn.SiLU(), nn.Linear(embedding, embedding))

        def stage(inputs, outputs, depth):
            parts = [Residual(inputs, outputs, embedding)]
            if depth:
                parts.append(Transformer(outputs, depth, context))
            return parts

        self.time_embed = perceptron(width)
        self.label_emb = nn.Sequential(perceptron(pooled + time_ids * time_width))
        blocks, skips, now = [[First(4, width, 3, padding=1)]], [width], width
        for index, (outputs, depth) in enumerate(zip(channels, depths)):
            for _ in range(2):
                blocks.append(stage(now, outputs, depth))
                now = outputs
                skips.append(now)
            if index + 1 < len(channels):
                blocks.append([Downsample(now)])
                skips.append(now)
        self.input_blocks = nn.ModuleList(nn.ModuleList(b) for b in blocks)
        self.middle_block = nn.ModuleList(
            [Residual(now, now, embedding), Transformer(now, middle, context), Residual(now, now, embedding)]
        )
        blocks = []
        for index, (outputs, depth) in reversed(list(enumerate(zip(channels, depths)))):
            for i in range(3):
                parts = stage(now + skips.pop(), outputs, depth)
                now = outputs
                if i == 2 and index > 0:
                    parts.append(Upsample(now))
                blocks.append(parts)
        self.output_blocks = nn.ModuleList(nn.ModuleList(b) for b in blocks)
        self.out = nn.Sequential(nn.GroupNorm(32, now), nn.SiLU(), nn.Conv2d(now, 4, 3, padding=1))
        nn.init.zeros_(self.out[2].weight)

    def forward(self, x, timesteps, context, pooled, time_ids):
        """`x`: [n, 4, h, w], divided by sqrt(sigma^2 + 1); `time_ids`: [n, 6 or 5]. The noise in it."""
        label = torch.cat([pooled, sinusoids(time_ids, self.time_width).flatten(1)], 1)
        embedding = self.time_embed(sinusoids(timesteps, self.width)) + self.label_emb(label)
        skips = []
        for block in self.input_blocks:
            for part in block:
                x = part(x, embedding, context)
            skips.append(x)
        for part in self.middle_block:
            x = part(x, embedding, context)
        for block in self.output_blocks:
            x = torch.cat([x, skips.pop()], 1)
            for part in block:
                x = part(x, embedding, context)
        return self.out(x)
