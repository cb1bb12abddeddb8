"""Jobs as the server keeps them, apart from the connection that asked for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from .errors import RefineryError
from .events import JobState, Phase, Size


class Outcome(IntEnum):
    """How a job is to end that is cancelled."""

    DISCARD = 0
    """With no picture."""
    DECODE_NOW = 1
    """With the image under way as it is predicted, after its first step at the earliest."""
    SKIP_TO_REFINER = 2
    """With the image under way as the refiner finishes it from here on."""


_ENDED = (JobState.FINISHED, JobState.FAILED, JobState.CANCELLED, JobState.PAUSED)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as it was when the server answered.

    ``place`` counts the jobs ahead of a QUEUED one. ``step`` counts the finished steps of the
    image under way, ``image_index`` of ``image_count``; ``phase`` is what it last did. ``sequence``
    is its latest event's. ``error`` says why it failed or was cancelled. ``ended_ms`` is None until
    it has. ``resumes`` is the paused job that it goes on from."""

    id: str
    state: JobState
    place: int | None
    phase: Phase
    image_index: int
    image_count: int
    step: int
    base_steps: int
    refiner_steps: int
    eta_seconds: float | None
    model: str
    refiner_model: str | None
    size: Size
    created_ms: int
    ended_ms: int | None
    sequence: int
    error: RefineryError | None
    resumes: str | None

    @property
    def has_ended(self) -> bool:
        """It will not go on by itself; a paused one has ended too."""
        return self.state in _ENDED


@dataclass(frozen=True, kw_only=True)
class ImageChunk:
    """Part of a finished PNG: ``data`` from ``offset`` on. ``byte_count`` and ``sha256`` are of the
    whole file."""

    data: bytes = field(repr=False)
    offset: int
    byte_count: int
    sha256: bytes
