"""The configurations of dev/tls, with stunnel at both ends and the server between."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT, SECONDS, Refinery, free_port, wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("stunnel") is None, reason="there is no stunnel: install Debian's stunnel4"
)

TOKEN = "alice-0123456789"


def make_certificate(folder: Path, name: str) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-keyout",
            folder / "server.key",
            "-out",
            folder / "server.pem",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )


class Tunnels:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, port: int, replacements: dict[str, str]) -> None:
        """stunnel with the configuration of that name, but for addresses and folders."""
        text = (ROOT / f"dev/tls/{name}.conf").read_text()
        for old, new in replacements.items():
            assert old in text
            text = text.replace(old, new)
        path = self.folder / f"{name}.conf"
        path.write_text(text)
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(["stunnel", path], stdout=file, stderr=file)
        self._processes.append(process)

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(answers, lambda: log.read_text())

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(SECONDS)


@pytest.fixture
def tunnels(tmp_path: Path) -> Iterator[Tunnels]:
    tunnels = Tunnels(tmp_path)
    yield tunnels
    tunnels.end()


def through_tls(refinery: Refinery, tunnels: Tunnels, token_file: Path, name: str) -> str:
    """Where a server with a certificate for ``name`` is reached through both tunnels."""
    server = refinery.serve("--listen", "127.0.0.1:0", "--tokens", str(token_file))
    make_certificate(refinery.folder, name)
    outer, inner = free_port(), free_port()
    tunnels.start(
        "server",
        outer,
        {
            "0.0.0.0:7443": f"127.0.0.1:{outer}",
            "connect = 127.0.0.1:7420": f"connect = {server.address}",
            "/etc/refinery/tls": str(refinery.folder),
        },
    )
    tunnels.start(
        "client",
        inner,
        {
            "accept = 127.0.0.1:7420": f"accept = 127.0.0.1:{inner}",
            "connect = pictures.example.org:7443": f"connect = 127.0.0.1:{outer}",
            "/etc/refinery/tls/ca.pem": str(refinery.folder / "server.pem"),
        },
    )
    return f"127.0.0.1:{inner}"


def test_a_picture_comes_through_tls(
    refinery: Refinery, tunnels: Tunnels, token_file: Path
) -> None:
    address = through_tls(refinery, tunnels, token_file, "pictures.example.org")
    flags = ["--width", "64", "--height", "64", "--steps", "4", "--output", "fox.png"]
    made = refinery.run("generate", "a fox", *flags, "--server", address, REFINERY_TOKEN=TOKEN)
    assert made.returncode == 0, made.stderr
    assert (refinery.folder / "fox.png").read_bytes().startswith(b"\x89PNG")
    # TLS lets nobody in without a token.
    assert refinery.run("jobs", "--server", address).returncode == 2


def test_a_server_of_another_name_is_not_spoken_to(
    refinery: Refinery, tunnels: Tunnels, token_file: Path
) -> None:
    address = through_tls(refinery, tunnels, token_file, "other.example.org")
    done = refinery.run("jobs", "--server", address, REFINERY_TOKEN=TOKEN)
    assert done.returncode == 3, done.stdout + done.stderr
