"""What was asked for on the command line, as the library's arguments."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from ..jobs import Outcome
from ..parameters import Branch, PictureOptions, Refiner, ResumeOptions

TOKEN_VARIABLE = "REFINERY_TOKEN"
OUTCOMES = {
    "discard": Outcome.DISCARD,
    "decode": Outcome.DECODE_NOW,
    "refiner": Outcome.SKIP_TO_REFINER,
}
USUAL_PERCENTAGE = 80


class UsageError(Exception):
    """The flags make no sense together; the message says which and what to do."""


def token(flags: Namespace) -> str | None:
    """The token that the flags name. Raises UsageError for a file that holds none."""
    path: Path | None = flags.token_file
    if path is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        lines = path.read_text().split()
    except (OSError, ValueError) as error:
        raise UsageError(f"--token-file {path} cannot be read: {error}") from None
    if len(lines) != 1:
        raise UsageError(f"--token-file {path}: there is to be one token in it, and nothing else")
    return lines[0]


def picture_options(flags: Namespace) -> PictureOptions:
    """Of ``generate`` and ``compare``; the pictures to start from are still to be uploaded."""
    return {
        "negative_prompt": flags.negative_prompt,
        "model": flags.model,
        "width": flags.width,
        "height": flags.height,
        "steps": flags.steps,
        "scheduler": flags.scheduler,
        "seed": flags.seed,
        "cfg_scale": flags.cfg_scale,
        "number_results": flags.count,
        "strength": flags.strength,
        "loras": flags.lora,
        "refiner": refiner(flags),
        "request_id": flags.request_id,
        "priority": flags.priority,
        "deadline_ms": _deadline_ms(flags),
    }


def resume_options(flags: Namespace) -> ResumeOptions:
    return {
        "request_id": flags.request_id,
        "refiner": refiner(flags),
        "without_refiner": flags.no_refiner or None,
        "pause_at": flags.pause_at,
        "priority": flags.priority,
        "deadline_ms": _deadline_ms(flags),
    }


def refiner(flags: Namespace) -> Refiner | None:
    asked = Refiner(
        model=flags.refiner,
        start_step=flags.refiner_start_step,
        start_step_percentage=flags.refiner_start_percentage,
        cfg_scale=getattr(flags, "refiner_cfg_scale", None),
        positive_prompt=getattr(flags, "refiner_prompt", None),
        negative_prompt=getattr(flags, "refiner_negative_prompt", None),
    )
    return None if asked == Refiner() else asked


def endings(flags: Namespace) -> tuple[Refiner | None, dict[str, Branch]]:
    """What is compared: what the refiners have in common, and the endings by their files' names."""
    shared = refiner(flags)
    asked: dict[str, Branch] | None = flags.handoffs
    if asked is not None:
        return shared, asked
    shared = shared or Refiner()
    if shared.start_step is None and shared.start_step_percentage is None:
        start = Refiner(start_step_percentage=USUAL_PERCENTAGE)
    else:
        start = Refiner()
    return shared, {"none": Branch(), "refiner": Branch(start)}


def outcome(flags: Namespace) -> Outcome:
    return OUTCOMES[flags.outcome]


def _deadline_ms(flags: Namespace) -> int | None:
    return None if flags.deadline is None else round(1000 * flags.deadline)
