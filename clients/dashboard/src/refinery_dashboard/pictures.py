"""Pictures on their way to the pages, and what the finished ones' files say of themselves."""

from __future__ import annotations

import json
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

_BYTE_COUNT_MAXIMUM = 128 << 20
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The server's text is a few KiB: a request and its plan.
_TEXT_BYTE_COUNT_MAXIMUM = 1 << 20


class Pictures:
    """The pictures used last, 128 MiB of them, by the SHA-256 of the file in hex; and the latest
    preview of each job at work."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._byte_count = 0
        self._previews: dict[str, bytes] = {}

    def get(self, sha256: str) -> bytes | None:
        if sha256 in self._pictures:
            self._pictures.move_to_end(sha256)
        return self._pictures.get(sha256)

    def put(self, sha256: str, png: bytes) -> None:
        if sha256 in self._pictures:
            return
        self._pictures[sha256] = png
        self._byte_count += len(png)
        while self._byte_count > _BYTE_COUNT_MAXIMUM and len(self._pictures) > 1:
            _, oldest = self._pictures.popitem(last=False)
            self._byte_count -= len(oldest)

    def preview(self, job_id: str) -> bytes | None:
        return self._previews.get(job_id)

    def set_preview(self, job_id: str, png: bytes) -> None:
        self._previews[job_id] = png

    def drop_preview(self, job_id: str) -> None:
        self._previews.pop(job_id, None)


def request_of(png: bytes) -> dict[str, Any] | None:
    """The request that made a picture of ours, from its text; None where it does not say."""
    for kind, data in _chunks(png):
        if kind == b"IDAT":
            return None
        if kind == b"iTXt" and data.startswith(b"refinery\0"):
            try:
                facts = json.loads(_international_text(data))
            except (ValueError, RecursionError, zlib.error):
                return None
            request = facts.get("request") if isinstance(facts, dict) else None
            return request if isinstance(request, dict) else None
    return None


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = len(_SIGNATURE)
    while png.startswith(_SIGNATURE) and offset + 12 <= len(png):
        (byte_count,) = struct.unpack_from(">I", png, offset)
        yield png[offset + 4 : offset + 8], png[offset + 8 : offset + 8 + byte_count]
        offset += 12 + byte_count


def _international_text(data: bytes) -> str:
    """keyword 0 flag method language 0 translation 0 text: see the PNG specification, iTXt."""
    _, _, rest = data.partition(b"\0")
    is_compressed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.split(b"\0", 2)[-1]
    if is_compressed:
        text = zlib.decompressobj().decompress(text, _TEXT_BYTE_COUNT_MAXIMUM)
    return text.decode()
