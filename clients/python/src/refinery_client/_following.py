"""Going on after a lost connection: which call to make next, and how long to try. No I/O."""

from __future__ import annotations

import math
import time

from . import _job_messages
from ._calls import Call, Method
from ._deadline import checked_timeout
from ._messages import GENERATE, generate_request, is_complete, with_request_id
from .errors import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    NotFound,
    RefineryError,
    Status,
    Unavailable,
)
from .events import Event
from .parameters import GenerateOptions

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 5.0


def checked_reconnect(seconds: float) -> float:
    """The seconds themselves, or ValueError for ones that cannot be meant."""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"reconnect {seconds!r}: give seconds, 0 for not at all")
    return seconds


class Patience:
    """How long a server that was lost is tried again, in seconds; 0 is not at all. A server that
    was never reached is not waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._was_reached = False
        self._lost_at: float | None = None
        self._delay = _FIRST_DELAY_SECONDS

    def succeeded(self) -> None:
        """The server was heard: the next loss is a new one."""
        self._was_reached = True
        self._lost_at = None
        self._delay = _FIRST_DELAY_SECONDS

    def delay_after(self, error: RefineryError) -> float:
        """Seconds to wait before the next try. Raises the error when there is to be none."""
        now = time.monotonic()
        if not isinstance(error, Unavailable) or not error.retryable:
            raise error
        if not self._was_reached and not isinstance(error, ConnectionLost):
            raise error
        self._was_reached = True
        self._lost_at = self._lost_at or now
        if now + self._delay > self._lost_at + self._seconds:
            raise error
        delay, self._delay = self._delay, min(2 * self._delay, _LONGEST_DELAY_SECONDS)
        return delay


class Following:
    """The calls that bring a job's events, each once: Generate or Watch at first, and after a lost
    connection Watch from the last event on."""

    def __init__(
        self,
        method: Method[Event],
        payload: bytes,
        reconnect: float,
        timeout: float | None,
        *,
        job_id: str = "",
        sequence: int = 0,
        cancels: bool = False,
    ) -> None:
        """``cancels``: leaving the events ends the job. An empty ``job_id`` is learnt from the
        first event."""
        checked_timeout(timeout)
        self._method = method
        self._payload = payload
        self._job_id = job_id
        self._sequence = sequence
        self._cancels = cancels
        self._patience = Patience(reconnect)
        self._loss: RefineryError | None = None
        self.has_ended = False

    @classmethod
    def of_generate(
        cls,
        positive_prompt: str,
        options: GenerateOptions,
        reconnect: float,
        timeout: float | None,
    ) -> Following:
        """Of a job that ends with its events, unless it is detached."""
        options = with_request_id(options)
        payload = generate_request(positive_prompt, options)
        cancels = not options.get("detach")
        return cls(GENERATE, payload, reconnect, timeout, cancels=cancels)

    @classmethod
    def of_watch(
        cls, job_id: str, after_sequence: int, reconnect: float, timeout: float | None
    ) -> Following:
        """Of a job that is there, after a sequence number or, at 0, from its beginning."""
        method = _job_messages.WATCH_REST if after_sequence else _job_messages.WATCH
        payload = _job_messages.watch_request(job_id, after_sequence)
        return cls(method, payload, reconnect, timeout, job_id=job_id, sequence=after_sequence)

    def call(self, timeout: float | None, token: str | None) -> Call[Event]:
        """The next call to make."""
        if self._loss is not None and self._job_id:
            method = self._method if self._method.may_be_empty else _job_messages.WATCH
            payload = _job_messages.watch_request(self._job_id, self._sequence)
        else:
            method, payload = self._method, self._payload
        return Call(method, payload, timeout, token=token)

    def takes(self, event: Event) -> bool:
        """Whether the event is new."""
        if event.sequence <= self._sequence:
            return False
        self._job_id = event.job_id
        self._sequence = event.sequence
        self.has_ended = is_complete(event)
        self._patience.succeeded()
        return True

    def delay_after(self, error: RefineryError, is_closed: bool) -> float:
        """Seconds to wait before the next call. Raises what ends the job's events.

        ``is_closed``: the caller has closed the client, and the error tells that."""
        try:
            delay = self._patience.delay_after(error)
        except RefineryError:
            # What ends a call on this side leaves the job as it is on the server.
            if is_closed or isinstance(error, DeadlineExceeded):
                raise
            self.has_ended = True
            if self._loss is not None and self._cancels and isinstance(error, Cancelled | NotFound):
                raise ConnectionLost(
                    f"{self._loss.message}. The job ended with its connection: ask again, or with "
                    "detach=True, and it goes on without one",
                    Status.UNAVAILABLE,
                    retryable=True,
                ) from error
            raise
        self._loss = error
        return delay

    @property
    def abandoned_job(self) -> str | None:
        """The job to be cancelled now that the caller has left: one whose own connection, which
        would have told the server, is gone."""
        is_adrift = self._cancels and self._loss is not None and not self.has_ended
        return self._job_id or None if is_adrift else None


class FollowingAll:
    """Likewise of all jobs. After a lost connection what still counts is told again."""

    has_ended = False
    abandoned_job = None

    def __init__(self, reconnect: float) -> None:
        self._patience = Patience(reconnect)

    def call(self, timeout: float | None, token: str | None) -> Call[Event]:
        return Call(_job_messages.WATCH_REST, _job_messages.WATCH_ALL_REQUEST, timeout, token=token)

    def takes(self, event: Event) -> bool:
        self._patience.succeeded()
        return True

    def delay_after(self, error: RefineryError, is_closed: bool) -> float:
        return self._patience.delay_after(error)
