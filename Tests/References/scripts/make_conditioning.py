"""Vectors for what a request can say about conditioning beyond prompts and sizes, from diffusers' two pipelines.

    python expand_checkpoints.py --single public/checkpoints --size tiny --dtypes fp32 --tokenizer tokenizer --out CK
    git clone https://github.com/xhinker/sd_embed SD
    PYTHONPATH=SD/src python make_conditioning.py --checkpoints CK --out ..

Needs, beyond requirements.txt, compel 2.3.1, and sd_embed at 4a47f71 with lark, which it imports.

Writes conditioning.safetensors and conditioning.json:

* `runs`: whole generations of base and refiner with clip_skip, guidance_rescale, eta.
* `weights`: how the two libraries split prompts into weighted parts, and the states that the text encoders give for
  some of them. sd_embed's own functions, with weights in float32 where it has float16 (1.3 is 1.2998 there). compel
  with its split mode BRUTAL, which fills chunks to the last token as sd_embed does; its default splits at sentences.
  Pooled vectors are not taken from them: compel's are of the text with its signs, sd_embed's of the last chunk.
* `embeddings`: a textual inversion of two vectors, and what diffusers' encode_prompt gives once it is loaded. Pooled at
  the first end token: with the published eos_token_id of 2, transformers takes the highest id, a new token's, and says
  that it "can't work correctly" then.
"""
import argparse
import json

import numpy as np
import torch

import engine
import stio

PARSED = {
    "sdEmbeds": [
        "normal text", "an (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)",
        "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "a (red:1.5) fox [in [deep]] snow", "(a:b) c: (d:+2.)",
        "x) y] (z:-1) [w:0.5]", "((one:1.2) two:0.7) [three", "back\\slash \\\\ \\(kept\\)", "", "()", "(:1.2)", "a:1.2) b",
    ],
    "compel": [
        "normal text", "a red+ fox", "a red++ fox-- in snow", "(a red fox)1.3 in (deep snow)0.5", "well-known 80s-style art",
        "((tiny)1.2 house)1.5", "a (big+ dog, a small- cat.)1.1", "\"quoted words\"++ plain", "(plain group) here",
        "fire+,water- rain", "foo.bar+ 3.5 a+b c-d", "(a.b)1.2", "a \\(literal\\) word", "one(two)1.2", "(x)0 (y)2 (z).5",
        "",
    ],
}
LONG = "a red fox, " + ", ".join(f"(detail {word}:1.{n % 4})" for n, word in enumerate(
    "snow ice frost pine birch rock river cloud mist dawn".split() * 3)) + ", [sharp] focus"
ENCODED = [
    # name, syntax, prompt, whether the refiner's states are kept too
    ("sd_weights", "sdEmbeds", "a (red:1.5) fox in [deep] snow, (blurry:0.4)", True),
    ("sd_long", "sdEmbeds", LONG, False),
    ("compel_up", "compel", "a red++ fox in (deep snow)1.4", True),
    ("compel_down", "compel", "a red- fox in (deep snow)0.3, (early+ light)0.8 ahead", True),
    ("compel_zero", "compel", "a red fox in (deep)0 snow", False),
]


def parse(syntax, prompt):
    """-> [[text, weight]] as the library has them"""
    if syntax == "sdEmbeds":
        from sd_embed.prompt_parser import parse_prompt_attention
        return parse_prompt_attention(prompt)
    from compel import Compel
    parts = Compel.parse_prompt_string(prompt).prompts
    assert len(parts) <= 1
    return [[fragment.text, fragment.weight] for part in parts for fragment in part.children]


def with_float32_weights(module):
    """sd_embed's module, its torch.float16 made float32"""
    class Torch:
        float16 = torch.float32

        def __getattr__(self, name):
            return getattr(torch, name)
    module.torch = Torch()
    return module


def encode(lab, syntax, prompt, refiner):
    """-> the states of the base's encoders side by side, or of the refiner's, [1, 77 * chunks, channels]"""
    pipe = lab.refiner if refiner else lab.base
    if syntax == "sdEmbeds":
        import sd_embed.embedding_funcs as functions
        functions = with_float32_weights(functions)
        function = (functions.get_weighted_text_embeddings_sdxl_refiner if refiner
                    else functions.get_weighted_text_embeddings_sdxl)
        return function(pipe, prompt=prompt, neg_prompt="blurry")[0]
    from compel import Compel, ReturnedEmbeddingsType, SplitLongTextMode
    encoders = [(pipe.tokenizer_2, pipe.text_encoder_2)]
    if not refiner:
        encoders.insert(0, (pipe.tokenizer, pipe.text_encoder))
    return torch.cat([
        Compel(tokenizer=tokenizer, text_encoder=encoder, truncate_long_prompts=False,
               returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
               split_long_text_mode=SplitLongTextMode.BRUTAL)(prompt)
        for tokenizer, encoder in encoders], dim=-1)


def weights(lab, tensors):
    parsed = [{"syntax": syntax, "prompt": prompt, "parts": [
        {"text": text, "weight": weight} for text, weight in parse(syntax, prompt)]}
        for syntax, prompts in PARSED.items() for prompt in prompts]
    for name, syntax, prompt, with_refiner in ENCODED:
        tensors[f"{name}.base"] = encode(lab, syntax, prompt, False)
        if with_refiner:
            tensors[f"{name}.refiner"] = encode(lab, syntax, prompt, True)
    return {"parsed": parsed, "encoded": [
        {"name": name, "syntax": syntax, "prompt": prompt} for name, syntax, prompt, _ in ENCODED]}


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


WORD, EMBEDDING_WEIGHT = "frost-style", 0.5
EMBEDDED = [
    ("embedding_plain", f"a fox in {WORD}, deep snow"),
    ("embedding_twice", f"{WORD} fox, {WORD}"),
]


def embeddings(root, tensors):
    lab = engine.Lab(root)  # its tokenizers and text encoders are changed
    generator = torch.Generator().manual_seed(3)
    pipes = {"base": lab.base, "refiner": lab.refiner}
    for name, width in (("clip_l", 12), ("clip_g", 20)):
        tensors[f"embedding.{name}"] = torch.randn(2, width, generator=generator).half().float() / 16
    for pipe in pipes.values():
        for name, suffix in (("clip_l", ""), ("clip_g", "_2")):
            encoder = getattr(pipe, "text_encoder" + suffix, None)
            if encoder is not None:
                pipe.load_textual_inversion(tensors[f"embedding.{name}"] * EMBEDDING_WEIGHT, token=WORD,
                                            tokenizer=getattr(pipe, "tokenizer" + suffix), text_encoder=encoder)
        text_model = getattr(pipe.text_encoder_2, "text_model", pipe.text_encoder_2)
        assert text_model.eos_token_id == 2
        text_model.eos_token_id = 49407
    for name, prompt in EMBEDDED:
        for expert, pipe in pipes.items():
            states, _, pooled, _ = pipe.encode_prompt(prompt=prompt, do_classifier_free_guidance=False)
            tensors[f"{name}.{expert}.encoder_hidden_states"] = states
            tensors[f"{name}.{expert}.text_embeds"] = pooled
    return {"word": WORD, "weight": EMBEDDING_WEIGHT,
            "cases": [{"name": name, "prompt": prompt} for name, prompt in EMBEDDED]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    lab = engine.Lab(args.checkpoints)
    tensors = {}
    described = {"runs": runs(lab, tensors), "weights": weights(lab, tensors),
                 "embeddings": embeddings(args.checkpoints, tensors)}
    stio.write(f"{args.out}/conditioning.safetensors",
               {name: np.ascontiguousarray(value.numpy(), np.float32) for name, value in sorted(tensors.items())})
    with open(f"{args.out}/conditioning.json", "w") as file:
        json.dump(described, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
