"""Vectors for the samplers and spacings that schedulers.safetensors lacks, driven in the same way.

    python make_more_schedulers.py ../more_schedulers.safetensors

The coefficients of each step are worked out in float64: diffusers' float32 is off by up to 1.5e-4 of the latents
where steps are tiny (unipc_3m_beta of 16 steps). Timesteps, sigmas and latents are diffusers' float32.

Needs no checkpoints. With --check FILE it makes schedulers.safetensors' runs anew and compares them instead: that
this machine's torch and diffusers give the numbers of the committed vectors.
"""
import argparse

import diffusers
import numpy as np
import torch

import engine
import make_vectors
import stio
from configs import SCHEDULER

STEPS = [5, 16]  # below and above the 15 steps where DPM-Solver's last-step rules change; an odd number

SPACINGS = {
    "": {},
    "_trailing": {"timestep_spacing": "trailing"},
    "_linspace": {"timestep_spacing": "linspace"},
    "_karras": {"use_karras_sigmas": True},
    "_exponential": {"use_exponential_sigmas": True},
    "_beta": {"use_beta_sigmas": True},
}

FAMILIES = [
    # name, class, settings, its spacings
    ("euler", "EulerDiscreteScheduler", {}, ["_exponential", "_beta"]),
    ("euler_a", "EulerAncestralDiscreteScheduler", {}, ["_linspace"]),
    ("heun", "HeunDiscreteScheduler", {}, ["_trailing", "_linspace", "_exponential", "_beta"]),
    ("lms", "LMSDiscreteScheduler", {}, ["_trailing", "_linspace", "_exponential", "_beta"]),
    ("kdpm2", "KDPM2DiscreteScheduler", {}, list(SPACINGS)),
    ("kdpm2_a", "KDPM2AncestralDiscreteScheduler", {}, list(SPACINGS)),
    ("dpmpp_2m", "DPMSolverMultistepScheduler", {}, ["_linspace", "_exponential", "_beta"]),
    ("dpmpp_2m_sde", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"},
     ["_trailing", "_linspace", "_exponential", "_beta"]),
    ("dpmpp_3m", "DPMSolverMultistepScheduler", {"solver_order": 3}, list(SPACINGS)),
    ("dpmpp_2s", "DPMSolverSinglestepScheduler", {}, ["_linspace", "_exponential", "_beta"]),
    ("dpmpp_sde", "DPMSolverSDEScheduler", {}, ["", "_trailing", "_linspace", "_exponential", "_beta"]),
    ("unipc", "UniPCMultistepScheduler", {}, ["_trailing", "_linspace", "_exponential", "_beta"]),
    ("unipc_3m", "UniPCMultistepScheduler", {"solver_order": 3}, list(SPACINGS)),
    ("deis", "DEISMultistepScheduler", {}, ["", "_trailing", "_linspace"]),
    ("ddim_eta1", "DDIMFullNoise", {}, ["", "_trailing"]),
    ("ddpm", "DDPMScheduler", {}, ["", "_trailing", "_linspace"]),
    ("pndm", "PNDMFromTheMiddle", {}, [""]),
    ("tcd", "TCDScheduler", {}, [""]),
]


class DDIMFullNoise(diffusers.DDIMScheduler):
    def step(self, *args, **kwargs):
        return super().step(*args, eta=1.0, **kwargs)


class PNDMFromTheMiddle(diffusers.PNDMScheduler):
    """PNDM that starts in the middle as it does at the beginning: the second timestep twice.

    diffusers' pipelines cut its list of timesteps, and the second evaluation then stands for the next step's.
    """

    def set_begin_index(self, index):
        if index > 0:
            t = list(self.timesteps)
            self.timesteps = torch.stack(t[:index] + t[index:index + 2] + t[index + 1:])


for cls, base in ((DDIMFullNoise, diffusers.DDIMScheduler), (PNDMFromTheMiddle, diffusers.PNDMScheduler)):
    cls.__module__ = base.__module__  # where engine.NoiseLog looks for randn_tensor
    setattr(diffusers, cls.__name__, cls)


def make_exact_scheduler(*args, **kwargs):
    """diffusers' scheduler with its sigmas widened, and so all that it computes from them step by step."""
    s = engine.make_scheduler(*args, **kwargs)
    lay_out = s.set_timesteps

    def set_timesteps(n):
        lay_out(n)
        if hasattr(s, "sigmas"):
            s.sigmas = s.sigmas.double()
    s.set_timesteps = set_timesteps
    return s


def more():
    return {name + spacing: (cls, {**over, **SPACINGS[spacing]})
            for name, cls, over, spacings in FAMILIES for spacing in spacings}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out", nargs="?")
    ap.add_argument("--check")
    a = ap.parse_args()
    config = {k: v for k, v in SCHEDULER.items() if not k.startswith("_")}
    if a.check:
        T, _ = make_vectors.schedulers(config, [4, 10, 20], 1)
        old, _ = stio.read(a.check)
        assert set(T) == set(old)
        worst = max((float(np.abs(T[k] - old[k]).max() / np.abs(old[k]).max()), k) for k in old)
        print("largest relative difference", worst)
        return
    make_vectors.make_scheduler = make_exact_scheduler
    engine.SCHEDULERS.clear()
    engine.SCHEDULERS.update(more())
    T, info = make_vectors.schedulers(config, STEPS, 1)
    failed = {k: v for k, v in info.items() if "not_run" in v}
    assert not failed, failed
    stio.write(a.out, T)
    print(len(info), "runs")


if __name__ == "__main__":
    main()
