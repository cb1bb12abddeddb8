"""Going on after a lost connection: which call to make next, and how long to try. No I/O."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

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
    is_for_now,
)
from .events import Event
from .parameters import GenerateOptions

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 5.0


@dataclass(frozen=True)
class Persistence:
    """For how many seconds a server is tried again: one that was lost for ``reconnect``, one that
    refuses a call for now for ``retry``; 0 is not at all. Raises ValueError for seconds that cannot
    be meant."""

    reconnect: float
    retry: float

    def __post_init__(self) -> None:
        for name, seconds in (("reconnect", self.reconnect), ("retry", self.retry)):
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} {seconds!r}: give seconds, 0 for not at all")

    @property
    def of_short_calls(self) -> Persistence:
        """Of those that may not be made twice unless they were refused."""
        return replace(self, reconnect=0)


class Patience:
    """When a server is tried again, and when no more. One that was never reached is not waited
    for."""

    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence
        self._was_reached = False
        self._since: float | None = None
        self._delay = _FIRST_DELAY_SECONDS

    def succeeded(self) -> None:
        """The server was heard: the next trouble is a new one."""
        self._was_reached = True
        self._since = None
        self._delay = _FIRST_DELAY_SECONDS

    def delay_after(self, error: RefineryError, is_refusal: bool) -> float:
        """Seconds to wait before the next try, at least as many as the server asks for. Raises the
        error when there is to be none. ``is_refusal``: the call was refused; nothing had come of
        it."""
        limit = self._limit(error, is_refusal)
        now = time.monotonic()
        self._since = self._since or now
        delay = max(self._delay, (error.retry_after_ms or 0) / 1000)
        if now + delay > self._since + limit:
            raise error
        self._delay = min(2 * self._delay, _LONGEST_DELAY_SECONDS)
        return delay

    def _limit(self, error: RefineryError, is_refusal: bool) -> float:
        """How long what the error tells of is waited out, from its beginning."""
        limit = 0.0
        is_away = isinstance(error, Unavailable) and error.retryable
        if is_away and (self._was_reached or isinstance(error, ConnectionLost)):
            self._was_reached = True
            limit = self._persistence.reconnect
        return max(limit, self._persistence.retry) if is_refusal else limit


class Following:
    """The calls that bring a job's events, each once: Generate or Watch at first, and after a lost
    connection Watch from the last event on."""

    def __init__(
        self,
        method: Method[Event],
        payload: bytes,
        persistence: Persistence,
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
        self._patience = Patience(persistence)
        self._loss: RefineryError | None = None
        # An event came of the call under way, which so was not refused.
        self._has_told = False
        self.has_ended = False

    @classmethod
    def of_generate(
        cls,
        positive_prompt: str,
        options: GenerateOptions,
        persistence: Persistence,
        timeout: float | None,
    ) -> Following:
        """Of a job that ends with its events, unless it is detached."""
        options = with_request_id(options)
        payload = generate_request(positive_prompt, options)
        cancels = not options.get("detach")
        return cls(GENERATE, payload, persistence, timeout, cancels=cancels)

    @classmethod
    def of_watch(
        cls, job_id: str, after_sequence: int, persistence: Persistence, timeout: float | None
    ) -> Following:
        """Of a job that is there, after a sequence number or, at 0, from its beginning."""
        method = _job_messages.WATCH_REST if after_sequence else _job_messages.WATCH
        payload = _job_messages.watch_request(job_id, after_sequence)
        return cls(method, payload, persistence, timeout, job_id=job_id, sequence=after_sequence)

    def call(self, timeout: float | None, token: str | None) -> Call[Event]:
        """The next call to make."""
        self._has_told = False
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
        self._has_told = True
        self._patience.succeeded()
        return True

    def delay_after(self, error: RefineryError, is_closed: bool) -> float:
        """Seconds to wait before the next call. Raises what ends the job's events.

        ``is_closed``: the caller has closed the client, and the error tells that."""
        is_refusal = not self._has_told and is_for_now(error)
        try:
            delay = self._patience.delay_after(error, is_refusal)
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
        if not is_refusal or self._loss is not None:
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

    def __init__(self, persistence: Persistence) -> None:
        self._patience = Patience(persistence)
        self._has_told = False

    def call(self, timeout: float | None, token: str | None) -> Call[Event]:
        self._has_told = False
        return Call(_job_messages.WATCH_REST, _job_messages.WATCH_ALL_REQUEST, timeout, token=token)

    def takes(self, event: Event) -> bool:
        self._has_told = True
        self._patience.succeeded()
        return True

    def delay_after(self, error: RefineryError, is_closed: bool) -> float:
        return self._patience.delay_after(error, not self._has_told and is_for_now(error))
