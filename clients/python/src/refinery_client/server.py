"""What a server says about itself: its models, limits, counts and health."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .events import Size


class ModelRole(IntEnum):
    """What a model can be asked to do."""

    UNUSABLE = 0
    BASE = 1
    REFINER = 2
    LORA = 3
    EMBEDDING = 4
    VAE = 5


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model on the server. ``default_size`` is what a request without width and height gets;
    ``problem`` says why an UNUSABLE model cannot be used; ``sha256`` is empty until the server has
    read the file, and for a model that is not one file."""

    id: str
    aliases: tuple[str, ...]
    architecture: str
    role: ModelRole
    dtype: str
    byte_count: int
    parameter_count: int
    default_size: Size
    minimum_side: int
    problem: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """The server's build, its engine and its limits. ``blas_gflops`` was measured at its start."""

    version: str
    blas_core: str
    blas_gflops: float
    lanes: int
    threads_per_lane: int
    default_model: str
    request_byte_limit: int
    queue_limit: int
    side_limit: int
    uptime_seconds: float


@dataclass(frozen=True, kw_only=True)
class ServerStats:
    """Counts since the start: accepted = finished + failed + cancelled + queued + running + paused.

    A paused job that is thrown away or forgotten is cancelled from then on. On a server with tokens
    all is of your tenant alone, and what cannot be is 0: ``connections_cut``,
    ``connections_not_ttrpc``, ``memory_available_bytes`` and ``memory_holds``."""

    accepted: int
    finished: int
    failed: int
    cancelled: int
    refused: int
    queued: int
    running: int
    base_steps: int
    base_seconds: float
    refiner_steps: int
    refiner_seconds: float
    connections: int
    paused: int
    connections_cut: int
    """Connections closed for what their peers did."""
    connections_not_ttrpc: int
    """Those among them that spoke no ttrpc."""
    memory_budget_bytes: int
    """Beyond mapped files: what jobs may take together; 0 without a budget."""
    memory_reserved_bytes: int
    """What those that are started take at most, as estimated."""
    memory_available_bytes: int
    """Of the machine, when last looked at while jobs waited; 0 before that."""
    memory_holds_back: bool
    """A job waits for memory, not for a lane."""
    memory_holds: int
    """How often that has begun."""


class Health(IntEnum):
    """grpc.health.v1's answers."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3
