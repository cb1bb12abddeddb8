"""Where a server listens: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from .errors import ServerUnreachable, Status

DEFAULT_ADDRESS = "127.0.0.1:7420"


@dataclass(frozen=True)
class TCPAddress:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class UnixAddress:
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


def parse_address(text: str) -> TCPAddress | UnixAddress:
    """Raises ValueError, with the forms allowed, for anything else."""
    wrong = ValueError(
        f"server address {text!r}: write HOST:PORT ({DEFAULT_ADDRESS}), [IPV6]:PORT ([::1]:7420) "
        "or unix:PATH (unix:/run/refinery.sock)"
    )
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or "\0" in path:
            raise wrong
        return UnixAddress(path)
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise wrong
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise wrong
    if not 0 < int(port) < 65536:
        raise wrong
    return TCPAddress(host, int(port))


def set_options(connection: socket.socket) -> None:
    """Small frames leave at once, and a peer that vanished without a word is noticed within a
    minute or so even while nothing is due from it."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def unreachable(address: TCPAddress | UnixAddress, error: Exception) -> ServerUnreachable:
    """The error for a connection that did not come about, with what to do next."""
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        advice = (
            f"nothing listens there. Start a server with `refinery serve --listen {address}`, "
            "or correct the address"
        )
    elif isinstance(error, socket.gaierror):
        advice = f"the host name is not known ({error.strerror}). Correct the address"
    elif isinstance(error, TimeoutError):
        advice = "no answer in time. Check the address, and any firewall on the way"
    elif isinstance(error, PermissionError):
        advice = "access is denied. Check the socket file's permissions"
    else:
        advice = str(error)
    return ServerUnreachable(
        f"cannot reach a server at {address}: {advice}", Status.UNAVAILABLE, retryable=True
    )
