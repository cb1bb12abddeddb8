"""Writes the experts as original single files in fp16: `emoji.safetensors` and `emoji-refiner.safetensors`.

    python -m refinery_train.export --run RUN --out DIR

Takes the averaged weights of the latest checkpoints; what is not trained yet is left out, with a word.
"""

import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

from . import diffusion, experts, text, training, unet, vae

LICENSE = (
    "Weights trained on the pictures of Noto Color Emoji, (c) Google LLC, font under the SIL Open Font License "
    "1.1, image resources under the Apache License 2.0, and on names and keywords of Unicode CLDR, (c) Unicode, "
    "Inc., under the Unicode License."
)


def vae_tensors(run):
    """Below `first_stage_model.`. The latents' mean and deviation go into the 1 x 1 convolutions around them, so
    that SDXL's scaling factor gives latents of mean 0 and deviation 1."""
    latents = torch.load(run / "latents.pt")
    mean, deviation = latents["mean"], latents["deviation"]
    out = {f"decoder.{k}": v for k, v in training.averaged(run / "autoencoder.pt", "decoder").items()}
    out["post_quant_conv.weight"] = torch.diag(vae.SCALING * deviation).view(4, 4, 1, 1)
    out["post_quant_conv.bias"] = mean
    if (run / "encoder.pt").exists():
        out |= {f"encoder.{k}": v for k, v in training.averaged(run / "encoder.pt", "encoder").items()}
        # It gives whitened means; the variances are next to nothing.
        out["quant_conv.weight"] = torch.zeros(8, 8, 1, 1)
        out["quant_conv.weight"][:4, :4, 0, 0] = torch.eye(4) / vae.SCALING
        out["quant_conv.bias"] = torch.tensor([0.0] * 4 + [-12.0] * 4)
    else:
        print("the encoder of pictures is not trained yet: left out")
    return out


def spread(rows, tokens, known):
    """An embedding of all tokens. Those without a caption that was trained get row 0, which was trained to stand
    for them."""
    out = rows[0].repeat(text.VOCABULARY, 1)
    for token, row in tokens.rows.items():
        if token in known:
            out[token] = rows[row]
    return out


def text_tensors(weights, key, tokens, known):
    weights = dict(weights)
    weights[key] = spread(weights[key], tokens, known)
    return weights


def clip_l_tensors(weights, tokens, known):
    out = text_tensors(weights, "embeddings.token_embedding.weight", tokens, known)
    out["embeddings.position_ids"] = torch.arange(text.LENGTH).view(1, -1)
    # SDXL takes the states before it.
    last = f"encoder.layers.{diffusion.CLIP_L['layers'] - 1}."
    return {k: torch.zeros_like(v) if k.startswith(last) and "norm" not in k else v for k, v in out.items()}


def open_clip_tensors(weights, tokens, known):
    out = text_tensors(weights, "token_embedding.weight", tokens, known)
    out["logit_scale"] = torch.tensor(100.0).log()
    return out


def below(prefix, tensors):
    return {f"{prefix}.{k}": v for k, v in tensors.items()}


def write(path, tensors, title, architecture):
    stored = {}
    for key, value in sorted(tensors.items()):
        if value.is_floating_point():
            if value.abs().max() > 60000:
                raise ValueError(f"{key} reaches {value.abs().max():g}: too much for fp16")
            value = value.half()
        stored[key] = value.contiguous()
    hints = {
        "unet_head_dim": unet.HEAD,
        "text_encoder_head_dim": diffusion.CLIP_L["width"],
        "text_encoder_2_head_dim": diffusion.OPEN_CLIP["width"],
    }
    save_file(
        stored, path,
        metadata={
            "format": "pt", "modelspec.sai_model_spec": "1.0.0", "modelspec.architecture": architecture,
            "modelspec.title": title, "modelspec.license": LICENSE, "modelspec.resolution": "128x128",
            "modelspec.prediction_type": "epsilon", "sdxl_hints": json.dumps(hints),
        },
    )
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {sum(v.numel() for v in stored.values()) / 1e6:.2f} M numbers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    run, out = arguments.run, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    samples = experts.Samples(run, "base", tier=2)
    tier = torch.load(run / "base.pt", weights_only=False).get("tier", 1)
    known = samples.known_tokens(tier)
    shared = below("first_stage_model", vae_tensors(run))
    base = training.averaged(run / "base.pt", "model")

    def part(weights, name):
        return {k[len(name) + 1 :]: v for k, v in weights.items() if k.startswith(name + ".")}

    second = open_clip_tensors(part(base, "open_clip"), samples.tokens, known)
    write(
        out / "emoji.safetensors",
        shared
        | below("model.diffusion_model", part(base, "unet"))
        | below(
            "conditioner.embedders.0.transformer.text_model",
            clip_l_tensors(part(base, "clip_l"), samples.tokens, known),
        )
        | below("conditioner.embedders.1.model", second),
        "Refinery's emoji base", "stable-diffusion-xl-v1-base",
    )
    if not (run / "refiner.pt").exists():
        print("the refiner is not trained yet: left out")
        return
    refiner = training.averaged(run / "refiner.pt", "model")
    own = open_clip_tensors(part(refiner, "open_clip"), samples.tokens, known)
    write(
        out / "emoji-refiner.safetensors",
        shared | below("model.diffusion_model", part(refiner, "unet")) | below("conditioner.embedders.0.model", own),
        "Refinery's emoji refiner", "stable-diffusion-xl-v1-refiner",
    )


if __name__ == "__main__":
    main()
