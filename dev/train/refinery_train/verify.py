"""Holds the engine against PyTorch: same exported files, same noise, every step.

    refinery generate "a red apple" --models DIR --model emoji --refiner emoji-refiner \\
        --refiner-start-percentage 80 --steps 30 --scheduler Euler --trace trace.safetensors
    python -m refinery_train.verify --models DIR --trace trace.safetensors --guidance 7 --handoff 80

Prints the relative distance of the latents after every step and of the picture; fails beyond `TOLERANCE`.
"""

import argparse
import pathlib
import sys

import torch
from safetensors.torch import load_file

from . import autoencoder, diffusion, text, vae

TOLERANCE = 1e-3


def below(tensors, prefix):
    return {k[len(prefix) + 1 :]: v.float() for k, v in tensors.items() if k.startswith(prefix + ".")}


def loaded(module, tensors, prefix, without=()):
    own = {k: v for k, v in below(tensors, prefix).items() if k not in without}
    module.load_state_dict(own)
    return module.eval()


def expert(cls, path):
    tensors = load_file(path)
    model = cls(text.VOCABULARY)
    loaded(model.unet, tensors, "model.diffusion_model")
    number = 0
    if cls is diffusion.Base:
        loaded(model.clip_l, tensors, "conditioner.embedders.0.transformer.text_model", ("embeddings.position_ids",))
        number = 1
    loaded(model.open_clip, tensors, f"conditioner.embedders.{number}.model", ("logit_scale",))
    return model, tensors


def condition(model, trace, name, negative):
    """From the trace's own tokens; without negative ones, as for an absent negative prompt."""
    kind = f"tokens.{name}." + ("negative." if negative else "")
    keep = torch.ones(1)
    if kind + "2" in trace:
        second = trace[kind + "2"].long()
        first = trace.get(kind + "1", second).long()
    else:
        first = torch.tensor([[text.START] + [text.END] * (text.LENGTH - 1)])
        second = torch.tensor([[text.START, text.END] + [0] * (text.LENGTH - 2)])
        keep = torch.tensor([0.0 if name == "base" else 1.0])
    ends = (second == text.END).int().argmax(1)
    ids = trace[f"{name}.time_ids"].float()
    return (*model.encode(first, second, ends, keep), ids[:1] if negative else ids[-1:])


def decoded(tensors, latents):
    decoder = loaded(vae.Decoder(autoencoder.CHANNELS), tensors, "first_stage_model.decoder")
    stored = below(tensors, "first_stage_model")
    x = torch.nn.functional.conv2d(
        latents / vae.SCALING, stored["post_quant_conv.weight"], stored["post_quant_conv.bias"]
    )
    return decoder(x)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--trace", type=pathlib.Path, required=True)
    parser.add_argument("--guidance", type=float, default=7.0)
    parser.add_argument("--handoff", type=int)
    arguments = parser.parse_args()
    trace = load_file(arguments.trace)
    steps = len(trace["timesteps"])
    first = steps if arguments.handoff is None else steps * arguments.handoff // 100
    predictions, files = [], []
    for name, cls in (("base", diffusion.Base), ("refiner", diffusion.Refiner)):
        path = arguments.models / ("emoji.safetensors" if name == "base" else "emoji-refiner.safetensors")
        if name == "base" or first < steps:
            model, tensors = expert(cls, path)
            files.append(tensors)
            pair = (condition(model, trace, name, negative) for negative in (False, True))
            predictions.append(diffusion.guided(model, *pair, arguments.guidance))
    theirs = trace["latents.steps"].float()
    worst = 0.0

    def record(index, latents):
        nonlocal worst
        distance = ((latents - theirs[index - 1]).norm() / latents.norm()).item()
        worst = max(worst, distance)
        print(f"step {index:2}, {'base' if index <= first else 'refiner'}: {distance:.2e}")

    latents = diffusion.sample(
        trace["noise"].float(), steps, lambda i, x, t: predictions[0 if i < first else 1](x, t), record
    )
    made = decoded(files[-1], latents)
    distance = ((made - trace["image"]).norm() / made.norm()).item()
    worst = max(worst, distance)
    print(f"picture: {distance:.2e}")
    if worst > TOLERANCE:
        sys.exit(f"{worst:.2e} is beyond {TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
