"""The client for ordinary code: plain sockets, an iterator for a job's events."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from . import _job_messages, _messages
from ._address import (
    DEFAULT_ADDRESS,
    TCPAddress,
    UnixAddress,
    parse_address,
    set_options,
    unreachable,
)
from ._calls import Call, CallState, Method, checked_token
from ._deadline import Deadline, checked_timeout
from ._following import Following, FollowingAll, Patience, Persistence
from .errors import (
    ConnectionLost,
    DeadlineExceeded,
    RefineryError,
    client_closed,
    is_for_now,
    protocol_error,
)
from .events import Event, Image, JobState, Progress
from .jobs import ImageChunk, Job, Outcome
from .parameters import Branch, GenerateOptions, PictureOptions, ResumeOptions
from .server import Health, Model, ServerInfo, ServerStats

if TYPE_CHECKING:
    from typing_extensions import Unpack

Result = TypeVar("Result")

_READ_BYTE_COUNT = 1 << 16


class Client:
    """A Refinery server, seen from ordinary code.

    ``address`` is "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". ``timeout`` limits, in seconds,
    connecting and every short call (None: no limit); ``generate`` and ``watch`` have their own.
    ``token`` is what the server asks for, if it asks. ``reconnect`` is how many seconds a server
    that was lost is tried again before a call fails; events then go on where they broke off.
    ``retry`` is how many seconds a call is made again that the server refuses for now (its queue is
    full, too many calls, it is stopping), never sooner than it asks (``retry_after_ms``); by itself
    not at all.

    Every call has its own connection, made at once and closed at its end, so threads may share a
    client. Closing the client cancels the calls that are under way.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout: float | None = 10,
        token: str | None = None,
        reconnect: float = 60,
        retry: float = 0,
    ) -> None:
        self._address = parse_address(address)
        self._timeout = checked_timeout(timeout)
        self._token = checked_token(token)
        self._persistence = Persistence(reconnect, retry)
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._closed = threading.Event()

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
            self._closed.set()
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
        the generator; ``timeout`` limits the whole job. A job with ``detach`` outlives a lost
        connection, and any job a restart of a server that keeps jobs: the events then go on.
        """
        following = Following.of_generate(positive_prompt, options, self._persistence, timeout)
        return self._follow(following, timeout)

    def generate_image(
        self,
        positive_prompt: str,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Image:
        """Makes pictures and returns the last one. What ``on_progress`` raises cancels the job."""
        with closing(self._images(positive_prompt, on_progress, timeout, options)) as images:
            for image in images:
                last = image
        return last  # there is one: a stream that ends without is an error

    def compare(
        self,
        positive_prompt: str,
        *,
        branches: Sequence[Branch],
        on_progress: Callable[[Progress], None] | None = None,
        timeout: float | None = None,
        **options: Unpack[PictureOptions],
    ) -> list[list[Image]]:
        """Makes the same pictures with several endings, and the base's steps once. Returns them
        by branch, as ``branches`` has them, then by seed; a job that somebody cuts short lacks
        some. ``generate`` with ``branches`` gives each picture as soon as it is finished."""
        every = _messages.with_branches(options, branches)
        with closing(self._images(positive_prompt, on_progress, timeout, every)) as images:
            return _messages.by_branch(images, branches)

    def submit(self, positive_prompt: str, **options: Unpack[GenerateOptions]) -> Job:
        """Hands a job in. It goes on whatever becomes of this client; ``watch`` follows it."""
        options = _messages.with_request_id(options)
        payload = _messages.generate_request(positive_prompt, options)
        return self._ask_again(_job_messages.SUBMIT, payload)

    def watch(
        self, job_id: str, *, after_sequence: int = 0, timeout: float | None = None
    ) -> Generator[Event, None, None]:
        """A job's events: what still counts of those after ``after_sequence`` (0: of all), then
        what comes, to the job's end; raises as ``generate`` does. Leaving it changes nothing for
        the job."""
        following = Following.of_watch(job_id, after_sequence, self._persistence, timeout)
        return self._follow(following, timeout)

    def watch_all(self, *, timeout: float | None = None) -> Generator[Event, None, None]:
        """The events of all jobs, without an end: how each stands, then what comes. Images come
        without their PNG, and each job's end as Ended. After a lost connection the standing is
        told again."""
        checked_timeout(timeout)
        return self._follow(FollowingAll(self._persistence), timeout)

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return self._ask(_job_messages.GET_JOB, _job_messages.job_reference(job_id))

    def jobs(
        self, *, states: Iterable[JobState] = (), model: str | None = None
    ) -> Generator[Job, None, None]:
        """The jobs in these states (none: in any) with this base model or refiner, the newest
        first, fetched in pages as they are asked for."""
        states, page_token = tuple(states), ""
        while True:
            request = _job_messages.list_request(states, model, page_token)
            page, page_token = self._ask(_job_messages.LIST_JOBS, request)
            yield from page
            if not page_token:
                return

    def cancel(self, job_id: str, outcome: Outcome = Outcome.DISCARD) -> Job:
        """Ends a job, before its next step. One that has ended stays as it is."""
        return self._ask(_job_messages.CANCEL_JOB, _job_messages.cancel_request(job_id, outcome))

    def resume(self, job_id: str, **options: Unpack[ResumeOptions]) -> Job:
        """Makes a job that goes on from a paused one, which stays and may be resumed again;
        ``watch`` follows it. Its picture is that of the request run from the start."""
        options = _messages.with_request_id(options)
        request = _job_messages.resume_request(job_id, options)
        return self._ask_again(_job_messages.RESUME_JOB, request)

    def read_image(self, job_id: str, image_index: int = 0) -> bytes:
        """A finished image's PNG, fetched in pieces, across lost connections too, and checked."""
        reading = _job_messages.Reading()
        while True:
            request = _job_messages.read_request(job_id, image_index, reading.offset, 0)
            png = reading.take(self._ask_again(_job_messages.READ_IMAGE, request))
            if png is not None:
                return png

    def read_image_chunk(
        self, job_id: str, image_index: int = 0, *, offset: int = 0, byte_count: int = 0
    ) -> ImageChunk:
        """Part of a finished image's PNG, at most 3 MiB; a ``byte_count`` of 0 is as many as there
        are, up to that."""
        request = _job_messages.read_request(job_id, image_index, offset, byte_count)
        return self._ask(_job_messages.READ_IMAGE, request)

    def upload(self, picture: bytes) -> str:
        """Sends a PNG file; returns its name for ``seed_image`` and ``mask_image``."""
        sha256, offset = _messages.digest(picture), 0
        for _ in _messages.upload_attempts(picture):
            request = _messages.upload_request(picture, sha256, offset)
            name, offset = self._ask(_messages.UPLOAD_IMAGE, request)
            if name is not None:
                return name
        raise protocol_error("the server does not take in the picture")

    def authenticate(self) -> str:
        """Asks whether the server takes the client's token, and as whose: the tenant's name, empty
        where the server does not tell its callers apart. All calls bring the token without it."""
        request = _messages.authenticate_request(self._token)
        return self._ask(_messages.AUTHENTICATE, request)

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

    def _images(
        self,
        positive_prompt: str,
        on_progress: Callable[[Progress], None] | None,
        timeout: float | None,
        options: GenerateOptions,
    ) -> Generator[Image, None, None]:
        with closing(self.generate(positive_prompt, timeout=timeout, **options)) as events:
            for event in events:
                if isinstance(event, Progress) and on_progress is not None:
                    on_progress(event)
                elif isinstance(event, Image):
                    yield event

    def _follow(
        self, following: Following | FollowingAll, timeout: float | None
    ) -> Generator[Event, None, None]:
        deadline = Deadline(timeout)
        try:
            while True:
                try:
                    call = following.call(deadline.remaining(), self._token)
                    with closing(self._stream(call, deadline)) as events:
                        for event in events:
                            if following.takes(event):
                                yield event
                    return
                except RefineryError as error:
                    if following.has_ended:
                        return
                    delay = following.delay_after(error, self._closed.is_set())
                self._closed.wait(deadline.shortened(delay))
        finally:
            if (job_id := following.abandoned_job) is not None:
                with suppress(RefineryError):
                    request = _job_messages.cancel_request(job_id, Outcome.DISCARD)
                    self._ask_once(_job_messages.CANCEL_JOB, request, is_closing=True)

    def _ask(self, method: Method[Result], payload: bytes = b"") -> Result:
        patience = Patience(self._persistence.of_short_calls)
        return self._ask_with(patience, method, payload)

    def _ask_again(self, method: Method[Result], payload: bytes) -> Result:
        """For calls that may be made twice: a lost server is tried again."""
        return self._ask_with(Patience(self._persistence), method, payload)

    def _ask_with(self, patience: Patience, method: Method[Result], payload: bytes) -> Result:
        while True:
            try:
                return self._ask_once(method, payload)
            except RefineryError as error:
                delay = patience.delay_after(error, is_for_now(error))
            self._closed.wait(delay)

    def _ask_once(
        self, method: Method[Result], payload: bytes, *, is_closing: bool = False
    ) -> Result:
        call = Call(method, payload, self._timeout, token=self._token)
        stream = self._stream(call, Deadline(self._timeout), is_closing=is_closing)
        with closing(stream) as results:
            return next(results)

    def _stream(
        self, call: Call[Result], deadline: Deadline, *, is_closing: bool = False
    ) -> Generator[Result, None, None]:
        if self._closed.is_set() and not is_closing:
            raise client_closed()
        connection = _Connection(self._address, self._timeout, deadline)
        try:
            self._register(connection, is_closing)
            connection.send(call.request)
            while (result := call.poll()) is not CallState.ENDED:
                if isinstance(result, CallState):
                    call.feed(connection.receive())
                else:
                    yield result
        except ConnectionLost:
            if self._closed.is_set():
                raise client_closed() from None
            raise
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _register(self, connection: _Connection, is_closing: bool) -> None:
        with self._lock:
            if self._closed.is_set() and not is_closing:
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
