"""The real server as a process of a test's own: it keeps its jobs, and can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE_SECONDS = 60


class Server:
    """A server that keeps its jobs in a folder, always on the same port; it can be killed."""

    def __init__(self, folder: Path, *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._folder = folder
        self._flags = flags
        self.start()

    def start(self) -> None:
        binary = Path(os.environ["REFINERY_BINARY"]).resolve(strict=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    binary,
                    "serve",
                    *("--listen", self.address),
                    *("--data", self._folder / "data"),
                    *("--default-model", "tiny-base"),
                    *self._flags,
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE_SECONDS
        while f"listening on {self.address}" not in self.log[self._log_start :]:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    _log_start = 0

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log_start = len(self.log)
