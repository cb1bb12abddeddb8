"""Files that the tests hand to the server: a picture and a LoRA."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

LORA = "oil"
_LAYER = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
_LAYER_WIDTH = 32
_RANK = 4


def write_lora(folder: Path) -> None:
    """For one layer of the built-in base model."""
    tensors = {
        f"{_LAYER}.lora_down.weight": [_RANK, _LAYER_WIDTH],
        f"{_LAYER}.lora_up.weight": [_LAYER_WIDTH, _RANK],
    }
    header, data = {}, b""
    for name, shape in tensors.items():
        values = struct.pack(f"<{shape[0] * shape[1]}f", *[0.1] * (shape[0] * shape[1]))
        offsets = [len(data), len(data) + len(values)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += values
    text = json.dumps(header).encode()
    (folder / f"{LORA}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_picture(path: Path, width: int, height: int) -> Path:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\0" + b"\x40\x80\xc0" * width) * height
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path
