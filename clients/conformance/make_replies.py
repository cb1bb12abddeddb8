#!/usr/bin/env python3
"""Makes replies.json: what a server may send, to the byte, and what a client is to make of it.

    clients/python/.venv/bin/python clients/conformance/make_replies.py [--check]

The events' letters are those of scenarios.json. Every reply is of Generate on stream 1; after it the
peer hangs up.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "python" / "src"), str(HERE.parent / "python" / "tests")]

from fake_server import DATA, END, TWO_STAGES, event, failure, frame, reply  # noqa: E402

from refinery_client._proto import refinery_pb2, ttrpc_pb2  # noqa: E402

TARGET = HERE / "replies.json"
UNKNOWN = bytes.fromhex("f2ff7f03616263")  # a field of the future, number 262142, of three bytes


def with_unknown_fields(data: bytes) -> bytes:
    """The frame, with a field of the future in its event and in the event's content."""
    message = refinery_pb2.Event.FromString(data[10:])
    content = getattr(message, message.WhichOneof("content"))
    content.MergeFromString(UNKNOWN)
    return frame(DATA, message.SerializeToString() + UNKNOWN)


def last_with_data() -> bytes:
    """The last message in the frame that closes, as other ttrpc servers have it."""
    return frame(DATA, TWO_STAGES[8][10:], flags=1)


BROKEN_DETAIL = failure(3, "no", refinery_pb2.ErrorDetail(code="c")).replace(b"\x0a\x01c", b"\x0a\x09c")
FOREIGN_DETAIL = failure(3, "no", refinery_pb2.ErrorDetail(code="c"), url="example/Other")
DETAIL = refinery_pb2.ErrorDetail(code="invalidSteps", fields=["steps"])
BUSY = refinery_pb2.ErrorDetail(code="tooManyCalls", retryable=True, retry_after_ms=1500)
ALL = "aqtbbhrdI"
STAGES = TWO_STAGES[:-1]

REPLIES = [
    ("two stages", TWO_STAGES, ALL, "OK"),
    ("fields of the future", [with_unknown_fields(data) for data in STAGES] + [END], ALL, "OK"),
    (
        "an event of the future",
        [STAGES[0], frame(DATA, b"\x0a\x03job\x10\x02" + UNKNOWN), *TWO_STAGES[2:]],
        "atbbhrdI",
        "OK",
    ),
    (
        "frames of the future and of others",
        [frame(9, b"what?"), frame(DATA, b"\xff", stream=3), *STAGES, frame(DATA, flags=0xF5)],
        ALL,
        "OK",
    ),
    ("a last message in the frame that closes", [*TWO_STAGES[:8], last_with_data()], ALL, "OK"),
    ("a response with status 0 as the end", [*STAGES, reply()], ALL, "OK"),
    ("an error before the first event", [failure(3, "no", DETAIL)], "", "INVALID_ARGUMENT"),
    ("an error after some", [*TWO_STAGES[:3], failure(13, "no")], "aqt", "INTERNAL"),
    ("an error that says when to come back", [failure(8, "no", BUSY)], "", "RESOURCE_EXHAUSTED"),
    ("an error without a detail", [failure(5, "no")], "", "NOT_FOUND"),
    ("an error with another's detail", [FOREIGN_DETAIL], "", "INVALID_ARGUMENT"),
    ("an error with a broken detail", [BROKEN_DETAIL], "", "INVALID_ARGUMENT"),
    ("an end without the picture", [*TWO_STAGES[:4], END], "aqtb", "broken"),
    ("an event that is none", [STAGES[0], frame(DATA, b"\xff\xff")], "a", "broken"),
    ("a frame that is too long", [b"\x00\x40\x00\x01\x00\x00\x00\x01\x03\x00"], "", "broken"),
    ("another protocol", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "", "broken"),
    ("nothing", [], "", "lost"),
    ("a connection that breaks off between events", TWO_STAGES[:4], "aqtb", "lost"),
    ("one that breaks off in a frame", [*TWO_STAGES[:3], STAGES[3][:14]], "aqt", "lost"),
    ("one that breaks off in a header", [*TWO_STAGES[:3], STAGES[3][:4]], "aqt", "lost"),
]


def main() -> int:
    assert ttrpc_pb2.Response.FromString(BROKEN_DETAIL[10:]).status.code == 3
    entries = [
        {"name": name, "bytes": b"".join(data).hex(), "events": events, "outcome": outcome}
        for name, data, events, outcome in REPLIES
    ]
    for entry in entries:
        if entry["outcome"] == "RESOURCE_EXHAUSTED":
            entry["retry_after_ms"] = BUSY.retry_after_ms
    text = json.dumps(entries, indent=1)
    if "--check" in sys.argv:
        return 0 if TARGET.read_text() == text + "\n" else 1
    TARGET.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
