#!/usr/bin/env python3
"""Writes the transcripts beside it, with Google's protobuf library and not with ours.

Needs protoc and the Python package protobuf. Run it from anywhere after a change of the schema or of
an error's words, then read the difference.
"""

import struct
import subprocess
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HERE = Path(__file__).parent
PROTO = HERE.parent.parent / "Proto"
FILES = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]


def load_schema():
    with tempfile.NamedTemporaryFile() as output:
        subprocess.run(
            ["protoc", "-I", PROTO, "--include_imports", "--descriptor_set_out", output.name, *FILES],
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(Path(output.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


POOL = load_schema()


def message(name, **fields):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))(**fields)


def ours(name, **fields):
    return message("refinery.v1." + name, **fields)


# Taking a message apart: lines of (bytes, comment).


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def quoted(data):
    printable = all(32 <= byte < 127 and byte != ord('"') for byte in data)
    return f'"{data.decode()}"' if data and printable else data.hex(" ")


def payload_type(field, inner):
    """The message that a field holds, also where the schema only says bytes."""
    if field.full_name in ("ttrpc.Request.payload", "ttrpc.Response.payload"):
        return inner
    if field.full_name == "google.rpc.Any.value":
        return POOL.FindMessageTypeByName("refinery.v1.ErrorDetail")
    return field.message_type


def dissect(data, type_, inner, depth=1):
    lines = []
    indent = "  " * depth
    at = 0
    while at < len(data):
        start = at
        tag, at = read_varint(data, at)
        field = type_.fields_by_number[tag >> 3]
        if tag & 7 == 0:
            value, at = read_varint(data, at)
            if field.enum_type:
                value = field.enum_type.values_by_number[value].name
            lines.append((indent + data[start:at].hex(" "), f"{field.name} {value}"))
        elif tag & 7 == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
            lines.append((indent + data[start:at].hex(" "), f"{field.name} {value:g}"))
        else:
            count, at = read_varint(data, at)
            head, body = indent + data[start:at].hex(" "), data[at : at + count]
            at += count
            nested = payload_type(field, inner)
            if nested:
                lines.append((head, f"{field.name}, {count} bytes"))
                lines += dissect(body, nested, inner, depth + 1)
            elif field.type == field.TYPE_DOUBLE:
                lines.append((head, f"{field.name}, packed"))
                for (value,) in struct.iter_unpack("<d", body):
                    lines.append((indent + "  " + struct.pack("<d", value).hex(" "), f"{value:g}"))
            elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
                lines.append((f"{head}  {quoted(body)}".rstrip(), field.name))
            else:
                lines.append((f"{head}  {body.hex(' ')}", f"{field.name}, packed"))
    return lines


# Frames.

TYPES = {1: "Request", 2: "Response", 3: "Data"}


def written(direction, lines):
    return "".join(f"{direction} {data:<58} # {comment}\n" for data, comment in lines)


def header(stream, type_, flags, count):
    data = struct.pack(">IIBB", count, stream, type_, flags)
    parts = (data[:4], data[4:8], data[8:9], data[9:])
    comment = f"{TYPES[type_]}, stream {stream}, flags {flags:#04x}, {count} bytes"
    return "  ".join(part.hex(" ") for part in parts), comment


def frame(direction, stream, type_, flags, envelope=None, inner=None):
    payload = envelope.SerializeToString() if envelope else b""
    lines = [header(stream, type_, flags, len(payload))]
    if envelope:
        lines += dissect(payload, envelope.DESCRIPTOR, inner and inner.DESCRIPTOR)
    return written(direction, lines)


def request(stream, method, body=None, flags=0, metadata=()):
    service, name = method.split("/")
    entries = [message("ttrpc.KeyValue", key=key, value=value) for key, value in metadata]
    envelope = message("ttrpc.Request", service=service, method=name, metadata=entries)
    if body:
        envelope.payload = body.SerializeToString()
    return frame(">", stream, 1, flags, envelope, body)


def reply(stream, body):
    envelope = message("ttrpc.Response", payload=body.SerializeToString())
    return frame("<", stream, 2, 0, envelope, body)


def error(stream, status, code, text, fields=()):
    detail = message(
        "google.rpc.Any",
        type_url="type.googleapis.com/refinery.v1.ErrorDetail",
        value=ours("ErrorDetail", code=code, fields=fields).SerializeToString(),
    )
    status = message("google.rpc.Status", code=status, message=text, details=[detail])
    return frame("<", stream, 2, 0, message("ttrpc.Response", status=status))


def oversized(count):
    return written(">", [header(1, 1, 0, count), (f"  00*{count}", "zeros")])


# The conversations.

GENERATE = "refinery.v1.ImageGeneration/Generate"
PING = "refinery.v1.Server/Ping"
HELLO = ours("PingMessage", payload=b"hello")
HANDOFF = ours("Handoff", step=9, percentage=80, timestep=101, sigma=0.5)


def generate_request(**start):
    return ours(
        "GenerateRequest",
        request_id="r-1",
        positive_prompt="a lake",
        negative_prompt="",
        model="base",
        width=64,
        height=64,
        steps=10,
        scheduler="Euler",
        seed=42,
        cfg_scale=7.5,
        refiner=ours("Refiner", model="refiner", **start),
    )


def event(sequence, **content):
    return ours(
        "Event", job_id="j-1", sequence=sequence, time_ms=1700000000000 + sequence, **content
    )


ACCEPTED = event(
    1,
    accepted=ours(
        "Accepted",
        model="base",
        refiner_model="refiner",
        size=ours("Size", height=64, width=64),
        seeds=[42],
        scheduler="Euler",
        spacing="leading",
        timesteps=[901, 101],
        sigmas=[9.5, 0.5, 0],
        base_steps=8,
        refiner_steps=2,
        handoff=HANDOFF,
        advice=["Fewer than 3 refiner steps."],
    ),
)
QUEUED = event(2, queued=ours("Queued", place=1, eta_seconds=2.5))
PROGRESS = event(
    3,
    progress=ours(
        "Progress",
        phase="BASE",
        step=1,
        steps=10,
        phase_step=1,
        phase_steps=8,
        timestep=901,
        sigma=9.5,
        step_seconds=0.25,
        elapsed_seconds=0.5,
        eta_seconds=2.25,
        image_count=1,
    ),
)
HANDED_OFF = event(
    4, handed_off=ours("HandedOff", handoff=HANDOFF, latents_sha256=bytes(range(32)))
)
IMAGE = event(
    6,
    image=ours(
        "Image",
        png=b"\x89PNG\r\n\x1a\n",
        width=64,
        height=64,
        seed=42,
        sha256=bytes(range(32, 64)),
        image_count=1,
        summary=ours(
            "Summary",
            base_steps=8,
            refiner_steps=2,
            text_encoding_seconds=0.125,
            base_seconds=2,
            refiner_seconds=0.5,
            decoding_seconds=0.25,
            total_seconds=2.875,
        ),
    ),
)


def data(body):
    return frame("<", 1, 3, 0, body)


def unknown(stream, method):
    text = f"There is no method {method} here. The .proto files list all there are."
    return request(stream, method) + "\n" + error(stream, 12, "unknownMethod", text)


def too_large(count, limit):
    text = f"The message has {count} bytes with its envelope; at most {limit} are taken. Send less."
    return oversized(count) + "\n" + error(1, 8, "valueTooLarge", text)


def write(name, title, *frames):
    (HERE / f"{name}.txt").write_text(
        f"# {title}\n"
        "#\n"
        '# > is what the client sends, < what the server sends; bytes are in hex or as "ASCII", and\n'
        "# 00*5 is five zeros. Made with make_transcripts.py.\n\n" + "\n".join(frames)
    )


write("ping", "Ping: one Request, one Response.", request(1, PING, HELLO), reply(1, HELLO))
write(
    "health",
    "Health: the standard gRPC check, over ttrpc.",
    request(
        1,
        "grpc.health.v1.Health/Check",
        message("grpc.health.v1.HealthCheckRequest", service="refinery.v1.ImageGeneration"),
    ),
    reply(1, message("grpc.health.v1.HealthCheckResponse", status="SERVING")),
)
write(
    "generate",
    "Generate: a Request that says (flags 0x01) that no Data follows it, the events in Data frames,\n"
    "# then the good end. negative_prompt is there and empty.",
    request(1, GENERATE, generate_request(start_step_percentage=80), 1),
    *map(data, [ACCEPTED, QUEUED, PROGRESS, HANDED_OFF, IMAGE]),
    frame("<", 1, 3, 5),
)
write(
    "error_before_start",
    "Generate refused: the only frame is a Response with a status.",
    request(1, GENERATE, generate_request(start_step=11), 1),
    error(
        1,
        3,
        "invalidRefinerStartStep",
        "refiner.startStep is 11: it must be from 2 to steps, which is 10.",
        ["refiner.startStep", "steps"],
    ),
)
write(
    "error_after_data",
    "Generate that fails after it began: a Response with a status in place of the good end.",
    request(1, GENERATE, generate_request(start_step_percentage=80), 1),
    data(ACCEPTED),
    data(PROGRESS),
    error(
        1, 13, "inferenceError", "The latents of step 2 (BASE) are not finite. Try another seed."
    ),
)
write(
    "unknown_method",
    "A method that is not there, then a service that is not there; the connection goes on.",
    unknown(1, "refinery.v1.Server/Reboot"),
    unknown(3, "no.such.Service/Ping"),
    request(5, PING, HELLO),
    reply(5, HELLO),
)
write(
    "message_in_data",
    "The message in Data, as clients with a streaming stub send it: Go opens with flags 0x02, Rust with\n"
    "# 0x06. The half-close may come after the answer, and is passed over; or with the message.",
    request(1, PING, flags=2),
    frame(">", 1, 3, 0, HELLO),
    reply(1, HELLO),
    frame(">", 1, 3, 5),
    request(3, PING, flags=6),
    frame(">", 3, 3, 1, HELLO),
    reply(3, HELLO),
)
write(
    "stream_ids",
    "Ids as Rust clients may send them, out of order; one that no client may open; one whose call is over,\n"
    "# once for another call and once for Data that nobody waits for.",
    request(5, PING, HELLO),
    reply(5, HELLO),
    request(3, PING, HELLO),
    reply(3, HELLO),
    request(2, PING, HELLO),
    error(
        2,
        3,
        "invalidStreamID",
        "stream 2 is even: clients open odd streams. Use the next odd number.",
    ),
    request(5, PING, HELLO),
    reply(5, HELLO),
    frame(">", 5, 3, 0, HELLO),
    error(
        5,
        3,
        "unexpectedData",
        "Data came for stream 5, which takes none: it is not open, or has its message.",
    ),
)
AUTHENTICATE = "refinery.v1.Server/Authenticate"
write(
    "authenticate",
    "Tokens, at a server whose alice has alice-0123456789 and bob bob-0123456789abcdef: a call without one;\n"
    "# Authenticate with one that is none, then with alice's; a call on the connection, which is hers from\n"
    "# then on; and one with a token of its own, bob's, which counts before the connection's.",
    request(1, PING, HELLO),
    error(
        1,
        16,
        "missingToken",
        'This server wants a token with each call: as the metadata "authorization: Bearer TOKEN", or given '
        "to refinery.v1.Server/Authenticate once on the connection.",
    ),
    request(3, AUTHENTICATE, ours("AuthenticateRequest", token="wrong-0123456789")),
    error(
        3,
        16,
        "invalidToken",
        "The token is none of this server's. Ask whoever runs it for yours.",
    ),
    request(5, AUTHENTICATE, ours("AuthenticateRequest", token="alice-0123456789")),
    reply(5, ours("AuthenticateResponse", tenant="alice")),
    request(7, PING, HELLO),
    reply(7, HELLO),
    request(9, PING, HELLO, metadata=[("authorization", "Bearer bob-0123456789abcdef")]),
    reply(9, HELLO),
)
for name, count, limit, what, when in (
    (
        "oversize_request",
        65537,
        65536,
        "A Request over the server's 64 KiB",
        "when the frame is whole: its envelope may say UploadImage, which may have 1 MiB.",
    ),
    (
        "oversize_frame",
        4194305,
        1048576,
        "A frame over ttrpc's 4 MiB",
        "as soon as the header is there; the body is thrown away as it arrives.",
    ),
):
    write(
        name,
        f"{what} costs its stream, not the connection.\n"
        f"# The answer comes {when}",
        too_large(count, limit),
        request(3, PING, HELLO),
        reply(3, HELLO),
    )
