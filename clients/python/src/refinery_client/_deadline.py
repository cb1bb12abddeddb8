"""How much of a call's time is left."""

from __future__ import annotations

import math
import time

from .errors import DeadlineExceeded, RefineryError, Status, connection_lost


def checked_timeout(timeout: float | None) -> float | None:
    """The timeout itself, or ValueError for one that cannot be meant."""
    if timeout is not None and not (0 < timeout < math.inf):
        raise ValueError(f"timeout {timeout!r}: give seconds above 0, or None for no limit")
    return timeout


class Deadline:
    """Begins to run when made; None never ends."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = checked_timeout(timeout)
        self._end = None if timeout is None else time.monotonic() + timeout

    def remaining(self) -> float | None:
        """Seconds, above 0; None without a limit. Raises DeadlineExceeded when none are left."""
        if self._end is None:
            return None
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise self.failure(TimeoutError())
        return seconds

    def shortened(self, timeout: float | None) -> float | None:
        """What remains, or the timeout where that is less."""
        remaining = self.remaining()
        if remaining is None or timeout is None:
            return timeout if remaining is None else remaining
        return min(remaining, timeout)

    def failure(self, error: Exception) -> RefineryError:
        """What it means that sending or receiving within ``remaining`` failed.

        A timeout without an errno is this deadline's; one with an errno is the system's, which has
        given up on a peer that vanished.
        """
        if not isinstance(error, OSError) or (
            isinstance(error, TimeoutError) and error.errno is None
        ):
            return DeadlineExceeded(
                f"no end within the timeout of {self._timeout:g} s; the call was given up",
                Status.DEADLINE_EXCEEDED,
                retryable=True,
            )
        return connection_lost(f"the connection to the server broke ({error})")
