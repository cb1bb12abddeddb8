"""What a caller may ask for. Ranges and defaults are the server's, which checks what it gets.

None leaves a field out; an absent field and an empty or zero one differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, TypedDict

from .events import Point, Size


@dataclass(frozen=True, kw_only=True)
class Refiner:
    """The second expert, and where it takes over: exactly one of the four ``start_`` fields.

    ``start_step`` s (1-based, 2 to steps): the refiner runs steps s to the last.
    ``start_step_percentage`` p (1 to 99): the base runs floor(steps * p / 100) steps.
    ``start_timestep``, ``start_sigma``: the refiner runs every step below it.
    The guidance and the prompts are the base's where absent; the aesthetic scores are then 6.0
    and 2.5.
    """

    model: str | None = None
    start_step: int | None = None
    start_step_percentage: int | None = None
    start_timestep: float | None = None
    start_sigma: float | None = None
    cfg_scale: float | None = None
    positive_prompt: str | None = None
    negative_prompt: str | None = None
    aesthetic_score: float | None = None
    negative_aesthetic_score: float | None = None


class ApplyTo(IntEnum):
    """Which expert a LoRA changes."""

    BASE_ONLY = 0
    REFINER_ONLY = 1
    BOTH = 2


class HandoffHistory(IntEnum):
    """Whether a multistep scheduler goes on with the base's predictions at the handoff."""

    KEEP = 0
    RESET = 1


@dataclass(frozen=True)
class Lora:
    """A LoRA on the server, by its name from ``models()``, for one job. Weights from -4 to 4."""

    model: str
    weight: float = 1.0
    apply_to: ApplyTo = ApplyTo.BASE_ONLY


@dataclass(frozen=True)
class Embedding:
    """A textual inversion on the server: its name becomes a word of the prompts. Weights from -4 to
    4."""

    model: str
    weight: float = 1.0


@dataclass(frozen=True)
class Branch:
    """One ending of a picture, with the base's steps shared: by a refiner, in which what is left
    out is as in the request's own ``refiner``, or by the base alone."""

    refiner: Refiner | None = None


@dataclass(frozen=True)
class PausePoint:
    """Where a job stops, with a preview, for ``resume`` to go on from: ``PausePoint.step(12)``,
    after so many of the steps that it runs, or ``PausePoint.HANDOFF``, before the refiner's first
    one."""

    steps: int | None
    """None: the handoff."""
    HANDOFF: ClassVar[PausePoint]

    @classmethod
    def step(cls, count: int) -> PausePoint:
        """1 to all steps but one."""
        return cls(count)


PausePoint.HANDOFF = PausePoint(None)


class PictureOptions(TypedDict, total=False):
    """The keyword arguments of ``generate``, but those about how a job ends; of ``compare``."""

    negative_prompt: str | None
    """Absent: zeros for the base, an encoded empty text for the refiner. "" : encoded by both."""
    positive_prompt_2: str | None
    """For the base's second text encoder; the prompt itself when absent."""
    negative_prompt_2: str | None
    model: str | None
    """A name from ``models()``; the server's default when absent."""
    vae: str | None
    """A VAE's name from ``models()``, in place of the model's own."""
    width: int | None
    """Pixels, a multiple of 8."""
    height: int | None
    """Pixels, a multiple of 8."""
    steps: int | None
    """1 to 100; 20 when absent."""
    scheduler: str | None
    """Such as "Euler" or "DPM++ 2M Karras"; the model's own when absent."""
    seed: int | None
    """Image i uses seed + i; random when absent."""
    cfg_scale: float | None
    """Guidance, 0 to 50; 7 when absent. At 1 or below the negative prompt is not evaluated."""
    number_results: int | None
    """1 to 20 images; 1 when absent."""
    refiner: Refiner | None
    """The second stage; the base makes the whole picture when absent."""
    original_size: Size | None
    """SDXL's size conditioning, with the five below; the picture's own size where absent."""
    crop_top_left: Point | None
    target_size: Size | None
    negative_original_size: Size | None
    negative_crop_top_left: Point | None
    negative_target_size: Size | None
    clip_skip: int | None
    """0 to 2: layers of the text encoders left out beyond SDXL's own choice."""
    prompt_weighting: str | None
    """"compel" or "sdEmbeds": how weights are written in the prompts; not at all when absent."""
    guidance_rescale: float | None
    """0 to 1: tames the contrast of high guidance."""
    eta: float | None
    """0 to 1, for DDIM and TCD; the scheduler's own when absent."""
    handoff_history: HandoffHistory | None
    """KEEP when absent."""
    loras: Sequence[Lora] | None
    """At most 8."""
    embeddings: Sequence[Embedding] | None
    """At most 8."""
    seed_image: str | None
    """A picture to start from: the SHA-256, in hex, of an uploaded PNG file."""
    mask_image: str | None
    """Likewise, of the same size: white is made anew, black stays as in ``seed_image``."""
    strength: float | None
    """0 to 1, 0.8 when absent: how much of the schedule is run on ``seed_image``."""
    request_id: str | None
    """Chosen by the caller, at most 128 bytes; made up by the server when absent. The same request
    under it again attaches to its job, also after a lost connection."""
    priority: int | None
    """-10 to 10: among the jobs that wait, higher is sooner."""
    deadline_ms: int | None
    """Milliseconds after which the job ends, waiting or running."""
    detach: bool | None
    """The job goes on when the connection is lost."""
    preview_every: int | None
    """1 to 100: steps from one ``Progress.preview`` to the next; none when absent."""
    preview_side: int | None
    """16 to 512: pixels of a preview's longer side; an eighth of the picture's when absent."""


class GenerateOptions(PictureOptions, total=False):
    """The keyword arguments of ``generate``, ``generate_image`` and ``submit``."""

    branches: Sequence[Branch] | None
    """At most 16 endings of each picture, made from one run of the base; ``refiner`` is then what
    they have in common. One ending, by ``refiner``, when absent."""
    pause_at: PausePoint | None
    """Where the job is paused. For one picture without ``branches``."""


class ResumeOptions(TypedDict, total=False):
    """The keyword arguments of ``resume``. What is left out is as in the paused job."""

    request_id: str | None
    """Of the new job; made up when absent. The same call under it again gives the same job."""
    refiner: Refiner | None
    """While the base has the picture: another one, or one that takes over elsewhere, no earlier
    than where the paused job stands. What it leaves out is as in the paused job."""
    without_refiner: bool | None
    """The base ends the picture alone."""
    pause_at: PausePoint | None
    """The new job is paused again, later on."""
    priority: int | None
    deadline_ms: int | None
    """Counts anew, from the new job's acceptance."""
