"""The client for ordinary code: plain sockets, an iterator for a job's events."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from . import _messages
from ._address import (
    DEFAULT_ADDRESS,
    TCPAddress,
    UnixAddress,
    parse_address,
    set_options,
    unreachable,
)
from ._calls import Call, CallState, Method
from ._deadline import Deadline, checked_timeout
from .errors import ConnectionLost, DeadlineExceeded, client_closed, protocol_error
from .events import Event, Image, Progress
from .parameters import GenerateOptions
from .server import Health, Model, ServerInfo, ServerStats

if TYPE_CHECKING:
    from typing_extensions import Unpack

Result = TypeVar("Result")

_READ_BYTE_COUNT = 1 << 16


class Client:
    """A Refinery server, seen from ordinary code.

    ``address`` is "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". ``timeout`` limits, in seconds,
    connecting and every short call (None: no limit); ``generate`` has its own.

    Every call has its own connection, made at once and closed at its end, so threads may share a
    client. Closing the client cancels the calls that are under way.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, *, timeout: float | None = 10) -> None:
        self._address = parse_address(address)
        self._timeout = checked_timeout(timeout)
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._is_closed = False

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what is under way, also in other threads, which then see Cancelled."""
        with self._lock:
            self._is_closed = True
            connections = list(self._connections)
        for connection in connections:
            connection.interrupt()

    def generate(
        self,
        positive_prompt: str,
        *,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Generator[Event, None, None]:
        """Makes pictures and reports every step: Accepted, then Queued and Progress, HandedOff
        where the refiner takes over, and an Image for each picture, the last one with a summary.

        The job starts with the first event asked for. Leaving the loop cancels it, as does closing
        the generator; ``timeout`` limits the whole job.
        """
        payload = _messages.generate_request(positive_prompt, options)
        return self._stream(Call(_messages.GENERATE, payload, timeout), timeout)

    def generate_image(
        self,
        positive_prompt: str,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Image:
        """Makes pictures and returns the last one. What ``on_progress`` raises cancels the job."""
        with closing(self.generate(positive_prompt, timeout=timeout, **options)) as events:
            for event in events:
                if isinstance(event, Progress) and on_progress is not None:
                    on_progress(event)
                elif isinstance(event, Image):
                    image = event
        return image  # there is one: a stream that ends without is an error

    def upload(self, picture: bytes) -> str:
        """Sends a PNG file; returns its name for ``seed_image`` and ``mask_image``."""
        sha256, offset = _messages.digest(picture), 0
        for _ in _messages.upload_attempts(picture):
            request = _messages.upload_request(picture, sha256, offset)
            name, offset = self._ask(_messages.UPLOAD_IMAGE, request)
            if name is not None:
                return name
        raise protocol_error("the server does not take in the picture")

    def ping(self, payload: bytes = b"") -> float:
        """Sends ``payload`` there and back; returns the seconds it took, connecting included."""
        start = time.monotonic()
        if self._ask(_messages.PING, _messages.ping_request(payload)) != payload:
            raise protocol_error("the server's answer to Ping is not what it was sent")
        return time.monotonic() - start

    def server_info(self) -> ServerInfo:
        """The server's build, engine and limits."""
        return self._ask(_messages.GET_INFO)

    def server_stats(self) -> ServerStats:
        """The server's counts since its start."""
        return self._ask(_messages.GET_STATS)

    def models(self) -> tuple[Model, ...]:
        """The models on the server, also those that it cannot use, with the reason."""
        return self._ask(_messages.LIST_MODELS)

    def health(self, service: str = "") -> Health:
        """Whether the server, or one service of it, takes requests."""
        return self._ask(_messages.CHECK_HEALTH, _messages.health_request(service))

    def _ask(self, method: Method[Result], payload: bytes = b"") -> Result:
        call = Call(method, payload, self._timeout)
        with closing(self._stream(call, self._timeout)) as results:
            return next(results)

    def _stream(self, call: Call[Result], timeout: float | None) -> Generator[Result, None, None]:
        if self._is_closed:
            raise client_closed()
        connection = _Connection(self._address, self._timeout, Deadline(timeout))
        try:
            self._register(connection)
            connection.send(call.request)
            while (result := call.poll()) is not CallState.ENDED:
                if isinstance(result, CallState):
                    call.feed(connection.receive())
                else:
                    yield result
        except ConnectionLost:
            if self._is_closed:
                raise client_closed() from None
            raise
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _register(self, connection: _Connection) -> None:
        with self._lock:
            if self._is_closed:
                raise client_closed()
            self._connections.add(connection)


class _Connection:
    """A socket of one call, within that call's deadline."""

    def __init__(
        self, address: TCPAddress | UnixAddress, timeout: float | None, deadline: Deadline
    ) -> None:
        self._deadline = deadline
        limit = deadline.shortened(timeout)
        try:
            if isinstance(address, TCPAddress):
                self._socket = socket.create_connection((address.host, address.port), limit)
                set_options(self._socket)
            else:
                self._socket = _connected_unix_socket(address.path, limit)
        except (OSError, UnicodeError) as error:
            raise unreachable(address, error) from error

    def send(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.remaining())
        try:
            self._socket.sendall(data)
        except OSError as error:
            # A server that hung up may have said why before: receiving tells.
            if isinstance(failure := self._deadline.failure(error), DeadlineExceeded):
                raise failure from None

    def receive(self) -> bytes:
        """At least one byte, or none at the connection's end."""
        self._socket.settimeout(self._deadline.remaining())
        try:
            return self._socket.recv(_READ_BYTE_COUNT)
        except OSError as error:
            raise self._deadline.failure(error) from error

    def interrupt(self) -> None:
        """Ends the connection for a thread that waits in ``receive``."""
        with suppress(OSError):  # already ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


def _connected_unix_socket(path: str, timeout: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection
