from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

BASE: Phase
DECODING: Phase
DESCRIPTOR: _descriptor.FileDescriptor
IMAGE_ENCODING: Phase
KEEP: HandoffHistory
PHASE_UNSPECIFIED: Phase
REFINER: Phase
RESET: HandoffHistory
TEXT_ENCODING: Phase

class Accepted(_message.Message):
    __slots__ = ["advice", "base_steps", "branches", "fingerprint", "handoff", "model", "pause_step", "refiner_model", "refiner_steps", "resumes", "scheduler", "seeds", "sigmas", "size", "spacing", "timesteps"]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    BASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAUSE_STEP_FIELD_NUMBER: _ClassVar[int]
    REFINER_MODEL_FIELD_NUMBER: _ClassVar[int]
    REFINER_STEPS_FIELD_NUMBER: _ClassVar[int]
    RESUMES_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    SIGMAS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SPACING_FIELD_NUMBER: _ClassVar[int]
    TIMESTEPS_FIELD_NUMBER: _ClassVar[int]
    advice: _containers.RepeatedScalarFieldContainer[str]
    base_steps: int
    branches: _containers.RepeatedCompositeFieldContainer[BranchPlan]
    fingerprint: str
    handoff: Handoff
    model: str
    pause_step: int
    refiner_model: str
    refiner_steps: int
    resumes: Ticket
    scheduler: str
    seeds: _containers.RepeatedScalarFieldContainer[int]
    sigmas: _containers.RepeatedScalarFieldContainer[float]
    size: Size
    spacing: str
    timesteps: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, model: _Optional[str] = ..., refiner_model: _Optional[str] = ..., size: _Optional[_Union[Size, _Mapping]] = ..., seeds: _Optional[_Iterable[int]] = ..., scheduler: _Optional[str] = ..., spacing: _Optional[str] = ..., timesteps: _Optional[_Iterable[float]] = ..., sigmas: _Optional[_Iterable[float]] = ..., base_steps: _Optional[int] = ..., refiner_steps: _Optional[int] = ..., handoff: _Optional[_Union[Handoff, _Mapping]] = ..., advice: _Optional[_Iterable[str]] = ..., fingerprint: _Optional[str] = ..., branches: _Optional[_Iterable[_Union[BranchPlan, _Mapping]]] = ..., pause_step: _Optional[int] = ..., resumes: _Optional[_Union[Ticket, _Mapping]] = ...) -> None: ...

class AuthenticateRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class AuthenticateResponse(_message.Message):
    __slots__ = ["tenant"]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    def __init__(self, tenant: _Optional[str] = ...) -> None: ...

class Branch(_message.Message):
    __slots__ = ["refiner"]
    REFINER_FIELD_NUMBER: _ClassVar[int]
    refiner: Refiner
    def __init__(self, refiner: _Optional[_Union[Refiner, _Mapping]] = ...) -> None: ...

class BranchPlan(_message.Message):
    __slots__ = ["advice", "base_steps", "fingerprint", "handoff", "index", "refiner_model", "refiner_steps"]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    BASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REFINER_MODEL_FIELD_NUMBER: _ClassVar[int]
    REFINER_STEPS_FIELD_NUMBER: _ClassVar[int]
    advice: _containers.RepeatedScalarFieldContainer[str]
    base_steps: int
    fingerprint: str
    handoff: Handoff
    index: int
    refiner_model: str
    refiner_steps: int
    def __init__(self, index: _Optional[int] = ..., refiner_model: _Optional[str] = ..., base_steps: _Optional[int] = ..., refiner_steps: _Optional[int] = ..., handoff: _Optional[_Union[Handoff, _Mapping]] = ..., advice: _Optional[_Iterable[str]] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ["job_id", "outcome"]
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    DECODE_NOW: CancelJobRequest.Outcome
    DISCARD: CancelJobRequest.Outcome
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SKIP_TO_REFINER: CancelJobRequest.Outcome
    job_id: str
    outcome: CancelJobRequest.Outcome
    def __init__(self, job_id: _Optional[str] = ..., outcome: _Optional[_Union[CancelJobRequest.Outcome, str]] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ["model", "weight"]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    model: str
    weight: float
    def __init__(self, model: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ["error", "state"]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    error: JobError
    state: Job.State
    def __init__(self, state: _Optional[_Union[Job.State, str]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ["code", "fields", "retry_after_ms", "retryable"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    retry_after_ms: int
    retryable: bool
    def __init__(self, code: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., retryable: bool = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ["accepted", "ended", "handed_off", "image", "job_id", "progress", "queued", "resumed", "sequence", "time_ms"]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    HANDED_OFF_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    accepted: Accepted
    ended: Ended
    handed_off: HandedOff
    image: Image
    job_id: str
    progress: Progress
    queued: Queued
    resumed: Resumed
    sequence: int
    time_ms: int
    def __init__(self, job_id: _Optional[str] = ..., sequence: _Optional[int] = ..., time_ms: _Optional[int] = ..., accepted: _Optional[_Union[Accepted, _Mapping]] = ..., queued: _Optional[_Union[Queued, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., handed_off: _Optional[_Union[HandedOff, _Mapping]] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., resumed: _Optional[_Union[Resumed, _Mapping]] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ["branches", "cfg_scale", "clip_skip", "crop_top_left", "deadline_ms", "detach", "embeddings", "eta", "guidance_rescale", "handoff_history", "height", "loras", "mask_image", "model", "negative_crop_top_left", "negative_original_size", "negative_prompt", "negative_prompt_2", "negative_target_size", "number_results", "original_size", "pause_at", "positive_prompt", "positive_prompt_2", "preview_every", "preview_side", "priority", "prompt_weighting", "refiner", "request_id", "scheduler", "seed", "seed_image", "steps", "strength", "target_size", "vae", "width"]
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    CFG_SCALE_FIELD_NUMBER: _ClassVar[int]
    CLIP_SKIP_FIELD_NUMBER: _ClassVar[int]
    CROP_TOP_LEFT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_RESCALE_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_HISTORY_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LORAS_FIELD_NUMBER: _ClassVar[int]
    MASK_IMAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_CROP_TOP_LEFT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_ORIGINAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_2_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_TARGET_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_AT_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_PROMPT_2_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_EVERY_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_SIDE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_WEIGHTING_FIELD_NUMBER: _ClassVar[int]
    REFINER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SEED_IMAGE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    TARGET_SIZE_FIELD_NUMBER: _ClassVar[int]
    VAE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    branches: _containers.RepeatedCompositeFieldContainer[Branch]
    cfg_scale: float
    clip_skip: int
    crop_top_left: Point
    deadline_ms: int
    detach: bool
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    eta: float
    guidance_rescale: float
    handoff_history: HandoffHistory
    height: int
    loras: _containers.RepeatedCompositeFieldContainer[Lora]
    mask_image: str
    model: str
    negative_crop_top_left: Point
    negative_original_size: Size
    negative_prompt: str
    negative_prompt_2: str
    negative_target_size: Size
    number_results: int
    original_size: Size
    pause_at: PausePoint
    positive_prompt: str
    positive_prompt_2: str
    preview_every: int
    preview_side: int
    priority: int
    prompt_weighting: str
    refiner: Refiner
    request_id: str
    scheduler: str
    seed: int
    seed_image: str
    steps: int
    strength: float
    target_size: Size
    vae: str
    width: int
    def __init__(self, request_id: _Optional[str] = ..., positive_prompt: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., positive_prompt_2: _Optional[str] = ..., negative_prompt_2: _Optional[str] = ..., model: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., steps: _Optional[int] = ..., scheduler: _Optional[str] = ..., seed: _Optional[int] = ..., cfg_scale: _Optional[float] = ..., number_results: _Optional[int] = ..., refiner: _Optional[_Union[Refiner, _Mapping]] = ..., original_size: _Optional[_Union[Size, _Mapping]] = ..., crop_top_left: _Optional[_Union[Point, _Mapping]] = ..., target_size: _Optional[_Union[Size, _Mapping]] = ..., negative_original_size: _Optional[_Union[Size, _Mapping]] = ..., negative_crop_top_left: _Optional[_Union[Point, _Mapping]] = ..., negative_target_size: _Optional[_Union[Size, _Mapping]] = ..., vae: _Optional[str] = ..., seed_image: _Optional[str] = ..., mask_image: _Optional[str] = ..., strength: _Optional[float] = ..., clip_skip: _Optional[int] = ..., prompt_weighting: _Optional[str] = ..., guidance_rescale: _Optional[float] = ..., embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., eta: _Optional[float] = ..., handoff_history: _Optional[_Union[HandoffHistory, str]] = ..., loras: _Optional[_Iterable[_Union[Lora, _Mapping]]] = ..., priority: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., detach: bool = ..., branches: _Optional[_Iterable[_Union[Branch, _Mapping]]] = ..., pause_at: _Optional[_Union[PausePoint, _Mapping]] = ..., preview_every: _Optional[int] = ..., preview_side: _Optional[int] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class HandedOff(_message.Message):
    __slots__ = ["branch", "handoff", "image_index", "latents_sha256"]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    LATENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    branch: int
    handoff: Handoff
    image_index: int
    latents_sha256: bytes
    def __init__(self, image_index: _Optional[int] = ..., handoff: _Optional[_Union[Handoff, _Mapping]] = ..., latents_sha256: _Optional[bytes] = ..., branch: _Optional[int] = ...) -> None: ...

class Handoff(_message.Message):
    __slots__ = ["percentage", "sigma", "step", "timestep"]
    PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    SIGMA_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TIMESTEP_FIELD_NUMBER: _ClassVar[int]
    percentage: float
    sigma: float
    step: int
    timestep: float
    def __init__(self, step: _Optional[int] = ..., percentage: _Optional[float] = ..., timestep: _Optional[float] = ..., sigma: _Optional[float] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ["branch", "height", "image_count", "image_index", "paused_step", "png", "seed", "sha256", "summary", "width"]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    PAUSED_STEP_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    branch: int
    height: int
    image_count: int
    image_index: int
    paused_step: int
    png: bytes
    seed: int
    sha256: bytes
    summary: Summary
    width: int
    def __init__(self, png: _Optional[bytes] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., seed: _Optional[int] = ..., sha256: _Optional[bytes] = ..., image_index: _Optional[int] = ..., image_count: _Optional[int] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ..., branch: _Optional[int] = ..., paused_step: _Optional[int] = ...) -> None: ...

class ImageChunk(_message.Message):
    __slots__ = ["byte_count", "data", "offset", "sha256"]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    byte_count: int
    data: bytes
    offset: int
    sha256: bytes
    def __init__(self, data: _Optional[bytes] = ..., offset: _Optional[int] = ..., byte_count: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ["base_steps", "created_ms", "ended_ms", "error", "eta_seconds", "id", "image_count", "image_index", "model", "phase", "place", "refiner_model", "refiner_steps", "resumes", "sequence", "size", "state", "step"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    CANCELLED: Job.State
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FAILED: Job.State
    FINISHED: Job.State
    ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAUSED: Job.State
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    QUEUED: Job.State
    REFINER_MODEL_FIELD_NUMBER: _ClassVar[int]
    REFINER_STEPS_FIELD_NUMBER: _ClassVar[int]
    RESUMES_FIELD_NUMBER: _ClassVar[int]
    RUNNING: Job.State
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_UNSPECIFIED: Job.State
    STEP_FIELD_NUMBER: _ClassVar[int]
    base_steps: int
    created_ms: int
    ended_ms: int
    error: JobError
    eta_seconds: float
    id: str
    image_count: int
    image_index: int
    model: str
    phase: Phase
    place: int
    refiner_model: str
    refiner_steps: int
    resumes: str
    sequence: int
    size: Size
    state: Job.State
    step: int
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[Job.State, str]] = ..., place: _Optional[int] = ..., phase: _Optional[_Union[Phase, str]] = ..., image_index: _Optional[int] = ..., image_count: _Optional[int] = ..., step: _Optional[int] = ..., base_steps: _Optional[int] = ..., refiner_steps: _Optional[int] = ..., eta_seconds: _Optional[float] = ..., model: _Optional[str] = ..., refiner_model: _Optional[str] = ..., size: _Optional[_Union[Size, _Mapping]] = ..., created_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., sequence: _Optional[int] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., resumes: _Optional[str] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ["code", "detail", "message"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    detail: ErrorDetail
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., detail: _Optional[_Union[ErrorDetail, _Mapping]] = ...) -> None: ...

class JobReference(_message.Message):
    __slots__ = ["job_id"]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ["model", "page_size", "page_token", "states"]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    model: str
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[Job.State]
    def __init__(self, states: _Optional[_Iterable[_Union[Job.State, str]]] = ..., model: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ["jobs", "next_page_token"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ["models"]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Lora(_message.Message):
    __slots__ = ["apply_to", "model", "weight"]
    class ApplyTo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    APPLY_TO_FIELD_NUMBER: _ClassVar[int]
    BASE_ONLY: Lora.ApplyTo
    BOTH: Lora.ApplyTo
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REFINER_ONLY: Lora.ApplyTo
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    apply_to: Lora.ApplyTo
    model: str
    weight: float
    def __init__(self, model: _Optional[str] = ..., weight: _Optional[float] = ..., apply_to: _Optional[_Union[Lora.ApplyTo, str]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ["aliases", "architecture", "byte_count", "default_size", "dtype", "id", "minimum_side", "parameter_count", "problem", "role", "sha256"]
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL: Model.Role
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SIZE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING: Model.Role
    ID_FIELD_NUMBER: _ClassVar[int]
    LORA: Model.Role
    MINIMUM_SIDE_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    REFINER_MODEL: Model.Role
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    UNUSABLE: Model.Role
    VAE: Model.Role
    aliases: _containers.RepeatedScalarFieldContainer[str]
    architecture: str
    byte_count: int
    default_size: Size
    dtype: str
    id: str
    minimum_side: int
    parameter_count: int
    problem: str
    role: Model.Role
    sha256: str
    def __init__(self, id: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., architecture: _Optional[str] = ..., role: _Optional[_Union[Model.Role, str]] = ..., dtype: _Optional[str] = ..., byte_count: _Optional[int] = ..., parameter_count: _Optional[int] = ..., default_size: _Optional[_Union[Size, _Mapping]] = ..., minimum_side: _Optional[int] = ..., problem: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class PausePoint(_message.Message):
    __slots__ = ["handoff", "step"]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    handoff: bool
    step: int
    def __init__(self, step: _Optional[int] = ..., handoff: bool = ...) -> None: ...

class PingMessage(_message.Message):
    __slots__ = ["payload"]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ...) -> None: ...

class Point(_message.Message):
    __slots__ = ["left", "top"]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    left: int
    top: int
    def __init__(self, top: _Optional[int] = ..., left: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ["branch", "elapsed_seconds", "eta_seconds", "image_count", "image_index", "job_step", "job_steps", "phase", "phase_step", "phase_steps", "preview", "preview_step", "sigma", "step", "step_seconds", "steps", "timestep"]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    JOB_STEPS_FIELD_NUMBER: _ClassVar[int]
    JOB_STEP_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    PHASE_STEP_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_STEP_FIELD_NUMBER: _ClassVar[int]
    SIGMA_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIMESTEP_FIELD_NUMBER: _ClassVar[int]
    branch: int
    elapsed_seconds: float
    eta_seconds: float
    image_count: int
    image_index: int
    job_step: int
    job_steps: int
    phase: Phase
    phase_step: int
    phase_steps: int
    preview: bytes
    preview_step: int
    sigma: float
    step: int
    step_seconds: float
    steps: int
    timestep: float
    def __init__(self, phase: _Optional[_Union[Phase, str]] = ..., step: _Optional[int] = ..., steps: _Optional[int] = ..., phase_step: _Optional[int] = ..., phase_steps: _Optional[int] = ..., timestep: _Optional[float] = ..., sigma: _Optional[float] = ..., step_seconds: _Optional[float] = ..., elapsed_seconds: _Optional[float] = ..., eta_seconds: _Optional[float] = ..., image_index: _Optional[int] = ..., image_count: _Optional[int] = ..., branch: _Optional[int] = ..., job_step: _Optional[int] = ..., job_steps: _Optional[int] = ..., preview: _Optional[bytes] = ..., preview_step: _Optional[int] = ...) -> None: ...

class Queued(_message.Message):
    __slots__ = ["eta_seconds", "place"]
    ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    eta_seconds: float
    place: int
    def __init__(self, place: _Optional[int] = ..., eta_seconds: _Optional[float] = ...) -> None: ...

class ReadImageRequest(_message.Message):
    __slots__ = ["byte_count", "image_index", "job_id", "offset"]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    byte_count: int
    image_index: int
    job_id: str
    offset: int
    def __init__(self, job_id: _Optional[str] = ..., image_index: _Optional[int] = ..., offset: _Optional[int] = ..., byte_count: _Optional[int] = ...) -> None: ...

class Refiner(_message.Message):
    __slots__ = ["aesthetic_score", "cfg_scale", "model", "negative_aesthetic_score", "negative_prompt", "positive_prompt", "start_sigma", "start_step", "start_step_percentage", "start_timestep"]
    AESTHETIC_SCORE_FIELD_NUMBER: _ClassVar[int]
    CFG_SCALE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_AESTHETIC_SCORE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    START_SIGMA_FIELD_NUMBER: _ClassVar[int]
    START_STEP_FIELD_NUMBER: _ClassVar[int]
    START_STEP_PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    START_TIMESTEP_FIELD_NUMBER: _ClassVar[int]
    aesthetic_score: float
    cfg_scale: float
    model: str
    negative_aesthetic_score: float
    negative_prompt: str
    positive_prompt: str
    start_sigma: float
    start_step: int
    start_step_percentage: int
    start_timestep: float
    def __init__(self, model: _Optional[str] = ..., start_step: _Optional[int] = ..., start_step_percentage: _Optional[int] = ..., start_timestep: _Optional[float] = ..., start_sigma: _Optional[float] = ..., cfg_scale: _Optional[float] = ..., positive_prompt: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., aesthetic_score: _Optional[float] = ..., negative_aesthetic_score: _Optional[float] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ["deadline_ms", "job_id", "pause_at", "priority", "refiner", "request_id", "without_refiner"]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAUSE_AT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REFINER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_REFINER_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    job_id: str
    pause_at: PausePoint
    priority: int
    refiner: Refiner
    request_id: str
    without_refiner: bool
    def __init__(self, job_id: _Optional[str] = ..., request_id: _Optional[str] = ..., refiner: _Optional[_Union[Refiner, _Mapping]] = ..., without_refiner: bool = ..., pause_at: _Optional[_Union[PausePoint, _Mapping]] = ..., priority: _Optional[int] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class Resumed(_message.Message):
    __slots__ = ["image_index", "reason", "step"]
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    image_index: int
    reason: str
    step: int
    def __init__(self, image_index: _Optional[int] = ..., step: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ["blas_core", "blas_gflops", "default_model", "lanes", "queue_limit", "request_byte_limit", "side_limit", "threads_per_lane", "uptime_seconds", "version"]
    BLAS_CORE_FIELD_NUMBER: _ClassVar[int]
    BLAS_GFLOPS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_MODEL_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    SIDE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    THREADS_PER_LANE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    blas_core: str
    blas_gflops: float
    default_model: str
    lanes: int
    queue_limit: int
    request_byte_limit: int
    side_limit: int
    threads_per_lane: int
    uptime_seconds: float
    version: str
    def __init__(self, version: _Optional[str] = ..., blas_core: _Optional[str] = ..., blas_gflops: _Optional[float] = ..., lanes: _Optional[int] = ..., threads_per_lane: _Optional[int] = ..., default_model: _Optional[str] = ..., request_byte_limit: _Optional[int] = ..., queue_limit: _Optional[int] = ..., side_limit: _Optional[int] = ..., uptime_seconds: _Optional[float] = ...) -> None: ...

class ServerStats(_message.Message):
    __slots__ = ["accepted", "base_seconds", "base_steps", "cancelled", "connections", "connections_cut", "connections_not_ttrpc", "failed", "finished", "memory_available_bytes", "memory_budget_bytes", "memory_holds", "memory_holds_back", "memory_reserved_bytes", "paused", "queued", "refiner_seconds", "refiner_steps", "refused", "running"]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    BASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_CUT_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_NOT_TTRPC_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_AVAILABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_HOLDS_BACK_FIELD_NUMBER: _ClassVar[int]
    MEMORY_HOLDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    REFINER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REFINER_STEPS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    base_seconds: float
    base_steps: int
    cancelled: int
    connections: int
    connections_cut: int
    connections_not_ttrpc: int
    failed: int
    finished: int
    memory_available_bytes: int
    memory_budget_bytes: int
    memory_holds: int
    memory_holds_back: bool
    memory_reserved_bytes: int
    paused: int
    queued: int
    refiner_seconds: float
    refiner_steps: int
    refused: int
    running: int
    def __init__(self, accepted: _Optional[int] = ..., finished: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., refused: _Optional[int] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., base_steps: _Optional[int] = ..., base_seconds: _Optional[float] = ..., refiner_steps: _Optional[int] = ..., refiner_seconds: _Optional[float] = ..., connections: _Optional[int] = ..., paused: _Optional[int] = ..., connections_cut: _Optional[int] = ..., connections_not_ttrpc: _Optional[int] = ..., memory_budget_bytes: _Optional[int] = ..., memory_reserved_bytes: _Optional[int] = ..., memory_available_bytes: _Optional[int] = ..., memory_holds_back: bool = ..., memory_holds: _Optional[int] = ...) -> None: ...

class Size(_message.Message):
    __slots__ = ["height", "width"]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ["base_evaluations", "base_seconds", "base_steps", "decoding_seconds", "image_encoding_seconds", "is_cut_short", "refiner_evaluations", "refiner_seconds", "refiner_steps", "shared_evaluations", "text_encoding_seconds", "total_seconds"]
    BASE_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    BASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BASE_STEPS_FIELD_NUMBER: _ClassVar[int]
    DECODING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ENCODING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IS_CUT_SHORT_FIELD_NUMBER: _ClassVar[int]
    REFINER_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    REFINER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REFINER_STEPS_FIELD_NUMBER: _ClassVar[int]
    SHARED_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    TEXT_ENCODING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    base_evaluations: int
    base_seconds: float
    base_steps: int
    decoding_seconds: float
    image_encoding_seconds: float
    is_cut_short: bool
    refiner_evaluations: int
    refiner_seconds: float
    refiner_steps: int
    shared_evaluations: int
    text_encoding_seconds: float
    total_seconds: float
    def __init__(self, base_steps: _Optional[int] = ..., refiner_steps: _Optional[int] = ..., text_encoding_seconds: _Optional[float] = ..., base_seconds: _Optional[float] = ..., refiner_seconds: _Optional[float] = ..., decoding_seconds: _Optional[float] = ..., total_seconds: _Optional[float] = ..., image_encoding_seconds: _Optional[float] = ..., is_cut_short: bool = ..., base_evaluations: _Optional[int] = ..., refiner_evaluations: _Optional[int] = ..., shared_evaluations: _Optional[int] = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ["job_id", "step"]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    step: int
    def __init__(self, job_id: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class UploadImageRequest(_message.Message):
    __slots__ = ["data", "offset", "sha256", "total"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    offset: int
    sha256: bytes
    total: int
    def __init__(self, data: _Optional[bytes] = ..., offset: _Optional[int] = ..., total: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class UploadedImage(_message.Message):
    __slots__ = ["complete", "height", "received", "sha256", "width"]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    height: int
    received: int
    sha256: str
    width: int
    def __init__(self, sha256: _Optional[str] = ..., received: _Optional[int] = ..., complete: bool = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ["after_sequence", "job_id"]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    after_sequence: int
    job_id: str
    def __init__(self, job_id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class HandoffHistory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
