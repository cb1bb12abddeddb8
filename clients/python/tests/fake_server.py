"""A server made of a script: it says what a test tells it to, byte for byte."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from refinery_client._proto import refinery_pb2, status_pb2, ttrpc_pb2

REQUEST, RESPONSE, DATA = 1, 2, 3
END_OF_STREAM = 0x05


def frame(type_: int, data: bytes = b"", flags: int = 0, stream: int = 1) -> bytes:
    return struct.pack(">IIBB", len(data), stream, type_, flags) + data


def event(sequence: int = 1, **content: object) -> bytes:
    """A Data frame with one event: event(2, queued={"place": 1})."""
    message = refinery_pb2.Event(job_id="job", sequence=sequence, time_ms=7, **content)
    return frame(DATA, message.SerializeToString())


def reply(payload: bytes = b"", status: status_pb2.Status | None = None, stream: int = 1) -> bytes:
    """A Response frame."""
    message = ttrpc_pb2.Response(payload=payload, status=status)
    return frame(RESPONSE, message.SerializeToString(), stream=stream)


def failure(
    code: int, message: str, detail: refinery_pb2.ErrorDetail | None = None, url: str | None = None
) -> bytes:
    """A Response frame with an error status."""
    status = status_pb2.Status(code=code, message=message)
    if detail is not None:
        status.details.add(
            type_url=url or "type.googleapis.com/refinery.v1.ErrorDetail",
            value=detail.SerializeToString(),
        )
    return reply(status=status)


END = frame(DATA, flags=END_OF_STREAM)
SUMMARY = {"base_steps": 2, "refiner_steps": 1, "total_seconds": 1.5}
PICTURE = {"png": b"\x89PNG", "width": 64, "height": 32, "seed": 5, "image_count": 1}
# A two-stage job in full, as a list of frames.
TWO_STAGES = [
    event(
        1,
        accepted={
            "model": "base",
            "refiner_model": "refiner",
            "size": {"height": 32, "width": 64},
            "seeds": [5],
            "scheduler": "Euler",
            "spacing": "leading",
            "timesteps": [667, 334, 1],
            "sigmas": [3, 1, 0.1, 0],
            "base_steps": 2,
            "refiner_steps": 1,
            "handoff": {"step": 3, "percentage": 66.7, "timestep": 1, "sigma": 0.1},
            "advice": ["Take more steps."],
        },
    ),
    event(2, queued={"place": 1, "eta_seconds": 0}),
    event(3, progress={"phase": 1, "steps": 3, "phase_step": 1, "phase_steps": 1}),
    event(4, progress={"phase": 3, "step": 1, "steps": 3, "phase_step": 1, "phase_steps": 2}),
    event(6, progress={"phase": 3, "step": 2, "steps": 3, "phase_step": 2, "phase_steps": 2}),
    event(7, handed_off={"handoff": {"step": 3}, "latents_sha256": b"\x01\x02"}),
    event(8, progress={"phase": 4, "step": 3, "steps": 3, "phase_step": 1, "phase_steps": 1}),
    event(9, progress={"phase": 5, "step": 3, "steps": 3, "eta_seconds": 0.5}),
    event(10, image={**PICTURE, "summary": SUMMARY}),
    END,
]

# Two seeds in two endings each, asked for as the base alone and a refiner: the base goes from
# handoff to handoff, so the refiner's comes first.
FOUR = {**PICTURE, "image_count": 4}
TWO_BRANCHES = [
    event(
        1,
        accepted={
            "model": "base",
            "refiner_model": "refiner",
            "size": {"height": 32, "width": 64},
            "seeds": [5, 6],
            "base_steps": 2,
            "refiner_steps": 1,
            "handoff": {"step": 3},
            "branches": [
                {
                    "index": 1,
                    "refiner_model": "refiner",
                    "base_steps": 2,
                    "refiner_steps": 1,
                    "handoff": {"step": 3},
                    "fingerprint": "both",
                },
                {"index": 0, "base_steps": 3, "advice": ["Refine it."], "fingerprint": "base"},
            ],
        },
    ),
    event(2, progress={"phase": 3, "step": 2, "steps": 3, "branch": 1, "job_step": 2}),
    event(3, handed_off={"handoff": {"step": 3}, "branch": 1}),
    event(4, progress={"phase": 4, "step": 3, "steps": 3, "branch": 1, "job_step": 3}),
    event(5, image={**FOUR, "png": b"refined 5", "branch": 1}),
    event(6, progress={"phase": 3, "step": 3, "steps": 3, "branch": 0, "job_step": 4}),
    event(7, image={**FOUR, "png": b"alone 5", "image_index": 1, "branch": 0}),
    event(8, image={**FOUR, "png": b"refined 6", "image_index": 2, "branch": 1}),
    event(
        9,
        image={
            **FOUR,
            "png": b"alone 6",
            "image_index": 3,
            "branch": 0,
            "summary": {
                **SUMMARY,
                "base_evaluations": 6,
                "refiner_evaluations": 2,
                "shared_evaluations": 4,
            },
        },
    ),
    END,
]


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.hung_up = threading.Event()

    def read_request(self) -> ttrpc_pb2.Request:
        byte_count, stream, type_, _ = struct.unpack(">IIBB", self._read(10))
        assert (stream, type_) == (1, REQUEST)
        return ttrpc_pb2.Request.FromString(self._read(byte_count))

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait_until_hung_up(self) -> None:
        # A reset is a client's hanging up too: it had not read everything.
        with contextlib.suppress(ConnectionResetError):
            assert self._connection.recv(1) == b"", "the client sent more than its request"
        self.hung_up.set()

    def _read(self, byte_count: int) -> bytes:
        data = b""
        while len(data) < byte_count:
            more = self._connection.recv(byte_count - len(data))
            assert more, "the client hung up"
            data += more
        return data


class FakeServer:
    """Runs ``script`` for every connection, each in a thread of its own, then closes it.

    What a script raises is raised again at the end of the ``with`` block.
    """

    def __init__(self, script: Callable[[Peer], None], listener: socket.socket | None = None):
        self._script = script
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self.peers: list[Peer] = []

    @property
    def address(self) -> str:
        name = self._listener.getsockname()
        return f"unix:{name}" if isinstance(name, str) else f"{name[0]}:{name[1]}"

    def __enter__(self) -> FakeServer:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a script does not end"
        self._listener.close()
        if error is None and self._errors:
            raise self._errors[0]

    def _start(self, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the end
                return
            connection.settimeout(10)
            peer = Peer(connection)
            self.peers.append(peer)
            self._start(lambda connection=connection, peer=peer: self._serve(connection, peer))

    def _serve(self, connection: socket.socket, peer: Peer) -> None:
        with connection:
            try:
                self._script(peer)
            except ConnectionError:
                pass  # a client may leave before it has heard all
            except BaseException as error:
                self._errors.append(error)


def answering(*frames: bytes) -> Callable[[Peer], None]:
    """A script that reads a request and sends these."""

    def script(peer: Peer) -> None:
        peer.read_request()
        for data in frames:
            peer.send(data)

    return script


def holding(frames: Iterable[bytes]) -> Callable[[Peer], None]:
    """A script that reads a request, sends these, and waits for the client to hang up."""
    data = b"".join(frames)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)
        peer.wait_until_hung_up()

    return script
