"""What can go wrong: one base class, and a subclass for each kind that callers tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Status(IntEnum):
    """gRPC's status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RefineryError(Exception):
    """A call that did not succeed.

    ``message`` says what was wrong, what is allowed and what to do; ``status`` is its kind;
    ``code`` the contract's name for it, such as ``invalidRefinerStartStep``, or empty; ``fields``
    the request's fields at fault in the contract's camelCase, such as ``refiner.startStep``;
    ``retryable`` says whether the same request may succeed later, ``retry_after_ms`` how many
    milliseconds to wait at least before that, None where the server cannot tell.
    """

    def __init__(
        self,
        message: str,
        status: Status,
        code: str = "",
        fields: Iterable[str] = (),
        retryable: bool = False,
        retry_after_ms: int | None = None,
    ) -> None:
        # All of it goes into args, so that an error survives pickling (multiprocessing).
        super().__init__(message, status, code, tuple(fields), retryable, retry_after_ms)
        self.message = message
        self.status = status
        self.code = code
        self.fields = tuple(fields)
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        return self.message


class InvalidRequest(RefineryError):
    """The request itself is wrong; ``fields`` names where."""


class NotFound(RefineryError):
    """The request names something that the server does not have, such as a model."""


class FailedPrecondition(RefineryError):
    """The request is well formed but cannot be done here, such as a base model as a refiner."""


class ResourceExhausted(RefineryError):
    """The queue is full, or the request is larger than the server takes."""


class DeadlineExceeded(RefineryError):
    """The call took longer than its timeout. The server has been told to stop."""


class Cancelled(RefineryError):
    """The call was cancelled, by the server or by closing the client."""


class AlreadyExists(RefineryError):
    """Another request has the ``request_id``."""


class DataLoss(RefineryError):
    """What the server kept or read is damaged: the job cannot go on, or its picture is gone."""


class Unauthenticated(RefineryError):
    """The server wants a token, or another one than the client's."""


class Unimplemented(RefineryError):
    """The server does not know this call; it may be older than this client."""


class Unavailable(RefineryError):
    """The server cannot serve now: it is starting, draining, or gone."""


class ServerUnreachable(Unavailable):
    """No connection to the server came about, so nothing was asked of it."""


class ConnectionLost(Unavailable):
    """The connection ended in the middle of a call, and the call could not go on."""


class ProtocolError(RefineryError):
    """What came back is not what a Refinery server sends."""


_CLASSES: dict[Status, type[RefineryError]] = {
    Status.CANCELLED: Cancelled,
    Status.INVALID_ARGUMENT: InvalidRequest,
    Status.OUT_OF_RANGE: InvalidRequest,
    Status.DEADLINE_EXCEEDED: DeadlineExceeded,
    Status.NOT_FOUND: NotFound,
    Status.ALREADY_EXISTS: AlreadyExists,
    Status.DATA_LOSS: DataLoss,
    Status.UNAUTHENTICATED: Unauthenticated,
    Status.FAILED_PRECONDITION: FailedPrecondition,
    Status.RESOURCE_EXHAUSTED: ResourceExhausted,
    Status.UNIMPLEMENTED: Unimplemented,
    Status.UNAVAILABLE: Unavailable,
}


def error_of_status(
    number: int,
    message: str,
    code: str = "",
    fields: Iterable[str] = (),
    retryable: bool = False,
    retry_after_ms: int = 0,
) -> RefineryError:
    """The error for a status number from the wire; an unknown number counts as UNKNOWN."""
    try:
        status = Status(number)
    except ValueError:
        status = Status.UNKNOWN
    message = message or f"the server answered {status.name} without a message"
    kind = _CLASSES.get(status, RefineryError)
    return kind(message, status, code, fields, retryable, retry_after_ms or None)


def is_for_now(error: RefineryError) -> bool:
    """Whether the server refused a call that it may take a little later."""
    is_servers = not isinstance(error, ServerUnreachable | ConnectionLost)
    return is_servers and error.retryable and isinstance(error, ResourceExhausted | Unavailable)


def protocol_error(message: str) -> ProtocolError:
    """The peer broke the protocol; ``message`` says how."""
    return ProtocolError(message, Status.INTERNAL)


def connection_lost(what: str) -> ConnectionLost:
    """The connection broke during a call; ``what`` says how."""
    return ConnectionLost(
        f"{what}. The server may have been stopped or have crashed: see its log",
        Status.UNAVAILABLE,
        retryable=True,
    )


def client_closed() -> Cancelled:
    """The caller closed the client, before a call or during it."""
    return Cancelled("the client has been closed", Status.CANCELLED)
