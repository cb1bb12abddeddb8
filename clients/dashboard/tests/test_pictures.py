from __future__ import annotations

import json
import struct
import zlib

import pytest

from refinery_dashboard.pictures import Pictures, request_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def text(value: bytes, keyword: bytes = b"refinery", *, is_compressed: bool = False) -> bytes:
    head = keyword + b"\0" + bytes([is_compressed, 0]) + b"en\0\0"
    return chunk(b"iTXt", head + (zlib.compress(value) if is_compressed else value))


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_picture_says_what_was_asked_for(is_compressed: bool) -> None:
    facts = json.dumps({"request": {"positivePrompt": "a f\u00f6x"}}).encode()
    other = text(b"a fox", b"Prompt")
    png = SIGNATURE + other + text(facts, is_compressed=is_compressed) + chunk(b"IDAT", b"")
    assert request_of(png) == {"positivePrompt": "a f\u00f6x"}
    for end in range(len(png) - 12):
        request_of(png[:end])  # cut anywhere it may say nothing, but does not fail


@pytest.mark.parametrize(
    "png",
    [
        b"",
        b"GIF89a",
        SIGNATURE,
        SIGNATURE + text(b"{"),
        SIGNATURE + text(b"[]"),
        SIGNATURE + text(b'{"request": 1}'),
        SIGNATURE + text(b"\xff"),
        SIGNATURE + chunk(b"iTXt", b"refinery\0\1\0\0\0no zlib"),
        SIGNATURE + text(b'{"x":' * 3000),
        SIGNATURE + chunk(b"IDAT", b"") + text(b'{"request": {}}'),
    ],
)
def test_a_picture_that_says_nothing_is_no_error(png: bytes) -> None:
    assert request_of(png) is None


def test_the_pictures_used_last_are_kept() -> None:
    pictures = Pictures()
    large = bytes(50 << 20)
    pictures.put("a", large)
    pictures.put("b", large)
    assert pictures.get("a") is not None
    pictures.put("c", large)
    assert pictures.get("b") is None
    assert pictures.get("a") is pictures.get("c") is large


def test_of_previews_the_latest_is_kept_until_it_is_dropped() -> None:
    pictures = Pictures()
    assert pictures.preview("fox") is None
    pictures.set_preview("fox", b"1")
    pictures.set_preview("fox", b"2")
    pictures.set_preview("owl", b"3")
    assert pictures.preview("fox") == b"2"
    pictures.drop_preview("fox")
    pictures.drop_preview("fox")
    assert pictures.preview("fox") is None
    assert pictures.preview("owl") == b"3"
