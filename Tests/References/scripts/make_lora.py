"""Small random LoRA files for the tiny checkpoints, and what diffusers + peft make of them.

    python make_lora.py --checkpoints CK --out ..        # CK: from expand_checkpoints.py

writes, with the same changes in every file of one letter,
    lora_a_kohya.safetensors       original block names, fp16; ranks and alphas differ from layer to layer
    lora_a_blocks.safetensors      kohya with diffusers' block names, bf16
    lora_a_peft.safetensors        lora_A / lora_B; it has no alphas, so alpha / rank is in lora_B
    lora_b_kohya.safetensors       a second one; alpha / rank is no power of two
    lora_refiner_down_up.safetensors   for the refiner; lora.down / lora.up
    lora_vectors.safetensors       the numbers to reach: see vectors()

All values have 7 bits, so fp16, bf16 and fp32 hold them exactly. Needs peft beside requirements.txt.
"""
import argparse
import os

import numpy as np
import torch

import layouts
import stio
from engine import Lab

WEIGHTS = {"a": 0.75, "b": -0.625, "refiner": 1.25}
PAIRS = {"kohya": (".lora_down.weight", ".lora_up.weight"), "peft": (".lora_A.weight", ".lora_B.weight"),
         "down_up": (".lora.down.weight", ".lora.up.weight")}
KOHYA = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}

ATTENTION = ["attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
             "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0"]
FEED_FORWARD = ["ff.net.0.proj", "ff.net.2"]
TEXT = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"]


def unet_layers(attentions):
    """Every kind of layer that a LoRA may change, by diffusers' names."""
    out = ["conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2", "add_embedding.linear_1",
           "down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.1.time_emb_proj", "down_blocks.0.downsamplers.0.conv",
           "down_blocks.1.resnets.0.conv_shortcut", "mid_block.resnets.1.conv2", "up_blocks.0.resnets.2.conv1",
           "up_blocks.1.resnets.0.conv_shortcut", "up_blocks.0.upsamplers.0.conv", "up_blocks.1.upsamplers.0.conv"]
    for block in attentions:
        out += [f"{block}.proj_in", f"{block}.proj_out"]
        out += [f"{block}.transformer_blocks.0.{t}" for t in ATTENTION + FEED_FORWARD]
    return out


def text_layers(indices):
    return [f"text_model.encoder.layers.{i}.{t}" for i in indices for t in TEXT]


LORAS = {
    "a": ("base", {
        "unet": unet_layers(["down_blocks.1.attentions.0", "mid_block.attentions.0", "up_blocks.1.attentions.2"]),
        "text_encoder": text_layers([0, 2]), "text_encoder_2": text_layers([0, 5, 9])}),
    "b": ("base", {
        "unet": ["conv_in", "up_blocks.0.upsamplers.0.conv"] + [
            f"{b}.transformer_blocks.0.{t}" for b in ("down_blocks.2.attentions.1", "mid_block.attentions.0")
            for t in ATTENTION],
        "text_encoder": text_layers([1]), "text_encoder_2": text_layers([5])}),
    "refiner": ("refiner", {
        "unet": unet_layers(["down_blocks.1.attentions.1", "mid_block.attentions.0", "up_blocks.2.attentions.0"]),
        "text_encoder_2": text_layers([1, 8])}),
}


def grid(r, shape, deviation):
    """Normal numbers of 7 bits: exact in fp16 and bf16."""
    step = 2.0 ** np.floor(np.log2(deviation / 16))
    return (np.clip(np.round(r.standard_normal(shape) * deviation / step), -127, 127) * step).astype(np.float32)


def make(letter, parts):
    """[(part, layer, down, up, alpha)]; a tenth to a half of the layer's own weights in size"""
    out = []
    for part, layers in LORAS[letter][1].items():
        for index, layer in enumerate(layers):
            shape = parts[part][layer + ".weight"].shape
            r = np.random.default_rng([ord(c) for c in f"{letter}/{part}/{layer}"])
            rank = [4, 2, 8, 1, 3][index % 5] if letter == "b" else [4, 2, 8, 1][index % 4]
            kernel = shape[2:]
            down = grid(r, (rank, shape[1], *kernel), 1 / np.sqrt(np.prod(shape[1:])))
            up = grid(r, (shape[0], rank, *[1] * len(kernel)), 0.5 / np.sqrt(rank))
            alpha = [3, 1, rank, 5][index % 4] if letter == "b" else [rank, rank / 2, rank * 2, rank / 4][index % 4]
            out.append((part, layer, down, up, alpha))
    return out


def write(out, name, modules, style, cast, rename=lambda part, layer: layer, fold=True):
    """fold: no alphas, alpha / rank is in the second matrix"""
    down_end, up_end = PAIRS[style]
    tensors = {}
    for part, layer, down, up, alpha in modules:
        rank = down.shape[0]
        if style == "kohya":
            key = f"{KOHYA[part]}_{rename(part, layer).replace('.', '_')}"
        else:
            key = f"{part}.{layer}"
        if fold:
            up = up * np.float32(alpha / rank)
        else:
            tensors[key + ".alpha"] = cast(np.array(alpha, np.float32))
        tensors[key + down_end], tensors[key + up_end] = cast(down), cast(up)
    path = os.path.join(out, f"lora_{name}.safetensors")
    stio.write(path, tensors)
    return path


def original_names(parts):
    names = layouts.unet_key_map(set(parts["unet"]))

    def rename(part, layer):
        return names[layer + ".weight"].removesuffix(".weight") if part == "unet" else layer
    return rename


def t(vectors, name):
    return torch.from_numpy(np.array(stio.to_f32(vectors[name])))


def unet(pipe, which, size, inputs):
    name = f"unet.{which}.{size}"
    return pipe.unet(t(inputs, name + ".sample"), t(inputs, name + ".timestep").reshape(()),
                     encoder_hidden_states=t(inputs, name + ".encoder_hidden_states"),
                     added_cond_kwargs={"text_embeds": t(inputs, name + ".text_embeds"),
                                        "time_ids": t(inputs, name + ".time_ids").reshape(1, -1)}).sample


def text(encoder, ids):
    out = encoder(torch.from_numpy(np.array(ids)).long().reshape(1, -1), output_hidden_states=True)
    return out.hidden_states[-2], out[0]


def evaluate(pipe, prefix, inputs, which):
    """One call of each network, on the inputs of modules.safetensors."""
    out = {f"{prefix}.unet.{size}": unet(pipe, which, size, inputs) for size in ("even", "odd")}
    if which == "base":
        out[f"{prefix}.text_encoder"] = text(pipe.text_encoder, inputs["text_encoder.ids"])[0]
    name = "text_encoder_2" if which == "base" else "refiner_text_encoder_2"
    states, pooled = text(pipe.text_encoder_2, inputs[name + ".ids"])
    out[f"{prefix}.text_encoder_2"], out[f"{prefix}.text_embeds"] = states, pooled
    return out


CASE = {"prompt": "a lighthouse in a storm", "negative_prompt": "blurry", "steps": 4, "seed": 11, "guidance": 5.0,
        "handoff": {"step": 2}}


def vectors(lab, paths, inputs):
    """`none`, `a` and `ab` (weights in WEIGHTS): the base's networks; `refiner`: the refiner's. `latents.a`: 4 steps of
    the base alone; `latents.both`: a and b on the base, then the refiner's own from the third step on."""
    out = {}
    base, refiner = lab.base, lab.refiner
    out |= evaluate(base, "none", inputs, "base")
    for style in ("kohya", "peft"):
        base.load_lora_weights(paths["a_" + style], adapter_name=style)
        base.set_adapters([style], [WEIGHTS["a"]])
        out |= evaluate(base, style, inputs, "base")
        base.unload_lora_weights()
    base.load_lora_weights(paths["a_peft"], adapter_name="a")
    base.load_lora_weights(paths["b_peft"], adapter_name="b")
    base.set_adapters(["a"], [WEIGHTS["a"]])
    out |= evaluate(base, "a", inputs, "base")
    out["latents.a"] = lab.pipelines({**CASE, "handoff": None})["final"]
    base.set_adapters(["a", "b"], [WEIGHTS["a"], WEIGHTS["b"]])
    out |= evaluate(base, "ab", inputs, "base")
    refiner.load_lora_weights(paths["refiner_peft"], adapter_name="r")
    refiner.set_adapters(["r"], [WEIGHTS["refiner"]])
    out |= evaluate(refiner, "refiner", inputs, "refiner")
    both = lab.pipelines(CASE)
    out["latents.both.handoff"], out["latents.both"] = both["handoff"], both["final"]
    return {k: v.detach().numpy() for k, v in out.items()}


def distance(a, b):
    return float(np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b.astype(np.float64)))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoints", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    lab = Lab(a.checkpoints)
    parts = {}
    for which in ("base", "refiner"):
        single, _ = stio.read(os.path.join(a.checkpoints, "single", f"{which}_fp16.safetensors"))
        parts[which] = layouts.to_folder(single)
    modules = {letter: make(letter, parts[LORAS[letter][0]]) for letter in LORAS}
    bf16, f16, f32 = stio.to_bf16, np.float16, np.float32
    original = original_names(parts["base"])
    write(a.out, "a_kohya", modules["a"], "kohya", f16, original, fold=False)
    write(a.out, "a_blocks", modules["a"], "kohya", bf16, fold=False)
    write(a.out, "b_kohya", modules["b"], "kohya", f16, original, fold=False)
    write(a.out, "refiner_down_up", modules["refiner"], "down_up", f16, fold=False)
    # For diffusers: where alphas differ from layer to layer it gives some layers the commonest one, of a_blocks it
    # drops the label embedding without a word, and lora.down / lora.up of a whole pipeline it no longer reads.
    ck = a.checkpoints
    paths = {
        "a_peft": write(a.out, "a_peft", modules["a"], "peft", f16),
        "a_kohya": write(ck, "a_kohya_folded", modules["a"], "kohya", f32, original),
        "b_peft": write(ck, "b_peft", modules["b"], "peft", f32),
        "refiner_peft": write(ck, "refiner_peft", modules["refiner"], "peft", f32),
    }
    inputs, _ = stio.read(os.path.join(a.out, "modules.safetensors"))
    out = vectors(lab, paths, inputs)
    for style in ("kohya", "peft"):
        for name in [n for n in out if n.startswith(style + ".")]:
            d = distance(out.pop(name), out["a" + name.removeprefix(style)])
            assert d < 1e-6, (name, d)
    for name in ("a.unet.even", "ab.unet.even", "a.text_encoder", "a.text_encoder_2", "a.text_embeds"):
        print(name, "is", distance(out[name], out["none" + name[name.index("."):]]), "from none")
    out = {k: v for k, v in out.items() if not k.startswith("none.")}
    stio.write(os.path.join(a.out, "lora_vectors.safetensors"), out)
    total = sum(os.path.getsize(os.path.join(a.out, f)) for f in os.listdir(a.out) if f.startswith("lora"))
    print(f"{total / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
