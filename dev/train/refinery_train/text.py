"""SDXL's two text encoders, each with its file's own names, and the tokens of the captions.

In training they hold rows only for tokens that occur in captions; `export.py` spreads them over all 49,408.
"""

import json
import pathlib
import tempfile

import torch
from torch import nn
from torch.nn import functional as F

LENGTH, START, END, VOCABULARY = 77, 49406, 49407, 49408


class Layer(nn.Module):
    """Of either encoder: pre-norm causal attention with one head, and a perceptron."""

    def forward(self, x):
        q, k, v = self.projections(self.norms[0](x))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.perceptron(self.norms[1](x))


def perceptron(width):
    return nn.Linear(width, 4 * width), nn.Linear(4 * width, width)


class ClipLLayer(Layer):
    def __init__(self, width):
        super().__init__()
        self.self_attn = nn.ModuleDict({n: nn.Linear(width, width) for n in ("q_proj", "k_proj", "v_proj", "out_proj")})
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(dict(zip(("fc1", "fc2"), perceptron(width))))

    @property
    def norms(self):
        return self.layer_norm1, self.layer_norm2

    def projections(self, x):
        return (self.self_attn[n](x) for n in ("q_proj", "k_proj", "v_proj"))

    def out(self, x):
        return self.self_attn["out_proj"](x)

    def perceptron(self, x):
        h = self.mlp["fc1"](x)
        return self.mlp["fc2"](h * torch.sigmoid(1.702 * h))


class ClipL(nn.Module):
    """Below `conditioner.embedders.0.transformer.text_model.` in the base's file."""

    def __init__(self, tokens, width, layers):
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {"token_embedding": nn.Embedding(tokens, width), "position_embedding": nn.Embedding(LENGTH, width)}
        )
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(ClipLLayer(width) for _ in range(layers))})
        self.final_layer_norm = nn.LayerNorm(width)
        start(self.embeddings["token_embedding"].weight, self.embeddings["position_embedding"].weight)

    def forward(self, ids):
        """The states after the last layer but one, [n, 77, width]: all that SDXL takes of it."""
        x = self.embeddings["token_embedding"](ids) + self.embeddings["position_embedding"].weight
        for layer in self.encoder["layers"][:-1]:
            x = layer(x)
        return x


class OpenClipAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)


class OpenClipLayer(Layer):
    def __init__(self, width):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = OpenClipAttention(width)
        self.mlp = nn.ModuleDict(dict(zip(("c_fc", "c_proj"), perceptron(width))))

    @property
    def norms(self):
        return self.ln_1, self.ln_2

    def projections(self, x):
        return F.linear(x, self.attn.in_proj_weight, self.attn.in_proj_bias).chunk(3, -1)

    def out(self, x):
        return self.attn.out_proj(x)

    def perceptron(self, x):
        return self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](x)))


class OpenClip(nn.Module):
    """Below `conditioner.embedders.1.model.` in the base's file, `...0.model.` in the refiner's."""

    def __init__(self, tokens, width, layers):
        super().__init__()
        self.token_embedding = nn.Embedding(tokens, width)
        self.positional_embedding = nn.Parameter(torch.empty(LENGTH, width))
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList(OpenClipLayer(width) for _ in range(layers))})
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, width) * width**-0.5)
        start(self.token_embedding.weight, self.positional_embedding)

    def forward(self, ids, ends):
        """The states after the last layer but one, [n, 77, width], and the pooled vector at `ends`."""
        x = self.token_embedding(ids) + self.positional_embedding
        for layer in self.transformer["resblocks"]:
            states, x = x, layer(x)
        pooled = x[torch.arange(len(x)), ends]
        return states, self.ln_final(pooled) @ self.text_projection


def start(tokens, positions):
    """CLIP's own 0.02 suits 768 channels, not 16."""
    nn.init.normal_(tokens, std=0.5)
    nn.init.normal_(positions, std=0.05)
    with torch.no_grad():
        tokens[0] = 0  # words that no caption has


class Tokens:
    """CLIP's tokenizer over the rows that training keeps: row 0 stands for all tokens without a caption, the
    others are in the order of the vocabulary, so the end token stays the last."""

    def __init__(self, tokenizer, used):
        self.tokenizer, self.used = tokenizer, sorted(used)
        self.rows = {token: row + 1 for row, token in enumerate(self.used)}

    @classmethod
    def covering(cls, tokenizer, captions):
        used = {0, START, END}
        for caption in captions:
            used.update(tokenizer(caption).input_ids)
        return cls(tokenizer, used)

    @property
    def count(self):
        return len(self.used) + 1

    def __call__(self, caption):
        """Rows of the caption's tokens, with start and end, not padded."""
        ids = self.tokenizer(caption, truncation=True, max_length=LENGTH).input_ids
        return [self.rows.get(i, 0) for i in ids]

    def padded(self, rows):
        """(rows padded for CLIP-L, rows padded for OpenCLIP, position of the end): lists of 77."""
        more = LENGTH - len(rows)
        return rows + [self.rows[END]] * more, rows + [self.rows[0]] * more, len(rows) - 1


def tokenizer(merges):
    """CLIP's, from the repository's merges alone."""
    import transformers

    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = [chr(b) for b in keep] + [chr(256 + i) for i in range(256 - len(keep))]
    lines = pathlib.Path(merges).read_text(encoding="utf8").split("\n")
    pairs = [line for line in lines if line and not line.startswith("#version")]
    words = alphabet + [c + "</w>" for c in alphabet] + ["".join(p.split()) for p in pairs]
    words += ["<|startoftext|>", "<|endoftext|>"]
    assert len(words) == VOCABULARY
    settings = {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}), encoding="utf8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n", encoding="utf8")
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return transformers.CLIPTokenizer.from_pretrained(name, local_files_only=True)
