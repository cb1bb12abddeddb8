"""Between this package's own types and the wire's messages: the methods there are, with how their
requests are written and their answers read."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from ._calls import Method
from ._proto import health_pb2, refinery_pb2
from .errors import InvalidRequest, RefineryError, Status, error_of_status, protocol_error
from .events import (
    Accepted,
    BranchPlan,
    Ended,
    Event,
    HandedOff,
    Handoff,
    Image,
    JobState,
    Phase,
    Progress,
    Queued,
    Resumed,
    Size,
    Summary,
    Ticket,
)
from .parameters import (
    Branch,
    Embedding,
    GenerateOptions,
    Lora,
    PausePoint,
    PictureOptions,
    ResumeOptions,
)
from .server import Health, Model, ModelRole, ServerInfo, ServerStats

Options = TypeVar("Options", GenerateOptions, ResumeOptions)

_LISTS: dict[str, type] = {"loras": Lora, "embeddings": Embedding, "branches": Branch}


def with_request_id(options: Options) -> Options:
    """The options with a request id, made up where there is none: what is sent again after a lost
    connection then begins no second job."""
    if options.get("request_id"):
        return options
    return {**options, "request_id": str(uuid.uuid4())}


def with_branches(options: PictureOptions, branches: Sequence[Branch]) -> GenerateOptions:
    """The options of a comparison. Raises ValueError where there is nothing to compare."""
    if not branches:
        raise ValueError("branches is empty: give a Branch for each ending")
    return {"pause_at": None, **options, "branches": branches}


def generate_request(positive_prompt: str, options: GenerateOptions) -> bytes:
    """The request's bytes. Raises TypeError for an option that does not exist or has the wrong
    type, InvalidRequest for a value that the wire cannot carry."""
    message = refinery_pb2.GenerateRequest()
    _set(message, "positive_prompt", positive_prompt, "positive_prompt")
    set_options(message, options, GenerateOptions, "generate")
    return message.SerializeToString()


def set_options(
    message: Message, options: GenerateOptions | ResumeOptions, kind: type, call: str
) -> None:
    """Writes a call's options into its message; ``kind`` has those that there are. Raises as
    ``generate_request`` does."""
    known = kind.__annotations__
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"{call}() has no option {name!r}; it has {', '.join(known)}")
        if value is None:
            continue
        if name in _LISTS:
            if not isinstance(value, Sequence):
                raise TypeError(
                    f"{name} cannot be {value!r}: it is a sequence of {_LISTS[name].__name__}"
                )
            for index, item in enumerate(value):
                path = f"{name}[{index}]"
                if not isinstance(item, _LISTS[name]):
                    raise TypeError(f"{path} cannot be {item!r}: it is a {_LISTS[name].__name__}")
                _fill(getattr(message, name).add(), item, path)
        else:
            _put(message, name, value, name)


def _put(message: Message, name: str, value: object, path: str) -> None:
    """Writes a field, whatever it is made of; ``path`` is what the caller calls it."""
    if not is_dataclass(value) or isinstance(value, type):
        _set(message, name, value, path)
        return
    part = getattr(message, name)
    if not isinstance(part, Message) or part.DESCRIPTOR.name != type(value).__name__:
        raise TypeError(f"{path} cannot be a {type(value).__name__}")
    part.SetInParent()
    if not isinstance(value, PausePoint):
        _fill(part, value, path)
    elif value.steps is None:
        _set(part, "handoff", True, path)
    else:
        _set(part, "step", value.steps, path)


def _fill(part: Message, value: Any, path: str) -> None:
    for item in fields(value):
        if (inner := getattr(value, item.name)) is not None:
            _put(part, item.name, inner, f"{path}.{item.name}")


def _set(message: Message, name: str, value: object, path: str) -> None:
    try:
        setattr(message, name, value)
    except (TypeError, AttributeError) as error:
        raise TypeError(f"{path} cannot be {value!r}: {error}") from None
    except ValueError as error:
        field = _camel_case(path)
        # What is wrong with a branch has the code that it has in a request of its own.
        parts = re.sub(r"^branches\[\d+\]\.|\[\d+\]", "", field).split(".")
        code = "invalid" + "".join(part[0].upper() + part[1:] for part in parts)
        raise InvalidRequest(
            f"{path} cannot be {value!r}: {error}", Status.INVALID_ARGUMENT, code, [field]
        ) from None


def _camel_case(name: str) -> str:
    """The contract's name of a field: refiner.startStep for refiner.start_step."""
    first, *others = name.split("_")
    camel = first + "".join(word.capitalize() for word in others)
    return camel.replace("cfgScale", "CFGScale").replace("loras[", "lora[")


def event_of(data: bytes) -> Event | None:
    """None for an event of a kind that this client does not know."""
    event = refinery_pb2.Event.FromString(data)
    shared: dict[str, Any] = {
        "job_id": event.job_id,
        "sequence": event.sequence,
        "time_ms": event.time_ms,
    }
    kind = event.WhichOneof("content")
    if kind == "accepted":
        return _accepted(event.accepted, shared)
    if kind == "queued":
        return Queued(
            place=event.queued.place, eta_seconds=optional(event.queued, "eta_seconds"), **shared
        )
    if kind == "progress":
        return _progress(event.progress, shared)
    if kind == "handed_off":
        return HandedOff(
            image_index=event.handed_off.image_index,
            handoff=_handoff(event.handed_off.handoff),
            latents_sha256=event.handed_off.latents_sha256,
            branch=_branch(event.handed_off),
            **shared,
        )
    if kind == "image":
        return _image(event.image, shared)
    if kind == "resumed":
        return Resumed(
            image_index=event.resumed.image_index,
            step=event.resumed.step,
            reason=event.resumed.reason,
            **shared,
        )
    if kind == "ended":
        error = event.ended.error if event.ended.HasField("error") else None
        return Ended(
            state=state_of(event.ended.state),
            error=None if error is None else error_of_job(error),
            **shared,
        )
    return None


def is_complete(event: Event) -> bool:
    """Whether the event completes its job."""
    return isinstance(event, Image) and event.summary is not None


def by_branch(images: Iterable[Image], branches: Sequence[Branch]) -> list[list[Image]]:
    """The pictures of each branch, in the order of their seeds."""
    pictures: list[list[Image]] = [[] for _ in branches]
    for image in images:
        if image.branch is None or image.branch >= len(branches):
            raise protocol_error(
                f"a picture came that is of none of the {len(branches)} branches asked for: the "
                "server may be older than this client"
            )
        pictures[image.branch].append(image)
    return pictures


def _accepted(accepted: refinery_pb2.Accepted, shared: dict[str, Any]) -> Accepted:
    return Accepted(
        model=accepted.model,
        refiner_model=accepted.refiner_model or None,
        size=size_of(accepted.size),
        seeds=tuple(accepted.seeds),
        scheduler=accepted.scheduler,
        spacing=accepted.spacing,
        timesteps=tuple(accepted.timesteps),
        sigmas=tuple(accepted.sigmas),
        base_steps=accepted.base_steps,
        refiner_steps=accepted.refiner_steps,
        handoff=_handoff(accepted.handoff) if accepted.HasField("handoff") else None,
        advice=tuple(accepted.advice),
        fingerprint=accepted.fingerprint,
        branches=tuple(_branch_plan(branch) for branch in accepted.branches),
        pause_step=accepted.pause_step or None,
        resumes=_ticket(accepted.resumes) if accepted.HasField("resumes") else None,
        **shared,
    )


def _branch_plan(branch: refinery_pb2.BranchPlan) -> BranchPlan:
    return BranchPlan(
        index=branch.index,
        refiner_model=branch.refiner_model or None,
        base_steps=branch.base_steps,
        refiner_steps=branch.refiner_steps,
        handoff=_handoff(branch.handoff) if branch.HasField("handoff") else None,
        advice=tuple(branch.advice),
        fingerprint=branch.fingerprint,
    )


def _ticket(ticket: refinery_pb2.Ticket) -> Ticket:
    return Ticket(ticket.job_id, ticket.step)


def _progress(progress: refinery_pb2.Progress, shared: dict[str, Any]) -> Progress:
    return Progress(
        phase=phase_of(progress.phase),
        step=progress.step,
        steps=progress.steps,
        phase_step=progress.phase_step,
        phase_steps=progress.phase_steps,
        timestep=progress.timestep,
        sigma=progress.sigma,
        step_seconds=progress.step_seconds,
        elapsed_seconds=progress.elapsed_seconds,
        eta_seconds=optional(progress, "eta_seconds"),
        image_index=progress.image_index,
        image_count=progress.image_count,
        branch=_branch(progress),
        job_step=progress.job_step,
        job_steps=progress.job_steps,
        preview=progress.preview or None,
        preview_step=progress.preview_step if progress.preview else None,
        **shared,
    )


def _image(image: refinery_pb2.Image, shared: dict[str, Any]) -> Image:
    return Image(
        png=image.png,
        width=image.width,
        height=image.height,
        seed=image.seed,
        sha256=image.sha256,
        image_index=image.image_index,
        image_count=image.image_count,
        summary=_summary(image.summary) if image.HasField("summary") else None,
        branch=_branch(image),
        paused_step=image.paused_step or None,
        **shared,
    )


def _summary(summary: refinery_pb2.Summary) -> Summary:
    return Summary(
        base_steps=summary.base_steps,
        refiner_steps=summary.refiner_steps,
        text_encoding_seconds=summary.text_encoding_seconds,
        image_encoding_seconds=summary.image_encoding_seconds,
        base_seconds=summary.base_seconds,
        refiner_seconds=summary.refiner_seconds,
        decoding_seconds=summary.decoding_seconds,
        total_seconds=summary.total_seconds,
        is_cut_short=summary.is_cut_short,
        base_evaluations=summary.base_evaluations,
        refiner_evaluations=summary.refiner_evaluations,
        shared_evaluations=summary.shared_evaluations,
    )


def _branch(
    message: refinery_pb2.Progress | refinery_pb2.HandedOff | refinery_pb2.Image,
) -> int | None:
    return message.branch if message.HasField("branch") else None


def _handoff(handoff: refinery_pb2.Handoff) -> Handoff:
    return Handoff(handoff.step, handoff.percentage, handoff.timestep, handoff.sigma)


def phase_of(number: int) -> Phase:
    """A phase that this client does not know is UNSPECIFIED."""
    try:
        return Phase(number)
    except ValueError:
        return Phase.UNSPECIFIED


def state_of(number: int) -> JobState:
    """A state that this client does not know is UNSPECIFIED."""
    try:
        return JobState(number)
    except ValueError:
        return JobState.UNSPECIFIED


def error_of_job(error: refinery_pb2.JobError) -> RefineryError:
    """What would have been raised at the end of the job's events."""
    detail = error.detail
    return error_of_status(
        error.code,
        error.message,
        detail.code,
        detail.fields,
        detail.retryable,
        detail.retry_after_ms,
    )


def size_of(size: refinery_pb2.Size) -> Size:
    return Size(height=size.height, width=size.width)


def optional(message: Message, name: str) -> float | None:
    return float(getattr(message, name)) if message.HasField(name) else None


def _models(data: bytes) -> tuple[Model, ...]:
    return tuple(
        Model(
            id=model.id,
            aliases=tuple(model.aliases),
            architecture=model.architecture,
            role=_role(model.role),
            dtype=model.dtype,
            byte_count=model.byte_count,
            parameter_count=model.parameter_count,
            default_size=size_of(model.default_size),
            minimum_side=model.minimum_side,
            problem=model.problem,
            sha256=model.sha256,
        )
        for model in refinery_pb2.ListModelsResponse.FromString(data).models
    )


def _role(number: int) -> ModelRole:
    try:
        return ModelRole(number)
    except ValueError:  # a role that this client does not know is of no use to it
        return ModelRole.UNUSABLE


def _server_info(data: bytes) -> ServerInfo:
    info = refinery_pb2.ServerInfo.FromString(data)
    return ServerInfo(
        version=info.version,
        blas_core=info.blas_core,
        blas_gflops=info.blas_gflops,
        lanes=info.lanes,
        threads_per_lane=info.threads_per_lane,
        default_model=info.default_model,
        request_byte_limit=info.request_byte_limit,
        queue_limit=info.queue_limit,
        side_limit=info.side_limit,
        uptime_seconds=info.uptime_seconds,
    )


def _server_stats(data: bytes) -> ServerStats:
    stats = refinery_pb2.ServerStats.FromString(data)
    return ServerStats(
        accepted=stats.accepted,
        finished=stats.finished,
        failed=stats.failed,
        cancelled=stats.cancelled,
        refused=stats.refused,
        queued=stats.queued,
        running=stats.running,
        base_steps=stats.base_steps,
        base_seconds=stats.base_seconds,
        refiner_steps=stats.refiner_steps,
        refiner_seconds=stats.refiner_seconds,
        connections=stats.connections,
        paused=stats.paused,
        connections_cut=stats.connections_cut,
        connections_not_ttrpc=stats.connections_not_ttrpc,
        memory_budget_bytes=stats.memory_budget_bytes,
        memory_reserved_bytes=stats.memory_reserved_bytes,
        memory_available_bytes=stats.memory_available_bytes,
        memory_holds_back=stats.memory_holds_back,
        memory_holds=stats.memory_holds,
    )


PIECE_BYTES = 512 << 10
"""Of a picture, in one call; with its envelope it must stay below the server's 1 MiB."""


def digest(picture: bytes) -> bytes:
    return hashlib.sha256(picture).digest()


def upload_request(picture: bytes, sha256: bytes, offset: int) -> bytes:
    return refinery_pb2.UploadImageRequest(
        data=picture[offset : offset + PIECE_BYTES],
        offset=offset,
        total=len(picture),
        sha256=sha256,
    ).SerializeToString()


def upload_attempts(picture: bytes) -> range:
    """Calls enough for any picture; a server that asks for one piece for ever is not obeyed."""
    return range(2 * (len(picture) // PIECE_BYTES + 1))


def _uploaded(data: bytes) -> tuple[str | None, int]:
    """The picture's name once it is complete, and the next piece's offset."""
    reply = refinery_pb2.UploadedImage.FromString(data)
    return (reply.sha256 if reply.complete else None), reply.received


def ping_request(payload: bytes) -> bytes:
    return refinery_pb2.PingMessage(payload=payload).SerializeToString()


def _ping_payload(data: bytes) -> bytes:
    return refinery_pb2.PingMessage.FromString(data).payload


def authenticate_request(token: str | None) -> bytes:
    return refinery_pb2.AuthenticateRequest(token=token or "").SerializeToString()


def _tenant(data: bytes) -> str:
    return refinery_pb2.AuthenticateResponse.FromString(data).tenant


def health_request(service: str) -> bytes:
    return health_pb2.HealthCheckRequest(service=service).SerializeToString()


def _health(data: bytes) -> Health:
    try:
        return Health(health_pb2.HealthCheckResponse.FromString(data).status)
    except ValueError:
        return Health.UNKNOWN


GENERATE: Method[Event] = Method(
    "refinery.v1.ImageGeneration",
    "Generate",
    streams=True,
    decode=event_of,
    completes=is_complete,
)
UPLOAD_IMAGE = Method("refinery.v1.ImageGeneration", "UploadImage", streams=False, decode=_uploaded)
LIST_MODELS = Method("refinery.v1.Models", "ListModels", streams=False, decode=_models)
GET_INFO = Method("refinery.v1.Server", "GetInfo", streams=False, decode=_server_info)
GET_STATS = Method("refinery.v1.Server", "GetStats", streams=False, decode=_server_stats)
AUTHENTICATE = Method("refinery.v1.Server", "Authenticate", streams=False, decode=_tenant)
PING = Method("refinery.v1.Server", "Ping", streams=False, decode=_ping_payload)
CHECK_HEALTH = Method("grpc.health.v1.Health", "Check", streams=False, decode=_health)
