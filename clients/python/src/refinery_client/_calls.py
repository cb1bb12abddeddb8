"""One call to a server, from its request to its end, without any I/O.

A face (client.py with sockets, aio.py with asyncio) sends ``call.request`` and then polls: a result
is handed on, NEEDS_DATA is answered with ``feed``, ENDED ends the call. What fails is raised by
``poll`` after the results that came before it.

Each call has a connection of its own, as PROTOCOL.md recommends: a slow reader then holds up
nobody else, and closing the connection is what cancels a job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError

from ._deadline import checked_timeout
from ._frames import Frame, FrameDecoder, FrameFlags, FrameType, encode_frame
from ._proto.refinery_pb2 import ErrorDetail
from ._proto.status_pb2 import Status as WireStatus
from ._proto.ttrpc_pb2 import Request, Response
from .errors import (
    ConnectionLost,
    RefineryError,
    Status,
    connection_lost,
    error_of_status,
    protocol_error,
)

Result = TypeVar("Result")
Parsed = TypeVar("Parsed")

_ERROR_DETAIL_URL = "type.googleapis.com/refinery.v1.ErrorDetail"
_LONGEST_TIMEOUT_SECONDS = 1e9


@dataclass(frozen=True)
class Method(Generic[Result]):
    """An RPC. ``decode`` gives None for a message that means nothing to this client;
    ``completes`` says whether the stream may end after a result, ``may_be_empty`` whether it may
    without any."""

    service: str
    name: str
    streams: bool
    decode: Callable[[bytes], Result | None]
    completes: Callable[[Result], bool] = lambda result: True
    may_be_empty: bool = False


class CallState(Enum):
    """What ``Call.poll`` says when it has no result."""

    NEEDS_DATA = 1
    ENDED = 2


class Call(Generic[Result]):
    """The client's end of one call.

    It is open until it has ended, well or with an error; then it wants no more bytes. Wrong
    outcomes are of two kinds: the server's status, and a peer that breaks the protocol
    (ProtocolError). Ignored: frames of other streams, frame types and flags not known here, and
    messages that mean nothing to this client.
    """

    def __init__(
        self,
        method: Method[Result],
        payload: bytes,
        timeout: float | None = None,
        stream: int = 1,
        token: str | None = None,
    ) -> None:
        self._method = method
        self._stream = stream
        self._decoder = FrameDecoder()
        self._results: deque[Result] = deque()
        self._outcome: CallState | RefineryError = CallState.NEEDS_DATA
        self._is_complete = method.may_be_empty
        request = Request(
            service=method.service,
            method=method.name,
            payload=payload,
            timeout_nano=_nanoseconds(checked_timeout(timeout)),
        )
        if token is not None:
            request.metadata.add(key="authorization", value=f"Bearer {token}")
        # A streaming call says that its request is all there is; a unary one need not.
        flags = FrameFlags.REMOTE_CLOSED if method.streams else 0
        frame = Frame(stream, FrameType.REQUEST, flags, request.SerializeToString())
        self.request = encode_frame(frame)

    def feed(self, data: bytes) -> None:
        """Takes what the server sent, cut anywhere. No bytes at all mean that it hung up."""
        if self._outcome is not CallState.NEEDS_DATA:
            return
        try:
            if not data:
                raise self._hung_up()
            self._decoder.feed(data)
            while self._outcome is CallState.NEEDS_DATA and (frame := self._decoder.next_frame()):
                self._take(frame)
        except RefineryError as error:
            self._outcome = error

    def poll(self) -> Result | CallState:
        """The next result or, when there is none, what the call needs. Raises how it failed."""
        if self._results:
            return self._results.popleft()
        if isinstance(self._outcome, RefineryError):
            raise self._outcome
        return self._outcome

    def _take(self, frame: Frame) -> None:
        if frame.stream != self._stream:
            return
        if frame.type == FrameType.DATA:
            closes = bool(frame.flags & FrameFlags.REMOTE_CLOSED)
            is_empty = bool(frame.flags & FrameFlags.NO_DATA) or (closes and not frame.data)
            if not is_empty:
                self._take_message(frame.data)
            if closes:
                self._end()
        elif frame.type == FrameType.RESPONSE:
            response = self._parsed(Response.FromString, frame.data)
            if response.status.code != Status.OK:
                raise _error_of(response.status)
            if response.payload or not self._method.streams:
                self._take_message(response.payload)
            self._end()

    def _take_message(self, data: bytes) -> None:
        result = self._parsed(self._method.decode, data)
        if result is not None:
            self._is_complete = self._method.completes(result)
            self._results.append(result)

    def _end(self) -> None:
        if not self._is_complete:
            raise protocol_error(
                f"the server ended {self._method.name} without the message that completes it"
            )
        self._outcome = CallState.ENDED

    def _parsed(self, parse: Callable[[bytes], Parsed], data: bytes) -> Parsed:
        try:
            return parse(data)
        except DecodeError as error:
            raise protocol_error(
                f"the server's answer to {self._method.name} is not a valid message: {error}"
            ) from error

    def _hung_up(self) -> ConnectionLost:
        where = (
            "in the middle of a frame" if self._decoder.is_inside_frame else "before the call's end"
        )
        return connection_lost(f"the server closed the connection {where}")


def checked_token(token: str | None) -> str | None:
    """The token itself, or ValueError for one that a header cannot carry; it is not told."""
    if token is not None and not (token and token.isascii() and token.isprintable()):
        raise ValueError("token: give printable ASCII characters, or None")
    return token


def _nanoseconds(timeout: float | None) -> int:
    """The wire's form of a timeout, where 0 stands for none."""
    if timeout is None:
        return 0
    return max(1, int(min(timeout, _LONGEST_TIMEOUT_SECONDS) * 1e9))


def _error_of(status: WireStatus) -> RefineryError:
    """A status with its detail; a detail of another kind, or a broken one, counts as none."""
    for detail in status.details:
        if detail.type_url == _ERROR_DETAIL_URL:
            try:
                error = ErrorDetail.FromString(detail.value)
            except DecodeError:
                continue
            return error_of_status(
                status.code,
                status.message,
                error.code,
                error.fields,
                error.retryable,
                error.retry_after_ms,
            )
    return error_of_status(status.code, status.message, retryable=status.code == Status.UNAVAILABLE)
