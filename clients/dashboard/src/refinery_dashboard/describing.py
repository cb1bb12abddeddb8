"""What the client tells, as the pages read it: the contract's camelCase, seeds as text (a page's
numbers hold 53 bits), states and phases as words."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from refinery_client import (
    Accepted,
    Ended,
    Event,
    HandedOff,
    Image,
    Job,
    JobState,
    Model,
    Phase,
    Progress,
    Queued,
    RefineryError,
    Resumed,
    ServerInfo,
    ServerStats,
)


def camel_case(name: str) -> str:
    """``refiner_steps`` as ``refinerSteps``."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def word(value: IntEnum) -> str:
    """``TEXT_ENCODING`` as ``textEncoding``."""
    return camel_case(value.name.lower())


def plain(value: Any) -> Any:
    """A dataclass of the client's, and what is in it, as JSON has it."""
    if isinstance(value, IntEnum):
        return word(value)
    if isinstance(value, RefineryError):
        return error(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {
            camel_case(field.name): plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return value


def error(error: RefineryError) -> dict[str, Any]:
    return {
        "message": error.message,
        "status": error.status.name,
        "code": error.code,
        "fields": list(error.fields),
        "retryable": error.retryable,
    }


def model(model: Model) -> dict[str, Any]:
    return {**plain(model), "parameterCount": model.parameter_count}


def info(info: ServerInfo) -> dict[str, Any]:
    facts: dict[str, Any] = plain(info)
    del facts["uptimeSeconds"]
    return facts


def stats(stats: ServerStats) -> dict[str, Any]:
    facts: dict[str, Any] = plain(stats)
    return facts


def job(job: Job) -> dict[str, Any]:
    """What ``job`` says; of a job in progress the events say more, and sooner."""
    facts: dict[str, Any] = plain(job)
    del facts["id"], facts["sequence"]
    facts["hasEnded"] = job.has_ended
    if job.phase is Phase.UNSPECIFIED:
        del facts["phase"]
    return facts


def event(event: Event, known: Mapping[str, Any]) -> dict[str, Any]:
    """What an event changes of its job, of which ``known`` is known."""
    if isinstance(event, Accepted):
        return {
            "createdMs": known.get("createdMs", event.time_ms),
            "state": known.get("state", "queued"),
            "hasEnded": known.get("hasEnded", False),
            "imageCount": len(event.seeds) * max(1, len(event.branches)),
            **_accepted(event),
        }
    if isinstance(event, Queued):
        return {"state": "queued", "place": event.place, "etaSeconds": event.eta_seconds}
    if isinstance(event, Progress):
        # Of an ended job the latest one is told too, to those who ask for all of it.
        state = known["state"] if known.get("hasEnded") else word(JobState.RUNNING)
        facts = {"state": state, "place": None, **_own(event), **_ending(event, known)}
        # One counts until the next, which need not come with every step.
        facts["preview"] = _preview(event) or known.get("preview")
        del facts["previewStep"]
        return facts
    if isinstance(event, Resumed):
        return {"resumed": _own(event), "step": event.step, "imageIndex": event.image_index}
    if isinstance(event, Image):
        return _image(event, known)
    if isinstance(event, Ended):
        return {
            "state": word(event.state),
            "hasEnded": True,
            "error": plain(event.error),
            "endedMs": event.time_ms,
            "place": None,
            "etaSeconds": None,
            "preview": None,
        }
    if isinstance(event, HandedOff):
        return {"handedOff": True}
    return {}


def _own(event: Event) -> dict[str, Any]:
    """Without what every event has."""
    facts: dict[str, Any] = plain(event)
    for name in ("jobId", "sequence", "timeMs"):
        del facts[name]
    return facts


def _accepted(event: Accepted) -> dict[str, Any]:
    return {
        **_own(event),
        "seeds": [str(seed) for seed in event.seeds],
        # As a Job has it.
        "resumes": event.resumes.job_id if event.resumes else None,
    }


def _ending(event: Progress, known: Mapping[str, Any]) -> dict[str, Any]:
    """Who ends the image under way, where a job's images end differently."""
    plan = next((plan for plan in known.get("branches", []) if plan["index"] == event.branch), None)
    if plan is None:
        return {}
    return {name: plan[name] for name in ("refinerModel", "baseSteps", "refinerSteps", "handoff")}


def _preview(event: Progress) -> dict[str, Any] | None:
    """What the image under way is predicted to become, foreseen after ``step``."""
    if event.preview is None:
        return None
    return {
        "sha256": hashlib.sha256(event.preview).hexdigest(),
        "step": event.preview_step,
        "index": event.image_index,
    }


def _image(event: Image, known: Mapping[str, Any]) -> dict[str, Any]:
    picture = {
        "index": event.image_index,
        "branch": event.branch,
        "seed": str(event.seed),
        "sha256": event.sha256.hex(),
        "width": event.width,
        "height": event.height,
    }
    others = [other for other in known.get("images", []) if other["index"] != event.image_index]
    images = sorted([*others, picture], key=lambda image: image["index"])
    # The picture takes the place of its previews.
    facts: dict[str, Any] = {"images": images, "imageCount": event.image_count, "preview": None}
    if event.summary is not None:
        facts |= {
            "summary": plain(event.summary),
            "state": word(JobState.PAUSED if event.paused_step else JobState.FINISHED),
            "hasEnded": True,
            "endedMs": known.get("endedMs") or event.time_ms,
            "etaSeconds": None,
            "place": None,
        }
    return facts
