"""Vectors of image-to-image and mask inpainting: diffusers' own pipelines on the tiny checkpoints.

    mkdir S && cp ../../../Sources/CEmbeddedModels/tiny-base.safetensors S/base_fp16.safetensors
    cp ../../../Sources/CEmbeddedModels/tiny-refiner.safetensors S/refiner_fp16.safetensors
    python expand_checkpoints.py --single S --size tiny --out CK --dtypes fp32
    python make_image_input.py --checkpoints CK --out ..

writes image_input.safetensors and image_input.json. As in engine.py, an explicit loop gives all intermediates and is
checked bit for bit against the pipelines (the base with StableDiffusionXLImg2ImgPipeline and
StableDiffusionXLInpaintPipeline, the refiner with the former); the same loop with networks in float64 gives the
tolerances.

Draws from a seed's stream, in order: the sample of the VAE's posterior; the noise; when inpainting, the sample of the
masked picture's posterior (which the 4-channel UNet never sees); then what the sampler draws. With several images each
has a generator of its own. Strength 1 starts image-to-image at the picture and the first sigma's noise, but inpainting
at noise alone.

With base and refiner the two pipelines split the executed steps at one training timestep, `cutoff`. There is no
inpainting case with both: diffusers' refiner would paste back the noisy latents it was handed.
"""
import argparse
import os

import diffusers
import numpy as np
import torch
from PIL import Image

import engine
import stio
from engine import Lab, fill, rel
from make_vectors import dump_json, npy, up_125

HEIGHT, WIDTH = 64, 80

PROMPT = {"prompt": "a lighthouse on a cliff, storm clouds", "negative_prompt": "blurry",
          "height": HEIGHT, "width": WIDTH}

CASES = [
    dict(name="base_03", strength=0.3, seed=11),
    dict(name="base_08", strength=0.8, seed=12, steps=10),
    dict(name="base_10", strength=1.0, seed=13, steps=8),
    dict(name="base_euler_a", strength=0.5, seed=14, steps=12, scheduler="euler_a"),
    dict(name="base_trailing_two_images", strength=0.4, seed=[15, 16], images=2, steps=10,
         scheduler="euler_trailing", guidance=1.0),
    dict(name="base_ddim", strength=0.5, seed=22, steps=8, scheduler="ddim"),
    dict(name="base_dpmpp_2m_karras", strength=0.6, seed=23, steps=10, scheduler="dpmpp_2m_karras"),
    dict(name="base_heun", strength=0.5, seed=24, steps=8, scheduler="heun"),
    dict(name="refiner_03", strength=0.3, seed=17, expert="refiner"),
    dict(name="base_refiner", strength=0.6, seed=18, handoff={"fraction": 0.8}),
    dict(name="inpaint_08", strength=0.8, seed=19, steps=10, mask=True),
    dict(name="inpaint_10", strength=1.0, seed=20, steps=6, mask=True),
    dict(name="inpaint_euler_a", strength=0.7, seed=21, steps=10, scheduler="euler_a", mask=True),
    dict(name="inpaint_ddim", strength=0.6, seed=25, steps=8, scheduler="ddim", mask=True),
    dict(name="inpaint_dpmpp_2m", strength=0.7, seed=26, steps=8, scheduler="dpmpp_2m", mask=True),
    dict(name="inpaint_unipc", strength=0.7, seed=27, steps=8, scheduler="unipc", mask=True),
    dict(name="inpaint_heun", strength=0.5, seed=28, steps=8, scheduler="heun", mask=True),
]
FLOAT_IMAGES = {"refiner_03"}   # the others have the picture in 8 bits, or none


def seed_picture():
    """[height, width, 3] uint8: a slope, a disc and some grain."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    r = np.random.Generator(np.random.PCG64([1, 97]))
    p = np.stack([x * 3, 255 - y * 3, (x + y) * 1.5], -1).astype(np.float64)
    p[(x - 50) ** 2 + (y - 24) ** 2 < 256] = (240, 200, 40)
    return np.clip(p + r.normal(0, 6, p.shape), 0, 255).astype(np.uint8)


def mask_picture():
    """[height, width, 3] uint8: white is made anew. Some gray on either side of the middle, some colour, and single
    pixels where the latents' pixels are read (the upper left of each 8 x 8) and where they are not."""
    m = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    m[16:48, 24:64] = 255
    m[0:16, 0:16] = 127
    m[0:16, 16:32] = 128
    m[48:64, 0:16] = (0, 218, 0)     # luma 128
    m[48:64, 16:32] = (0, 217, 0)    # luma 127
    m[24, 40] = 0
    m[35, 45] = 0
    m[8, 72] = 255
    return m


class ImageLab:
    def __init__(self, lab):
        self.lab = lab
        parts = lab.base.components
        self.img2img = diffusers.StableDiffusionXLImg2ImgPipeline(**parts, requires_aesthetics_score=False)
        self.inpaint = diffusers.StableDiffusionXLInpaintPipeline(**parts, requires_aesthetics_score=False)
        for p in (self.img2img, self.inpaint):
            p.watermark = None
            p.set_progress_bar_config(disable=True)

    def pipeline(self, c):
        return self.lab.refiner if c["expert"] == "refiner" else self.inpaint if c["mask"] else self.img2img

    def generators(self, c):
        seeds = c["seed"] if isinstance(c["seed"], list) else [c["seed"]]
        return [torch.Generator().manual_seed(s) for s in seeds]

    def loop(self, c, picture, mask, replay=None):
        """-> everything; with `replay` the random numbers are those of another run."""
        lab, gens, drawn = self.lab, self.generators(c), []

        def draw(shape):
            x = replay.pop(0) if replay is not None else torch.cat(
                [torch.randn((1,) + tuple(shape[1:]), generator=g) for g in gens])
            drawn.append(x)
            return x

        pipe = self.pipeline(c)
        x = pipe.image_processor.preprocess(Image.fromarray(picture))
        d = pipe.vae.encode(x.to(lab.dtype)).latent_dist
        mean, std = d.mean.float(), d.std.float()
        shape = (len(gens),) + tuple(mean.shape[1:])
        original = pipe.vae.config.scaling_factor * (mean + std * draw(shape))
        if c["mask"]:
            original = original.contiguous()   # as the pipeline's repeat(): layout decides the order of sums
        s = lab.scheduler(c)
        s.set_timesteps(c["steps"])
        first = max(c["steps"] - min(int(c["steps"] * c["strength"]), c["steps"]), 0)
        first *= s.order
        if hasattr(s, "set_begin_index"):
            s.set_begin_index(first)
        ts = s.timesteps[first:]
        noise = draw(shape)
        out = {"mean": mean, "std": std, "original": original, "noise": noise, "first_step": first // s.order,
               "timesteps": ts.clone(), "order": s.order, "latents": [], "mask": None}
        z = s.add_noise(original, noise, ts[:1].repeat(len(gens)))
        if c["mask"]:
            m = self.inpaint.mask_processor.preprocess(Image.fromarray(mask), height=HEIGHT, width=WIDTH)
            m = out["mask"] = torch.nn.functional.interpolate(m, size=z.shape[-2:])
            draw(shape)
            if c["strength"] == 1.0:
                z = noise * s.init_noise_sigma
        out["start"] = z.clone()

        cut = engine.cutoff(c["handoff"]["fraction"]) if c["handoff"] else None
        nbase = 0 if c["expert"] == "refiner" else len(ts) if cut is None else sum(float(t) >= cut for t in ts)
        out.update(base_steps=int(nbase), cutoff=cut, handoff=None)
        pipe.scheduler = s   # what it takes depends on it
        extra = pipe.prepare_extra_step_kwargs(gens, 0.0)

        def patched(shape, generator=None, device=None, dtype=None, layout=None):
            return draw(shape)
        module = engine.sys.modules[type(s).__module__]
        kept = getattr(module, "randn_tensor", None)
        if kept is not None:
            module.randn_tensor = patched
        try:
            for i, t in enumerate(ts):
                which = "base" if i < nbase else "refiner"
                if i in (0, nbase):
                    cond = lab.conditioning(c, which, "continuous")
                if i == nbase and i > 0:
                    out["handoff"] = z.clone()
                e = lab.eps(which, cond, s.scale_model_input(z, t), t, lab.guidance(c, which))
                z = s.step(e, t, z, **extra, return_dict=False)[0]
                if c["mask"]:
                    p = original if i == len(ts) - 1 else s.add_noise(original, noise, torch.tensor([ts[i + 1]]))
                    z = (1 - m) * p + m * z
                out["latents"].append(z.clone())
        finally:
            if kept is not None:
                module.randn_tensor = kept
        out.update(final=z, drawn=drawn)
        out["image"] = (lab.refiner if c["expert"] == "refiner" else lab.base).vae.decode(
            z.to(lab.dtype) / lab.base.vae.config.scaling_factor, return_dict=False)[0].float()
        return out

    def pipelines(self, c, picture, mask):
        lab, gens, latents = self.lab, self.generators(c), []
        gens = gens if len(gens) > 1 else gens[0]

        def after(pipe, i, t, kw):
            latents.append(kw["latents"].clone())
            return kw
        common = dict(num_inference_steps=c["steps"], num_images_per_prompt=c["images"], generator=gens,
                      output_type="latent", callback_on_step_end=after)
        frac = c["handoff"]["fraction"] if c["handoff"] else None
        first, own = self.pipeline(c), {}
        if c["mask"]:
            own = dict(mask_image=Image.fromarray(mask), height=HEIGHT, width=WIDTH)
        which = c["expert"]
        first.scheduler = lab.scheduler(c)
        z = first(**lab.prompts(c, which), guidance_scale=lab.guidance(c, which), image=Image.fromarray(picture),
                  strength=c["strength"], denoising_end=frac, **own, **common).images
        if frac is not None:
            lab.refiner.scheduler = lab.scheduler(c)
            z = lab.refiner(**lab.prompts(c, "refiner"), guidance_scale=lab.guidance(c, "refiner"), image=z,
                            denoising_start=frac, **common).images
        return latents, z


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoints", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    lab, lab64 = (ImageLab(Lab(a.checkpoints, d)) for d in (torch.float32, torch.float64))
    picture, mask = seed_picture(), mask_picture()
    T, index = {"seed_picture": picture, "mask_picture": mask}, []
    for case in CASES:
        own = {k: case.pop(k, d) for k, d in (("strength", 0.8), ("mask", False), ("expert", "base"))}
        c = {**fill({**PROMPT, **case}), **own}
        r = lab.loop(c, picture, mask)
        latents, final = lab.pipelines(c, picture, mask)
        assert len(latents) == len(r["latents"]), (c["name"], len(latents), len(r["latents"]))
        for i, (x, y) in enumerate(zip(latents, r["latents"])):
            assert torch.equal(x, y), (c["name"], "loop and pipeline differ after step", i, rel(x, y))
        assert torch.equal(final, r["final"]), c["name"]
        with engine.exact_time_embedding():
            d = lab64.loop(c, picture, mask, replay=list(r["drawn"]))
        names = {"vae.mean": "mean", "vae.std": "std", "latents.encoded": "original", "noise": "noise",
                 "latents.start": "start", "latents.final": "final", "image": "image"}
        if r["mask"] is not None:
            names["mask"] = "mask"
        if r["handoff"] is not None:
            names["latents.handoff"] = "handoff"
        err = {n: rel(r[k], d[k]) for n, k in names.items()}
        own_tensors = {n: npy(r[k]) for n, k in names.items()}
        own_tensors["latents.steps"] = npy(torch.stack(r["latents"]))
        if r["order"] == 1:   # the others have most timesteps twice
            own_tensors["timesteps"] = npy(r["timesteps"].double())
        # every case encodes the same picture
        for n in ("vae.mean", "vae.std"):
            T.setdefault(n, own_tensors.pop(n, None))
            own_tensors.pop(n, None)
        image = own_tensors.pop("image")
        if c["name"] in FLOAT_IMAGES:
            own_tensors["image"] = image
        if c["scheduler"] == "euler":
            u8 = (np.clip(image / 2 + 0.5, 0, 1).transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)
            own_tensors["image_u8"] = u8
        T.update({f"{c['name']}.{n}": v for n, v in own_tensors.items()})
        index.append({"name": c["name"], "inputs": c, "first_step": r["first_step"],
                      "executed_steps": c["steps"] - r["first_step"], "evaluations": len(latents),
                      "base_evaluations": r["base_steps"], "cutoff": r["cutoff"],
                      "fp32_vs_fp64": {k: float(f"{v:.2e}") for k, v in err.items()},
                      "tolerance": {k: max(up_125(20 * v), 2e-5) if v else 2e-5 for k, v in err.items()}})
        print(f"{c['name']:26s} first {r['first_step']:2d}, executed {len(latents):2d}, base {r['base_steps']:2d}, "
              f"final {err['latents.final']:.1e}, image {err['image']:.1e}")
    stio.write(os.path.join(a.out, "image_input.safetensors"), T)
    dump_json(os.path.join(a.out, "image_input.json"), {
        "versions": {"torch": torch.__version__.split("+")[0], "diffusers": diffusers.__version__}, "cases": index})


if __name__ == "__main__":
    main()
