"""The client for asyncio: the same names as client.py's, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
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


class AsyncClient:
    """A Refinery server, seen from asyncio; everything as in ``Client``, awaited.

    Cancelling the task that waits for a call cancels the call, and with it a job.
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
        self._connections: set[_Connection] = set()
        self._is_closed = False

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels what is under way, also in other tasks, which then see Cancelled."""
        self._is_closed = True
        for connection in self._connections:
            connection.close()
        await asyncio.sleep(0)  # lets the transports close

    def generate(
        self,
        positive_prompt: str,
        *,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> AsyncGenerator[Event, None]:
        """Makes pictures and reports every step: Accepted, then Queued and Progress, HandedOff
        where the refiner takes over, and an Image for each picture, the last one with a summary.

        The job starts with the first event asked for. Leaving the loop cancels it soon, closing
        the generator (``contextlib.aclosing``) at once; ``timeout`` limits the whole job. A job
        with ``detach`` outlives a lost connection, and any job a restart of a server that keeps
        jobs: the events then go on.
        """
        following = Following.of_generate(positive_prompt, options, self._persistence, timeout)
        return self._follow(following, timeout)

    async def generate_image(
        self,
        positive_prompt: str,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Image:
        """Makes pictures and returns the last one. What ``on_progress`` raises cancels the job."""
        async with aclosing(self._images(positive_prompt, on_progress, timeout, options)) as images:
            async for image in images:
                last = image
        return last  # there is one: a stream that ends without is an error

    async def compare(
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
        async with aclosing(self._images(positive_prompt, on_progress, timeout, every)) as images:
            return _messages.by_branch([image async for image in images], branches)

    async def submit(self, positive_prompt: str, **options: Unpack[GenerateOptions]) -> Job:
        """Hands a job in. It goes on whatever becomes of this client; ``watch`` follows it."""
        options = _messages.with_request_id(options)
        payload = _messages.generate_request(positive_prompt, options)
        return await self._ask_again(_job_messages.SUBMIT, payload)

    def watch(
        self, job_id: str, *, after_sequence: int = 0, timeout: float | None = None
    ) -> AsyncGenerator[Event, None]:
        """A job's events: what still counts of those after ``after_sequence`` (0: of all), then
        what comes, to the job's end; raises as ``generate`` does. Leaving it changes nothing for
        the job."""
        following = Following.of_watch(job_id, after_sequence, self._persistence, timeout)
        return self._follow(following, timeout)

    def watch_all(self, *, timeout: float | None = None) -> AsyncGenerator[Event, None]:
        """The events of all jobs, without an end: how each stands, then what comes. Images come
        without their PNG, and each job's end as Ended. After a lost connection the standing is
        told again."""
        checked_timeout(timeout)
        return self._follow(FollowingAll(self._persistence), timeout)

    async def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return await self._ask(_job_messages.GET_JOB, _job_messages.job_reference(job_id))

    async def jobs(
        self, *, states: Iterable[JobState] = (), model: str | None = None
    ) -> AsyncGenerator[Job, None]:
        """The jobs in these states (none: in any) with this base model or refiner, the newest
        first, fetched in pages as they are asked for."""
        states, page_token = tuple(states), ""
        while True:
            request = _job_messages.list_request(states, model, page_token)
            page, page_token = await self._ask(_job_messages.LIST_JOBS, request)
            for job in page:
                yield job
            if not page_token:
                return

    async def cancel(self, job_id: str, outcome: Outcome = Outcome.DISCARD) -> Job:
        """Ends a job, before its next step. One that has ended stays as it is."""
        request = _job_messages.cancel_request(job_id, outcome)
        return await self._ask(_job_messages.CANCEL_JOB, request)

    async def resume(self, job_id: str, **options: Unpack[ResumeOptions]) -> Job:
        """Makes a job that goes on from a paused one, which stays and may be resumed again;
        ``watch`` follows it. Its picture is that of the request run from the start."""
        options = _messages.with_request_id(options)
        request = _job_messages.resume_request(job_id, options)
        return await self._ask_again(_job_messages.RESUME_JOB, request)

    async def read_image(self, job_id: str, image_index: int = 0) -> bytes:
        """A finished image's PNG, fetched in pieces, across lost connections too, and checked."""
        reading = _job_messages.Reading()
        while True:
            request = _job_messages.read_request(job_id, image_index, reading.offset, 0)
            png = reading.take(await self._ask_again(_job_messages.READ_IMAGE, request))
            if png is not None:
                return png

    async def read_image_chunk(
        self, job_id: str, image_index: int = 0, *, offset: int = 0, byte_count: int = 0
    ) -> ImageChunk:
        """Part of a finished image's PNG, at most 3 MiB; a ``byte_count`` of 0 is as many as there
        are, up to that."""
        request = _job_messages.read_request(job_id, image_index, offset, byte_count)
        return await self._ask(_job_messages.READ_IMAGE, request)

    async def upload(self, picture: bytes) -> str:
        """Sends a PNG file; returns its name for ``seed_image`` and ``mask_image``."""
        sha256, offset = _messages.digest(picture), 0
        for _ in _messages.upload_attempts(picture):
            request = _messages.upload_request(picture, sha256, offset)
            name, offset = await self._ask(_messages.UPLOAD_IMAGE, request)
            if name is not None:
                return name
        raise protocol_error("the server does not take in the picture")

    async def authenticate(self) -> str:
        """Asks whether the server takes the client's token, and as whose: the tenant's name, empty
        where the server does not tell its callers apart. All calls bring the token without it."""
        request = _messages.authenticate_request(self._token)
        return await self._ask(_messages.AUTHENTICATE, request)

    async def ping(self, payload: bytes = b"") -> float:
        """Sends ``payload`` there and back; returns the seconds it took, connecting included."""
        start = time.monotonic()
        if await self._ask(_messages.PING, _messages.ping_request(payload)) != payload:
            raise protocol_error("the server's answer to Ping is not what it was sent")
        return time.monotonic() - start

    async def server_info(self) -> ServerInfo:
        """The server's build, engine and limits."""
        return await self._ask(_messages.GET_INFO)

    async def server_stats(self) -> ServerStats:
        """The server's counts since its start."""
        return await self._ask(_messages.GET_STATS)

    async def models(self) -> tuple[Model, ...]:
        """The models on the server, also those that it cannot use, with the reason."""
        return await self._ask(_messages.LIST_MODELS)

    async def health(self, service: str = "") -> Health:
        """Whether the server, or one service of it, takes requests."""
        return await self._ask(_messages.CHECK_HEALTH, _messages.health_request(service))

    async def _images(
        self,
        positive_prompt: str,
        on_progress: Callable[[Progress], None] | None,
        timeout: float | None,
        options: GenerateOptions,
    ) -> AsyncGenerator[Image, None]:
        async with aclosing(self.generate(positive_prompt, timeout=timeout, **options)) as events:
            async for event in events:
                if isinstance(event, Progress) and on_progress is not None:
                    on_progress(event)
                elif isinstance(event, Image):
                    yield event

    async def _follow(
        self, following: Following | FollowingAll, timeout: float | None
    ) -> AsyncGenerator[Event, None]:
        deadline = Deadline(timeout)
        try:
            while True:
                try:
                    call = following.call(deadline.remaining(), self._token)
                    async with aclosing(self._stream(call, deadline)) as events:
                        async for event in events:
                            if following.takes(event):
                                yield event
                    return
                except RefineryError as error:
                    if following.has_ended:
                        return
                    delay = following.delay_after(error, self._is_closed)
                await asyncio.sleep(deadline.shortened(delay) or 0)
        finally:
            if (job_id := following.abandoned_job) is not None:
                with suppress(RefineryError):
                    request = _job_messages.cancel_request(job_id, Outcome.DISCARD)
                    await self._ask_once(_job_messages.CANCEL_JOB, request, is_closing=True)

    async def _ask(self, method: Method[Result], payload: bytes = b"") -> Result:
        patience = Patience(self._persistence.of_short_calls)
        return await self._ask_with(patience, method, payload)

    async def _ask_again(self, method: Method[Result], payload: bytes) -> Result:
        """For calls that may be made twice: a lost server is tried again."""
        return await self._ask_with(Patience(self._persistence), method, payload)

    async def _ask_with(self, patience: Patience, method: Method[Result], payload: bytes) -> Result:
        while True:
            try:
                return await self._ask_once(method, payload)
            except RefineryError as error:
                delay = patience.delay_after(error, is_for_now(error))
            await asyncio.sleep(delay)

    async def _ask_once(
        self, method: Method[Result], payload: bytes, *, is_closing: bool = False
    ) -> Result:
        call = Call(method, payload, self._timeout, token=self._token)
        stream = self._stream(call, Deadline(self._timeout), is_closing=is_closing)
        async with aclosing(stream) as results:
            return await anext(results)

    async def _stream(
        self, call: Call[Result], deadline: Deadline, *, is_closing: bool = False
    ) -> AsyncGenerator[Result, None]:
        if self._is_closed and not is_closing:
            raise client_closed()
        connection = await _Connection.open(self._address, self._timeout, deadline)
        try:
            if self._is_closed and not is_closing:
                raise client_closed()
            self._connections.add(connection)
            await connection.send(call.request)
            while (result := call.poll()) is not CallState.ENDED:
                if isinstance(result, CallState):
                    call.feed(await connection.receive())
                else:
                    yield result
        except ConnectionLost:
            if self._is_closed:
                raise client_closed() from None
            raise
        finally:
            # No await here: this also runs while the task is being cancelled.
            self._connections.discard(connection)
            connection.close()


class _Connection:
    """The streams of one call, within that call's deadline."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: Deadline
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._deadline = deadline

    @classmethod
    async def open(
        cls, address: TCPAddress | UnixAddress, timeout: float | None, deadline: Deadline
    ) -> _Connection:
        try:
            if isinstance(address, TCPAddress):
                opening = asyncio.open_connection(address.host, address.port)
            else:
                opening = asyncio.open_unix_connection(address.path)
            reader, writer = await asyncio.wait_for(opening, deadline.shortened(timeout))
        except asyncio.TimeoutError:
            raise unreachable(address, TimeoutError()) from None
        except (OSError, UnicodeError) as error:
            raise unreachable(address, error) from error
        set_options(writer.get_extra_info("socket"))
        return cls(reader, writer, deadline)

    async def send(self, data: bytes) -> None:
        limit = self._deadline.remaining()
        self._writer.write(data)
        try:
            await asyncio.wait_for(self._writer.drain(), limit)
        except (OSError, asyncio.TimeoutError) as error:
            # A server that hung up may have said why before: receiving tells.
            if isinstance(failure := self._deadline.failure(error), DeadlineExceeded):
                raise failure from None

    async def receive(self) -> bytes:
        """At least one byte, or none at the connection's end."""
        limit = self._deadline.remaining()
        try:
            return await asyncio.wait_for(self._reader.read(_READ_BYTE_COUNT), limit)
        except (OSError, asyncio.TimeoutError) as error:
            raise self._deadline.failure(error) from error

    def close(self) -> None:
        self._writer.transport.abort()
