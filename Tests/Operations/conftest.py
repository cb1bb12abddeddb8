"""What the one who runs a server relies on, tried from outside with the real executable.

Needs REFINERY_BINARY; `dev/test` sets it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]


class Refinery:
    """The executable, and the servers that a test has started."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self._servers: list[Server] = []

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, *arguments],
            cwd=self.folder,
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def serve(
        self,
        *arguments: str,
        prefix: list[str] | None = None,
        pass_fds: tuple[int, ...] = (),
        ready: str = " ready",
        **environment: str,
    ) -> Server:
        """Returns once the log says ``ready``."""
        number = len(self._servers)
        log = self.folder / f"log-{number}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    *(prefix or []),
                    *(str(self.binary), "serve", "--threads", "1", "--default-model", "tiny-base"),
                    *arguments,
                ],
                cwd=self.folder,
                env=clean_environment() | environment,
                stdout=file,
                stderr=file,
                pass_fds=pass_fds,
            )
        server = Server(process, log)
        self._servers.append(server)
        server.wait_for(ready)
        return server

    def end(self) -> None:
        for server in self._servers:
            server.process.kill()
            server.process.wait(SECONDS)


class Server:
    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self.path = path

    @property
    def log(self) -> str:
        return self.path.read_text(errors="replace")

    @property
    def address(self) -> str:
        found = re.search(r"listening on (\S+)", self.log)
        assert found, self.log
        return found[1]

    def wait_for(self, text: str) -> None:
        def is_there() -> bool:
            assert text in self.log or self.process.poll() is None, self.log
            return text in self.log

        wait_until(is_there, lambda: f"no {text!r} in:\n{self.log}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def wait_until(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    limit = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < limit, complaint()
        time.sleep(0.02)


def clean_environment() -> dict[str, str]:
    """Without what could lead a server or a client elsewhere."""
    names = ("REFINERY_", "LISTEN_", "WATCHDOG_", "NOTIFY_", "JOURNAL_")
    return {key: value for key, value in os.environ.items() if not key.startswith(names)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def refinery(tmp_path: Path) -> Iterator[Refinery]:
    binary = Path(os.environ["REFINERY_BINARY"]).resolve(strict=True)
    refinery = Refinery(binary, tmp_path)
    yield refinery
    refinery.end()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Two tenants' tokens."""
    path = tmp_path / "tokens"
    path.write_text("alice alice-0123456789 queued=5\nbob bob-0123456789abcdef\n")
    path.chmod(0o600)
    return path
