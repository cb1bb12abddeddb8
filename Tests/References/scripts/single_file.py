"""diffusers' and transformers' modules in float32 from an original single file of SDXL's real size.

Weights are read when a module is made, and a module is made without allocating any others, so one in memory at a
time is enough: 10.3 GB for the base's U-Net. Needs torch, diffusers and transformers.
"""
import diffusers
import numpy as np
import torch
import transformers

import configs
import layouts


class SingleFile:
    """The tensors of a single file, read when asked for."""

    def __init__(self, path):
        from safetensors import safe_open
        self.file = safe_open(path, framework="pt")
        self.keys = list(self.file.keys())

    def under(self, prefix):
        return {k[len(prefix):]: prefix + k[len(prefix):] for k in self.keys if k.startswith(prefix)}

    def get(self, key):
        return self.file.get_tensor(key).float()


def build(make, state):
    """A module with these weights, without allocating any others."""
    with torch.device("meta"):
        module = make()
    missing, unexpected = module.load_state_dict(state, strict=False, assign=True)
    assert not unexpected, unexpected[:5]
    assert all(k.endswith("position_ids") for k in missing), missing[:5]
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:
            owner = module.get_submodule(name.rpartition(".")[0])
            assert name.endswith("position_ids"), name
            owner.register_buffer("position_ids", torch.arange(77).unsqueeze(0), persistent=False)
    return module.eval()


def clean(config):
    return {k: v for k, v in config.items() if not k.startswith("_")}


def unet(file, which):
    keys = file.under("model.diffusion_model.")
    back = layouts.unet_back_map(set(keys))
    state = {back[k]: file.get(full) for k, full in keys.items()}
    config = clean(configs.folder("real", which)["unet/config.json"])
    return build(lambda: diffusers.UNet2DConditionModel.from_config(config), state)


def vae(file):
    state = {}
    for key, full in file.under("first_stage_model.").items():
        tensor = file.get(full)
        if layouts._vae_attn_w(key):
            tensor = tensor.reshape(tensor.shape[:2])
        state[layouts.vae_key_back(key)] = tensor
    config = clean(configs.folder("real", "base")["vae/config.json"])
    return build(lambda: diffusers.AutoencoderKL.from_config(config), state)


def text_encoder(file, part, prefix):
    config = configs.folder("real", "base")[part + "/config.json"]
    config = {k: v for k, v in config.items() if k not in ("architectures", "model_type")}
    state = {k: file.get(full) for k, full in file.under(prefix).items() if not k.endswith("position_ids")}
    cls = transformers.CLIPTextModel
    if part == "text_encoder_2":
        cls = transformers.CLIPTextModelWithProjection
        state.pop("logit_scale")
        state = {k: v.numpy() for k, v in state.items()}
        state = {k: torch.from_numpy(np.array(v)) for k, v in layouts.openclip_to_hf(state).items()}
    with torch.device("meta"):
        wanted = set(cls(transformers.CLIPTextConfig(**config)).state_dict())
    # Recent transformers dropped the level "text_model." of CLIPTextModel.
    state = {k if k in wanted else k.removeprefix("text_model."): v for k, v in state.items()}
    return build(lambda: cls(transformers.CLIPTextConfig(**config)), state)
