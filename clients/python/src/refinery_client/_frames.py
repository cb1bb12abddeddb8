"""ttrpc's frames: a 10-byte header (data length, stream id, type, flags; big-endian) and data.

No I/O: bytes go in, frames come out.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

from .errors import ResourceExhausted, Status, protocol_error

_HEADER = struct.Struct(">IIBB")
# What PROTOCOL.md allows a frame to carry.
DATA_BYTE_LIMIT = 4 << 20


class FrameType(IntEnum):
    REQUEST = 1
    RESPONSE = 2
    DATA = 3


class FrameFlags(IntFlag):
    REMOTE_CLOSED = 1
    REMOTE_OPEN = 2
    NO_DATA = 4


class Frame(NamedTuple):
    """``type`` and ``flags`` are plain numbers: a newer peer may send ones not known here."""

    stream: int
    type: int
    flags: int
    data: bytes


def encode_frame(frame: Frame) -> bytes:
    """The frame's bytes. Raises ResourceExhausted, as a server would, for too much data."""
    if len(frame.data) > DATA_BYTE_LIMIT:
        raise ResourceExhausted(
            f"the request is {len(frame.data)} bytes long; at most {DATA_BYTE_LIMIT} are allowed",
            Status.RESOURCE_EXHAUSTED,
            "valueTooLarge",
        )
    return _HEADER.pack(len(frame.data), frame.stream, frame.type, frame.flags) + frame.data


class FrameDecoder:
    """Collects bytes, however they were cut, and gives back whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def is_inside_frame(self) -> bool:
        """Whether a frame has begun that is not complete."""
        return bool(self._buffer)

    def next_frame(self) -> Frame | None:
        """The next frame, or None when more bytes are needed. Raises ProtocolError for a length
        above the limit, before any of that data has to arrive."""
        # Every legal frame begins with 0: no need to wait for the rest of a foreign greeting.
        if self._buffer and self._buffer[0] != 0:
            raise protocol_error(
                "this is not a Refinery server: its answer begins with "
                f"{bytes(self._buffer[:16])!r}. Check the address"
            )
        if len(self._buffer) < _HEADER.size:
            return None
        byte_count, stream, type_, flags = _HEADER.unpack_from(self._buffer)
        if byte_count > DATA_BYTE_LIMIT:
            raise protocol_error(
                f"the server announced {byte_count} bytes in one frame; "
                f"at most {DATA_BYTE_LIMIT} are allowed"
            )
        end = _HEADER.size + byte_count
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            data = bytes(view[_HEADER.size : end])
        del self._buffer[:end]
        return Frame(stream, type_, flags, data)
