"""What the command line tells: how a job goes, and lists of jobs and models.

Names and sentences are the server's, and are printed without what could steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from ..errors import RefineryError
from ..events import (
    Accepted,
    Ended,
    Event,
    HandedOff,
    Image,
    JobState,
    Phase,
    Progress,
    Queued,
    Resumed,
)
from ..jobs import Job
from ..server import Model, ModelRole

_PHASE_NAMES = {
    Phase.TEXT_ENCODING: "text",
    Phase.IMAGE_ENCODING: "image",
    Phase.BASE: "base",
    Phase.REFINER: "refiner",
    Phase.DECODING: "decode",
}


class Lines:
    """What the caller sees while waiting: one line that changes on a terminal, else a line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def show(self, event: Event) -> None:
        """The line for an event; it may be overwritten by the next one."""
        if isinstance(event, Accepted):
            for line in _plan_lines(event):
                self.keep(line)
        elif isinstance(event, Queued | Progress | HandedOff):
            self._change(_line(event))
        elif isinstance(event, Resumed):
            self.keep(event.reason)

    def keep_image(self, image: Image, path: Path | None) -> None:
        """A picture, and the file that it was written to, if any."""
        self.keep(f"{path}: {_picture(image)}" if path else _picture(image))

    def keep(self, line: str) -> None:
        """A line that stays."""
        self._stream.write(f"{self._start}{printable(line)}\n")
        self._stream.flush()

    def _change(self, line: str) -> None:
        self._stream.write(f"{self._start}{line}" if self._is_terminal else f"{line}\n")
        self._stream.flush()

    @property
    def _start(self) -> str:
        return "\r\x1b[K" if self._is_terminal else ""


def line_of_any_job(event: Event) -> str | None:
    """What an event says of one of many jobs; None where that is nothing new."""
    if isinstance(event, Accepted):
        said = "; ".join(_plan_lines(event))
    elif isinstance(event, Image):
        said = f"picture {event.image_index + 1} of {event.image_count}: {_picture(event)}"
    elif isinstance(event, Ended):
        said = event.state.name.lower() + (f": {event.error}" if event.error else "")
    elif isinstance(event, Resumed):
        said = event.reason
    elif isinstance(event, Queued | Progress | HandedOff):
        said = _line(event)
    else:
        return None
    return printable(f"{event.job_id}  {said}")


def job_lines(job: Job) -> list[str]:
    """A line for the job, and one for why it failed."""
    words = job.state.name.lower()
    if job.place is not None:
        words += f", {job.place} ahead"
    if job.state is JobState.RUNNING:
        words += f", {_PHASE_NAMES.get(job.phase, '?')} {job.step}/{_steps(job)}"
        if job.image_count > 1:
            words += f" of picture {job.image_index + 1}/{job.image_count}"
    if not job.has_ended and job.eta_seconds is not None:
        words += f", {job.eta_seconds:.0f} s left"
    facts = [job.id, words]
    if job.model:  # nothing is known of a job whose record is damaged
        facts.append(" + ".join(filter(None, (job.model, job.refiner_model))))
        facts.append(f"{job.size.width} x {job.size.height}")
    lines = [printable("  ".join(facts))]
    if job.error is not None:
        lines.append(f"    {_of_error(job.error)}")
    return lines


def model_lines(models: Iterable[Model]) -> list[str]:
    """A line for each model in columns, and below it what else there is to say."""
    models = tuple(models)
    if not models:
        return ["no models"]
    rows = [_columns(model) for model in models]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for model, row in zip(models, rows, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        if model.aliases:
            lines.append(printable(f"    also {', '.join(model.aliases)}"))
        if model.sha256:
            lines.append(printable(f"    sha256 {model.sha256}"))
        if model.problem:
            lines.append(printable(f"    cannot be used: {model.problem}"))
    return lines


def printable(text: str) -> str:
    """Foreign text without what could steer a terminal or begin a new line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _plan_lines(plan: Accepted) -> list[str]:
    lines = [f"advice: {advice}" for advice in plan.advice]
    lines.append(
        f"{plan.model}: {_experts(plan.base_steps, plan.refiner_steps)} steps, "
        f"{plan.scheduler} {plan.spacing}"
        if not plan.branches
        else f"{plan.model}: {len(plan.branches)} endings, {plan.scheduler} {plan.spacing}"
    )
    if plan.pause_step is not None:
        lines.append(f"pauses after step {plan.pause_step}")
    if plan.resumes is not None:
        lines.append(f"goes on from {plan.resumes.job_id} after step {plan.resumes.step}")
    return lines


def _experts(base_steps: int, refiner_steps: int) -> str:
    return f"{base_steps} base" + (f" + {refiner_steps} refiner" if refiner_steps else "")


def _line(event: Queued | Progress | HandedOff) -> str:
    if isinstance(event, Queued):
        return f"[queue  ] {event.place} ahead"
    if isinstance(event, HandedOff):
        return f"[handoff] the refiner takes over at step {event.handoff.step}"
    line = f"[{_PHASE_NAMES.get(event.phase, '?'):7}] "
    if event.phase in (Phase.BASE, Phase.REFINER):
        line += f"step {event.step}/{event.steps}, {event.step_seconds:.1f} s a step, "
    line += f"{event.elapsed_seconds:.0f} s"
    if event.eta_seconds is not None:
        line += f", {event.eta_seconds:.0f} s left"
    if event.image_count > 1:
        line += f", picture {event.image_index + 1} of {event.image_count}"
    return line


def _picture(image: Image) -> str:
    line = f"{image.width} x {image.height}, seed {image.seed}"
    if image.paused_step is not None:
        line += f", paused after step {image.paused_step}: resume {image.job_id} goes on from it"
    if image.summary is not None and image.summary.is_cut_short:
        line += ", cut short"
    return line


def _of_error(error: RefineryError) -> str:
    return printable(f"{error}" + (f" [{error.code}]" if error.code else ""))


def _steps(job: Job) -> int:
    return job.base_steps + job.refiner_steps


def _columns(model: Model) -> list[str]:
    size = model.default_size
    is_expert = model.role in (ModelRole.BASE, ModelRole.REFINER)
    return [
        printable(model.id),
        printable(model.architecture),
        printable(model.dtype),
        _bytes(model.byte_count),
        f"{size.width} x {size.height}" if is_expert else "",
    ]


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
