"""A client of Refinery, the two-stage SDXL picture server.

    with Client("127.0.0.1:7420") as client:
        client.generate_image("a red fox", seed=1).save("fox.png")

``Client`` is for ordinary code, ``AsyncClient`` for asyncio; README.md shows both.
"""

from .aio import AsyncClient
from .client import Client
from .errors import (
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    ProtocolError,
    RefineryError,
    ResourceExhausted,
    ServerUnreachable,
    Status,
    Unavailable,
    Unimplemented,
)
from .events import (
    Accepted,
    Event,
    HandedOff,
    Handoff,
    Image,
    Phase,
    Point,
    Progress,
    Queued,
    Resumed,
    Size,
    Summary,
)
from .parameters import ApplyTo, Embedding, GenerateOptions, HandoffHistory, Lora, Refiner
from .server import Health, Model, ModelRole, ServerInfo, ServerStats

__all__ = [
    "Accepted",
    "ApplyTo",
    "AsyncClient",
    "Cancelled",
    "Client",
    "ConnectionLost",
    "DeadlineExceeded",
    "Embedding",
    "Event",
    "FailedPrecondition",
    "GenerateOptions",
    "HandedOff",
    "Handoff",
    "HandoffHistory",
    "Health",
    "Image",
    "InvalidRequest",
    "Lora",
    "Model",
    "ModelRole",
    "NotFound",
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
    "Unavailable",
    "Unimplemented",
]
