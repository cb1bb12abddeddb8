"""The real server, for the tests marked ``server``."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "REFINERY_BINARY" in os.environ:
        return
    skip = pytest.mark.skip(reason="REFINERY_BINARY does not name a refinery executable")
    for item in items:
        if "server" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the built-in models on a port of its own; it has to stop cleanly."""
    binary = Path(os.environ["REFINERY_BINARY"]).resolve(strict=True)
    process = subprocess.Popen(
        [binary, "serve", "--listen", "127.0.0.1:0", "--default-model", "tiny-base"],
        cwd=tmp_path_factory.mktemp("server"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        output: list[str] = []
        addresses: queue.Queue[str] = queue.Queue()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                output.append(line)
                if found := re.search(r"listening on (\S+)", line):
                    addresses.put(found[1])

        reader = threading.Thread(target=read)
        reader.start()
        try:
            try:
                yield addresses.get(timeout=_SECONDS_TO_START)
            except queue.Empty:
                pytest.fail("the server does not say where it listens:\n" + "".join(output))
            process.terminate()
            code = process.wait(_SECONDS_TO_STOP)
        finally:
            process.kill()
            reader.join()
        assert code == 0, f"SIGTERM gave exit code {code}:\n" + "".join(output)
