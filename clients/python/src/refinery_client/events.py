"""What a job reports while it runs: Accepted, then Queued and Progress, HandedOff, and Images;
Resumed after a break; Ended to those who watch all jobs.

Fields that only some events have are None elsewhere. Times are seconds, sizes pixels.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from .errors import RefineryError


class Phase(IntEnum):
    """Which part of the work runs. A phase that this client does not know is UNSPECIFIED."""

    UNSPECIFIED = 0
    TEXT_ENCODING = 1
    IMAGE_ENCODING = 2
    BASE = 3
    REFINER = 4
    DECODING = 5


class JobState(IntEnum):
    """How far a job is. A state that this client does not know is UNSPECIFIED."""

    UNSPECIFIED = 0
    QUEUED = 1
    RUNNING = 2
    FINISHED = 3
    FAILED = 4
    CANCELLED = 5
    PAUSED = 6
    """It has ended with a preview; ``resume`` goes on from it."""


@dataclass(frozen=True)
class Size:
    """Pixels, height before width as SDXL's size conditioning has them."""

    height: int
    width: int


@dataclass(frozen=True)
class Point:
    """Pixels from the top left corner."""

    top: int
    left: int


@dataclass(frozen=True)
class Handoff:
    """The refiner's first step, in every unit: 1-based step, the base's share of the steps in
    percent, training timestep, sigma."""

    step: int
    percentage: float
    timestep: float
    sigma: float


@dataclass(frozen=True, kw_only=True)
class BranchPlan:
    """How one branch ends. ``index`` is its place in the request; ``handoff`` and
    ``refiner_model`` are None where the base ends the picture alone; ``fingerprint`` is that of a
    request of its own."""

    index: int
    refiner_model: str | None
    base_steps: int
    refiner_steps: int
    handoff: Handoff | None
    advice: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class Ticket:
    """A paused job, and the steps after which it was paused."""

    job_id: str
    step: int


@dataclass(frozen=True)
class Summary:
    """The whole job, over all its images.

    Evaluations are of the UNets: second-order schedulers take two in a step.
    ``shared_evaluations`` are those that requests of their own would have taken for the branches,
    on top.
    """

    base_steps: int
    refiner_steps: int
    text_encoding_seconds: float
    image_encoding_seconds: float
    base_seconds: float
    refiner_seconds: float
    decoding_seconds: float
    total_seconds: float
    is_cut_short: bool
    base_evaluations: int
    refiner_evaluations: int
    shared_evaluations: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """What every event has. ``sequence`` grows from event to event of a job, with gaps;
    ``time_ms`` is the server's clock in milliseconds since 1970, for display."""

    job_id: str
    sequence: int
    time_ms: int


@dataclass(frozen=True, kw_only=True)
class Accepted(Event):
    """What the job will do: the request with everything resolved.

    ``timesteps`` has one entry per step of the whole schedule, both experts; ``sigmas`` one per
    step and a final 0. ``handoff`` is None without a refiner. ``advice`` is for people. Equal
    ``fingerprint`` and equal requests give equal bytes.

    ``branches`` are in the order in which they are made, the earliest handoff first; what is said
    above of the refiner is then the first one's. ``pause_step`` is the step after which the job is
    paused, and ``resumes`` the paused job that it goes on from.
    """

    model: str
    refiner_model: str | None
    size: Size
    seeds: tuple[int, ...]
    scheduler: str
    spacing: str
    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]
    base_steps: int
    refiner_steps: int
    handoff: Handoff | None
    advice: tuple[str, ...]
    fingerprint: str
    branches: tuple[BranchPlan, ...]
    pause_step: int | None
    resumes: Ticket | None


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """The job waits. ``place`` counts the jobs ahead of it."""

    place: int
    eta_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """A piece of work is done.

    ``step`` of ``steps`` counts the whole schedule, ``phase_step`` of ``phase_steps`` this phase;
    ``timestep``, ``sigma`` and ``step_seconds`` are those of the step just finished.
    ``eta_seconds`` is the time until the whole job is done, None until it can be told. ``branch``
    is the image's, by its place in the request. ``job_step`` of ``job_steps`` counts over all
    images, a step that branches share once.

    ``preview``, where the job asked for previews, is a small PNG of what the image is predicted to
    become, foreseen after ``preview_step``: the latest progress is told again when one is ready.
    """

    phase: Phase
    step: int
    steps: int
    phase_step: int
    phase_steps: int
    timestep: float
    sigma: float
    step_seconds: float
    elapsed_seconds: float
    eta_seconds: float | None
    image_index: int
    image_count: int
    branch: int | None
    job_step: int
    job_steps: int
    preview: bytes | None = field(default=None, repr=False)
    preview_step: int | None = None


@dataclass(frozen=True, kw_only=True)
class HandedOff(Event):
    """The refiner takes over the latents. ``latents_sha256`` is the digest of what it got
    (little-endian float32, [4, height / 8, width / 8])."""

    image_index: int
    handoff: Handoff
    latents_sha256: bytes
    branch: int | None


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """The job goes on after a break, from ``step`` finished steps of an image; 0 begins it anew.
    ``reason`` is for people. Where the server computes otherwise than before, a new Accepted comes
    first."""

    image_index: int
    step: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Ended(Event):
    """The end of one of all jobs, to those who watch all; ``error`` says why it failed or was
    cancelled."""

    state: JobState
    error: RefineryError | None


@dataclass(frozen=True, kw_only=True)
class Image(Event):
    """A finished picture. The one that completes the job carries the ``summary``. ``png`` is empty
    for those who watch all jobs: ``read_image`` gives it. ``branch`` is its branch's place in the
    request. With ``paused_step`` it is the preview of a job that is paused after so many steps. A
    notebook shows an image by itself."""

    png: bytes = field(repr=False)
    width: int
    height: int
    seed: int
    sha256: bytes
    image_index: int
    image_count: int
    summary: Summary | None
    branch: int | None
    paused_step: int | None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the PNG to ``path``, replacing what is there, and returns the path."""
        target = Path(path)
        target.write_bytes(self.png)
        return target

    def _repr_png_(self) -> bytes | None:
        return self.png or None
