"""The parts of a generation as torch modules in float32, with the inputs and outputs of `refinery bench --save`.

Built on the same files as Refinery's, by the modules that Tests/References checks Refinery against.
"""
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Tests" / "References" / "scripts"))
import single_file

SCALING_FACTOR = 0.13025


class Prediction(torch.nn.Module):
    """A U-Net."""

    inputs = ("sample", "timestep", "encoder_hidden_states", "text_embeds", "time_ids")
    outputs = ("out",)

    def __init__(self, file, which):
        super().__init__()
        self.unet = single_file.unet(file, which)

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids):
        conditions = {"text_embeds": text_embeds, "time_ids": time_ids}
        return self.unet(
            sample, timestep[0], encoder_hidden_states=encoder_hidden_states, added_cond_kwargs=conditions,
            return_dict=False)[0]


class Decoding(torch.nn.Module):
    inputs = ("latents",)
    outputs = ("out",)

    def __init__(self, file):
        super().__init__()
        self.vae = single_file.vae(file)
        del self.vae.encoder, self.vae.quant_conv

    def forward(self, latents):
        return self.vae.decode(latents / SCALING_FACTOR, return_dict=False)[0]


class Encoding(torch.nn.Module):
    """Means and logarithms of variances, as the encoder leaves them."""

    inputs = ("image",)
    outputs = ("out",)

    def __init__(self, file):
        super().__init__()
        self.vae = single_file.vae(file)
        del self.vae.decoder, self.vae.post_quant_conv

    def forward(self, image):
        return self.vae.quant_conv(self.vae.encoder(image))


class Texts(torch.nn.Module):
    """The base's two text encoders."""

    inputs = ("tokens.1", "tokens.2")
    outputs = ("encoder_hidden_states", "text_embeds")

    def __init__(self, file):
        super().__init__()
        self.first = single_file.text_encoder(file, "text_encoder", "conditioner.embedders.0.transformer.")
        self.second = single_file.text_encoder(file, "text_encoder_2", "conditioner.embedders.1.model.")

    def forward(self, tokens_1, tokens_2):
        first = self.first(tokens_1, output_hidden_states=True)
        second = self.second(tokens_2, output_hidden_states=True)
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return states, second.text_embeds


def build(part, base, refiner):
    """`base` and `refiner` are paths of single files."""
    if part == "refiner":
        return Prediction(single_file.SingleFile(refiner), "refiner").eval()
    file = single_file.SingleFile(base)
    make = {"text": Texts, "base": lambda file: Prediction(file, "base"), "decode": Decoding, "encode": Encoding}
    return make[part](file).eval()
