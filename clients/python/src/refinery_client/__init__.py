"""A client of Refinery, the two-stage SDXL picture server.

    with Client("127.0.0.1:7420") as client:
        client.generate_image("a red fox", seed=1).save("fox.png")

``Client`` is for ordinary code, ``AsyncClient`` for asyncio; README.md shows both.
"""

from .aio import AsyncClient
from .client import Client
from .errors import (
    AlreadyExists,
    Cancelled,
    ConnectionLost,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    ProtocolError,
    RefineryError,
    ResourceExhausted,
    ServerUnreachable,
    Status,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from .events import (
    Accepted,
    Ended,
    Event,
    HandedOff,
    Handoff,
    Image,
    JobState,
    Phase,
    Point,
    Progress,
    Queued,
    Resumed,
    Size,
    Summary,
)
from .jobs import ImageChunk, Job, Outcome
from .parameters import ApplyTo, Embedding, GenerateOptions, HandoffHistory, Lora, Refiner
from .server import Health, Model, ModelRole, ServerInfo, ServerStats

__all__ = [
    "Accepted",
    "AlreadyExists",
    "ApplyTo",
    "AsyncClient",
    "Cancelled",
    "Client",
    "ConnectionLost",
    "DataLoss",
    "DeadlineExceeded",
    "Embedding",
    "Ended",
    "Event",
    "FailedPrecondition",
    "GenerateOptions",
    "HandedOff",
    "Handoff",
    "HandoffHistory",
    "Health",
    "Image",
    "ImageChunk",
    "InvalidRequest",
    "Job",
    "JobState",
    "Lora",
    "Model",
    "ModelRole",
    "NotFound",
    "Outcome",
    "Phase",
    "Point",
    "Progress",
    "ProtocolError",
    "Queued",
    "Refiner",
    "RefineryError",
    "ResourceExhausted",
    "Resumed",
    "ServerInfo",
    "ServerStats",
    "ServerUnreachable",
    "Size",
    "Status",
    "Summary",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
]
