"""Vectors for what a request can say about conditioning beyond prompts and sizes, from diffusers' two pipelines.

    python expand_checkpoints.py --single public/checkpoints --size tiny --dtypes fp32 --tokenizer tokenizer --out CK
    python make_conditioning.py --checkpoints CK --out ..

Writes conditioning.safetensors and conditioning.json:

* `runs`: whole generations of base and refiner with clip_skip, guidance_rescale, eta.
"""
import argparse
import json

import numpy as np
import torch

import engine
import stio

PROMPT = "a red fox in deep snow, early morning light"
NEGATIVE = "blurry, low quality"

RUNS = [
    # name, what both pipelines are called with
    ("clip_skip_1", dict(clip_skip=1)),
    ("clip_skip_2", dict(clip_skip=2, negative=None)),
    ("guidance_rescale", dict(guidance_rescale=0.7, guidance=7.5)),
    ("guidance_rescale_whole", dict(guidance_rescale=1.0, guidance=12.0, clip_skip=1)),
    ("eta", dict(eta=0.6, scheduler="ddim")),
]
STEPS, FRACTION, SEED = 10, 0.8, 7


def run(lab, scheduler="euler", guidance=5.0, eta=0.0, clip_skip=None, guidance_rescale=0.0, negative=NEGATIVE):
    """diffusers' own pipelines, base then refiner -> conditioning of both, latents at the handoff and at the end"""
    case = engine.fill(dict(name="", prompt=PROMPT, scheduler=scheduler, seed=SEED))
    lab.base.scheduler, lab.refiner.scheduler = lab.scheduler(case), lab.scheduler(case)
    generator = torch.Generator().manual_seed(SEED)
    states = {}

    def record(name):
        def hook(module, args, kw):
            states.setdefault(name, kw["encoder_hidden_states"].clone())
        return hook
    hooks = [pipe.unet.register_forward_pre_hook(record(name), with_kwargs=True)
             for name, pipe in (("base", lab.base), ("refiner", lab.refiner))]
    common = dict(prompt=PROMPT, negative_prompt=negative, num_inference_steps=STEPS, guidance_scale=guidance,
                  generator=generator, output_type="latent", clip_skip=clip_skip, guidance_rescale=guidance_rescale)
    if eta:
        common["eta"] = eta
    handoff = lab.base(height=64, width=64, denoising_end=FRACTION, **common).images
    final = lab.refiner(image=handoff, denoising_start=FRACTION, **common).images
    for hook in hooks:
        hook.remove()
    return {"base.encoder_hidden_states": states["base"], "refiner.encoder_hidden_states": states["refiner"],
            "latents.handoff": handoff, "latents.final": final}


def runs(lab, tensors):
    described = []
    for name, settings in RUNS:
        for tensor, value in run(lab, **settings).items():
            if tensor.startswith("latents") or "clip_skip" in settings:
                tensors[f"{name}.{tensor}"] = value
        described.append({"name": name, **{
            "scheduler": settings.get("scheduler", "euler"), "guidance": settings.get("guidance", 5.0),
            "clip_skip": settings.get("clip_skip"), "guidance_rescale": settings.get("guidance_rescale"),
            "eta": settings.get("eta"), "negative_prompt": settings.get("negative", NEGATIVE)}})
    return {"prompt": PROMPT, "steps": STEPS, "base_steps": int(STEPS * FRACTION), "seed": SEED, "cases": described}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    lab = engine.Lab(args.checkpoints)
    tensors = {}
    described = {"runs": runs(lab, tensors)}
    stio.write(f"{args.out}/conditioning.safetensors",
               {name: np.ascontiguousarray(value.numpy(), np.float32) for name, value in sorted(tensors.items())})
    with open(f"{args.out}/conditioning.json", "w") as file:
        json.dump(described, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
