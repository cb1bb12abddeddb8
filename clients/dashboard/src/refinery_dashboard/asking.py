"""What a page asks for, as the client's calls have it. Ranges are the server's: a value that is
wrong there comes back with the field's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from refinery_client import (
    ApplyTo,
    Branch,
    GenerateOptions,
    InvalidRequest,
    Lora,
    Outcome,
    PausePoint,
    Refiner,
    RefineryError,
    ResumeOptions,
    Status,
)

from . import describing


@dataclass(frozen=True)
class Asked:
    """One job to hand in."""

    prompt: str
    options: GenerateOptions


def outcome(name: object) -> Outcome:
    """``decodeNow`` as DECODE_NOW."""
    for outcome in Outcome:
        if describing.word(outcome) == name:
            return outcome
    allowed = ", ".join(describing.word(outcome) for outcome in Outcome)
    raise refusal(f"outcome is {name!r}: it is one of {allowed}.", "outcome")


def job(body: object) -> Asked:
    """The job of ``{"request": {...}, "endings": [...]}``. An ending is null for the base alone, or
    the refiner's fields that differ there."""
    fields = _object(body, "")
    request = _object(fields.get("request"), "request")
    endings = fields.get("endings")
    values = _read({name: value for name, value in request.items() if name != "refiner"}, _REQUEST)
    if request.get("refiner") is not None:
        values["refiner"] = _refiner(request["refiner"], "refiner")
    if endings is not None:
        if not isinstance(endings, list) or len(endings) < 2:
            raise refusal("endings are 2 or more.", "endings")
        values["branches"] = tuple(
            Branch(None if ending is None else _refiner(ending, "endings")) for ending in endings
        )
    prompt: str = values.pop("positive_prompt", "")
    options: Any = values
    return Asked(prompt, options)


def resumption(body: object) -> tuple[str, ResumeOptions]:
    """The paused job of ``{"job": "...", ...}``, and how to go on from it: as it was, but for
    ``refiner``, ``withoutRefiner`` and ``pauseAt`` where they are given."""
    fields = dict(_object(body, ""))
    job_id = named_job(fields)
    del fields["job"]
    refiner = fields.pop("refiner", None)
    values = _read(fields, _RESUMPTION)
    if refiner is not None:
        values["refiner"] = _refiner(refiner, "refiner")
    options: Any = values
    return job_id, options


def named_job(body: object) -> str:
    """What ``{"job": "..."}`` names."""
    job_id = _object(body, "").get("job")
    if not isinstance(job_id, str) or not job_id:
        raise refusal("job names the job that is meant.", "job")
    return job_id


def _refiner(value: object, name: str) -> Refiner:
    return Refiner(**_read(_object(value, name), _REFINER, "refiner."))


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise refusal(f"{name or 'the body'} is no JSON object.", name)
    return value


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("it is text")


def _integer(value: object) -> int:
    """Digits are taken too: a page's numbers do not hold all seeds."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("it is a whole number")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError("it is a number")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("it is true or false")


def _pause_point(value: object) -> PausePoint:
    return PausePoint.HANDOFF if value == "handoff" else PausePoint.step(_integer(value))


def _loras(value: object) -> tuple[Lora, ...]:
    if not isinstance(value, list):
        raise ValueError("it is a list")
    return tuple(
        Lora(**_read(_object(each, f"lora[{index}]"), _LORA, f"lora[{index}]."))
        for index, each in enumerate(value)
    )


def _apply_to(value: object) -> ApplyTo:
    if isinstance(value, str) and value in _APPLY_TO:
        return _APPLY_TO[value]
    raise ValueError(f"it is one of {', '.join(_APPLY_TO)}")


_APPLY_TO = {"base": ApplyTo.BASE_ONLY, "refiner": ApplyTo.REFINER_ONLY, "both": ApplyTo.BOTH}

# The contract's fields that the form has, with the client's name of each and how it is read.
_REQUEST: dict[str, tuple[str, Callable[[object], object]]] = {
    "positivePrompt": ("positive_prompt", _text),
    "negativePrompt": ("negative_prompt", _text),
    "model": ("model", _text),
    "scheduler": ("scheduler", _text),
    "width": ("width", _integer),
    "height": ("height", _integer),
    "steps": ("steps", _integer),
    "seed": ("seed", _integer),
    "numberResults": ("number_results", _integer),
    "priority": ("priority", _integer),
    "CFGScale": ("cfg_scale", _number),
    "seedImage": ("seed_image", _text),
    "strength": ("strength", _number),
    "lora": ("loras", _loras),
    "pauseAt": ("pause_at", _pause_point),
    "previewEvery": ("preview_every", _integer),
    "previewSide": ("preview_side", _integer),
}
_LORA: dict[str, tuple[str, Callable[[object], object]]] = {
    "model": ("model", _text),
    "weight": ("weight", _number),
    "applyTo": ("apply_to", _apply_to),
}
_RESUMPTION: dict[str, tuple[str, Callable[[object], object]]] = {
    "withoutRefiner": ("without_refiner", _flag),
    "pauseAt": ("pause_at", _pause_point),
}
_REFINER: dict[str, tuple[str, Callable[[object], object]]] = {
    "model": ("model", _text),
    "startStep": ("start_step", _integer),
    "startStepPercentage": ("start_step_percentage", _integer),
    "startTimestep": ("start_timestep", _number),
    "startSigma": ("start_sigma", _number),
    "positivePrompt": ("positive_prompt", _text),
    "negativePrompt": ("negative_prompt", _text),
    "CFGScale": ("cfg_scale", _number),
}


def _read(
    fields: Mapping[str, Any],
    table: Mapping[str, tuple[str, Callable[[object], object]]],
    prefix: str = "",
) -> dict[str, Any]:
    """The client's options; null leaves a field out."""
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in table:
            raise refusal(f"{prefix}{name} is no field of this form.", prefix + name)
        if value is None:
            continue
        option, read = table[name]
        try:
            values[option] = read(value)
        except ValueError as error:
            raise refusal(f"{prefix}{name} is {value!r}: {error}.", prefix + name) from None
    return values


def refusal(message: str, field: str) -> RefineryError:
    """As the server would have said it."""
    return InvalidRequest(
        message, Status.INVALID_ARGUMENT, "malformedRequest", [field] if field else []
    )
