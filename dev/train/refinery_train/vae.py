"""SDXL's VAE. Modules are named as in the original single file, below `first_stage_model.`, so that
`state_dict()` is the file's own list of tensors."""

from torch import nn
from torch.nn import functional as F

SCALING = 0.13025  # SDXL's latents are the encoder's means times this


def norm(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


class Residual(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """One head over all positions."""

    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels)
        for name in ("q", "k", "v", "proj_out"):
            setattr(self, name, nn.Conv2d(channels, channels, 1))
        nn.init.zeros_(self.proj_out.weight)

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (f(h).flatten(2).transpose(1, 2).unsqueeze(1) for f in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2)
        return x + self.proj_out(h.reshape(x.shape))


class Middle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.block_1 = Residual(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = Residual(channels, channels)

    def forward(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


class Stage(nn.Module):
    """One resolution: residual blocks, and a convolution between it and the next one, if any."""

    def __init__(self, inputs, outputs, blocks):
        super().__init__()
        self.block = nn.ModuleList(
            Residual(inputs if i == 0 else outputs, outputs) for i in range(blocks)
        )

    def add(self, name, **options):
        channels = self.block[-1].conv2.out_channels
        setattr(self, name, nn.ModuleDict({"conv": nn.Conv2d(channels, channels, 3, **options)}))


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        pairs = zip((channels[0], *channels), channels)
        self.down = nn.ModuleList(Stage(i, o, 2) for i, o in pairs)
        for stage in self.down[:-1]:
            stage.add("downsample", stride=2)
        self.mid = Middle(channels[-1])
        self.norm_out = norm(channels[-1])
        self.conv_out = nn.Conv2d(channels[-1], 8, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for stage in self.down:
            for block in stage.block:
                x = block(x)
            if hasattr(stage, "downsample"):
                x = stage.downsample["conv"](F.pad(x, (0, 1, 0, 1)))
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_in = nn.Conv2d(4, channels[-1], 3, padding=1)
        self.mid = Middle(channels[-1])
        pairs = zip((*channels[1:], channels[-1]), channels)
        self.up = nn.ModuleList(Stage(i, o, 3) for i, o in pairs)
        for stage in self.up[1:]:
            stage.add("upsample", padding=1)
        self.norm_out = norm(channels[0])
        self.conv_out = nn.Conv2d(channels[0], 3, 3, padding=1)

    def forward(self, z):
        x = self.mid(self.conv_in(z))
        for stage in reversed(self.up):
            for block in stage.block:
                x = block(x)
            if hasattr(stage, "upsample"):
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
                x = stage.upsample["conv"](x)
        return self.conv_out(F.silu(self.norm_out(x)))
