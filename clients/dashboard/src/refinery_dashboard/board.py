"""What the pages show, with the revision of each change: a page can be told what it missed."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# Ten minutes of them.
_SAMPLE_COUNT_MAXIMUM = 300
# A page that slept through more than this gets everything anew.
_GONE_COUNT_MAXIMUM = 1000


class Record:
    """Named values, each with the revision of its last change."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._revisions: dict[str, int] = {}

    def update(self, values: Mapping[str, Any], revision: int) -> bool:
        """Whether anything changed."""
        changed = {
            name: value
            for name, value in values.items()
            if name not in self.values or self.values[name] != value
        }
        self.values.update(changed)
        self._revisions.update(dict.fromkeys(changed, revision))
        return bool(changed)

    def since(self, revision: int) -> dict[str, Any]:
        return {
            name: value for name, value in self.values.items() if self._revisions[name] > revision
        }


class Board:
    """The server's state, the jobs and the samples of the last minutes. Of the loop's thread only.

    ``mark`` names a state of the board; a page that gives one back is told what has changed since.
    """

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._revision = 0
        self._server = Record()
        self._jobs: dict[str, Record] = {}
        self._gone: deque[tuple[int, str]] = deque(maxlen=_GONE_COUNT_MAXIMUM)
        self._gone_known_since = 0
        self._samples: deque[tuple[int, Any]] = deque(maxlen=_SAMPLE_COUNT_MAXIMUM)
        self._changed = asyncio.Event()

    @property
    def mark(self) -> str:
        return f"{self._run}.{self._revision}"

    def server(self, name: str) -> Any:
        """A value that was put with ``set_server``; None before that."""
        return self._server.values.get(name)

    def job(self, job_id: str) -> Mapping[str, Any] | None:
        record = self._jobs.get(job_id)
        return None if record is None else record.values

    def job_ids(self) -> set[str]:
        return set(self._jobs)

    def set_server(self, **values: Any) -> None:
        self._advance(self._server.update(values, self._revision + 1))

    def set_job(self, job_id: str, values: Mapping[str, Any]) -> None:
        """Changes a job, or adds it."""
        record = self._jobs.setdefault(job_id, Record())
        self._advance(record.update(values, self._revision + 1))

    def add_sample(self, sample: Mapping[str, Any]) -> None:
        self._samples.append((self._revision + 1, sample))
        self._advance(True)

    def remove(self, job_ids: Collection[str]) -> None:
        """Forgets jobs that the server no longer has."""
        for job_id in job_ids:
            if self._jobs.pop(job_id, None) is None:
                continue
            if len(self._gone) == _GONE_COUNT_MAXIMUM:
                self._gone_known_since = self._gone[0][0]
            self._gone.append((self._revision + 1, job_id))
            self._advance(True)

    async def wait(self, mark: str) -> None:
        """Until the board is no longer as at ``mark``."""
        while self.mark == mark:
            await self._changed.wait()

    def changes(self, mark: str | None) -> dict[str, Any]:
        """What has changed since ``mark``; everything, marked ``whole``, for an unknown one."""
        since = self._known_revision(mark)
        is_whole = since is None
        since = since or 0
        return {
            "whole": is_whole,
            "server": self._server.since(since),
            "jobs": dict(self._job_changes(since)),
            # To be taken away first: one that came back is among the jobs again, with all it has.
            "gone": [
                job_id for revision, job_id in self._gone if not is_whole and revision > since
            ],
            "samples": [sample for revision, sample in self._samples if revision > since],
        }

    def _job_changes(self, since: int) -> Iterator[tuple[str, dict[str, Any]]]:
        for job_id, record in self._jobs.items():
            if changed := record.since(since):
                yield job_id, changed

    def _known_revision(self, mark: str | None) -> int | None:
        run, _, number = (mark or "").partition(".")
        if run != self._run or not (number.isascii() and number.isdigit()) or len(number) > 15:
            return None
        revision = int(number)
        return revision if self._gone_known_since <= revision <= self._revision else None

    def _advance(self, has_changed: bool) -> None:
        if has_changed:
            self._revision += 1
            self._changed.set()
            self._changed.clear()
