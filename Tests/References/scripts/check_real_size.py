"""One generation of two steps at SDXL's real size, tensor by tensor against diffusers on the same files.

    refinery models make-synthetic --base M/base.safetensors --refiner M/refiner.safetensors
    refinery generate "a lighthouse at dawn" --models M --model base --refiner refiner --steps 2 \\
        --refiner-start-step 2 --width 512 --height 512 --seed 7 --trace trace.safetensors
    python check_real_size.py --base M/base.safetensors --refiner M/refiner.safetensors trace.safetensors

Every part gets the engine's own input of that part, so a difference is that part's alone: text encoders, one base
step, one refiner step, VAE. One network is in memory at a time, in float32: about 12 GB. Needs torch and diffusers.
Exits 1 when a relative L2 distance is over the tolerance.
"""
import argparse
import gc
import sys
import time

import diffusers
import numpy as np
import torch

import configs
import single_file
import stio

TOLERANCE = 1e-4


class Comparison:
    def __init__(self):
        self.failed = False
        self.started = time.time()

    def __call__(self, name, got, wanted):
        got, wanted = (np.asarray(a, np.float64).reshape(-1) for a in (got, wanted))
        assert got.shape == wanted.shape, (name, got.shape, wanted.shape)
        distance = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
        worst = np.abs(got - wanted).max()
        self.failed |= not distance <= TOLERANCE
        print(f"| {name} | {distance:.1e} | {worst:.1e} | {wanted.std():.3f} |", flush=True)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--refiner", required=True)
    parser.add_argument("--cfg-scale", type=float, default=7.0)
    parser.add_argument("--only", default="text,base,refiner,vae")
    parser.add_argument("trace")
    arguments = parser.parse_args()
    trace, _ = stio.read(arguments.trace)
    trace = {k: torch.from_numpy(np.array(v)) for k, v in trace.items()}
    parts = arguments.only.split(",")
    files = {which: single_file.SingleFile(path) for which, path in
             (("base", arguments.base), ("refiner", arguments.refiner))}
    compare = Comparison()
    print("| tensor | relative L2 | largest difference | deviation of the tensor |\n| --- | --- | --- | --- |")

    def texts(which, part, prefix, tokens):
        encoder = single_file.text_encoder(files[which], part, prefix)
        out = encoder(trace[tokens].long(), output_hidden_states=True)
        return out.hidden_states[-2], getattr(out, "text_embeds", None)

    if "text" in parts:
        one, _ = texts("base", "text_encoder", "conditioner.embedders.0.transformer.", "tokens.base.1")
        two, pooled = texts("base", "text_encoder_2", "conditioner.embedders.1.model.", "tokens.base.2")
        states = trace["base.encoder_hidden_states"][-1:]
        compare("base CLIP-L states", states[..., :768], one)
        compare("base OpenCLIP states", states[..., 768:], two)
        compare("base pooled", trace["base.text_embeds"][-1:], pooled)
        two, pooled = texts("refiner", "text_encoder_2", "conditioner.embedders.0.model.", "tokens.refiner.2")
        compare("refiner OpenCLIP states", trace["refiner.encoder_hidden_states"][-1:], two)
        compare("refiner pooled", trace["refiner.text_embeds"][-1:], pooled)
        del one, two, pooled
        gc.collect()

    scheduler = diffusers.EulerDiscreteScheduler.from_config(single_file.clean(configs.SCHEDULER))
    scheduler.set_timesteps(len(trace["timesteps"]))
    compare("sigmas", trace["sigmas"], scheduler.sigmas)
    latents = trace["noise"] * scheduler.init_noise_sigma
    for index, which in enumerate(("base", "refiner")):
        timestep = scheduler.timesteps[index]
        sample = scheduler.scale_model_input(latents, timestep)
        if which in parts:
            network = single_file.unet(files[which], which)
            predictions = []
            for image in range(len(trace[which + ".time_ids"])):
                started = time.time()
                predictions.append(network(
                    sample, timestep,
                    encoder_hidden_states=trace[which + ".encoder_hidden_states"][image:image + 1],
                    added_cond_kwargs={"text_embeds": trace[which + ".text_embeds"][image:image + 1],
                                       "time_ids": trace[which + ".time_ids"][image:image + 1]}).sample)
                print(f"torch: one {which} forward in {time.time() - started:.1f} s", file=sys.stderr)
            negative, positive = predictions[0], predictions[-1]
            guided = negative + arguments.cfg_scale * (positive - negative)
            compare(f"{which} guided prediction", trace["eps." + which], guided)
            after = scheduler.step(guided, timestep, latents).prev_sample
            compare(f"latents after one {which} step", trace["latents.steps"][index], after)
            del network, predictions
            gc.collect()
        else:
            scheduler.step(trace["eps." + which], timestep, latents)
        latents = trace["latents.steps"][index]

    if "vae" in parts:
        network = single_file.vae(files["base"])
        picture = network.decode(trace["latents.final"] / 0.13025).sample
        compare("decoded picture", trace["image"], picture)
    sys.exit(compare.failed)


if __name__ == "__main__":
    main()
