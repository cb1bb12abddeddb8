"""Plays systemd's part: sockets that are open already, the notify socket, the watchdog."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, SECONDS, Refinery, free_port
from test_running import get


class NotifySocket:
    """Where a service tells how it is. With a name in the abstract space if that is wanted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self._socket.settimeout(SECONDS)

    def next(self) -> dict[str, str]:
        text = self._socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def drain(self) -> None:
        """Forgets what has come so far."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(4096):
                pass
        self._socket.settimeout(SECONDS)

    def wait_for(self, key: str) -> dict[str, str]:
        while key not in (message := self.next()):
            pass
        return message


def listening(address: str | tuple[str, int], family: int) -> socket.socket:
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    return listener


def as_systemd_starts(*sockets: socket.socket) -> list[str]:
    """The sockets as 3, 4, ... of the process that is executed, whose id is in LISTEN_PID."""
    # By way of high numbers: the targets may be in use among the sources.
    moves = [f"exec {20 + i}<&{s.fileno()}" for i, s in enumerate(sockets)]
    moves += [f"exec {3 + i}<&{20 + i} {20 + i}<&-" for i, s in enumerate(sockets)]
    script = "; ".join([*moves, "export LISTEN_PID=$$ WATCHDOG_PID=$$", 'exec "$@"'])
    return ["bash", "-c", script, "bash"]


@pytest.mark.parametrize("abstract", [False, True])
def test_sockets_states_and_the_watchdog(
    refinery: Refinery, token_file: Path, abstract: bool
) -> None:
    folder = refinery.folder
    notify = NotifySocket(f"@refinery-{folder.name}-{free_port()}" if abstract else f"{folder}/n")
    tcp = listening(("127.0.0.1", 0), socket.AF_INET)
    unix = listening(f"{folder}/s", socket.AF_UNIX)
    admin = listening(("127.0.0.1", 0), socket.AF_INET)
    sockets = (tcp, unix, admin)
    server = refinery.serve(
        *("--tokens", str(token_file)),
        prefix=as_systemd_starts(*sockets),
        pass_fds=tuple(s.fileno() for s in sockets),
        LISTEN_FDS="3",
        LISTEN_FDNAMES="refinery:refinery:admin",
        NOTIFY_SOCKET=notify.name,
        WATCHDOG_USEC="200000",
    )
    ready = notify.wait_for("READY")
    assert ready == {"READY": "1", "STATUS": "serving"}
    for _ in range(3):
        assert notify.wait_for("WATCHDOG")["WATCHDOG"] == "1"

    # No socket but those: the default address is not listened on.
    addresses = [f"127.0.0.1:{tcp.getsockname()[1]}", f"unix:{folder}/s"]
    assert server.log.count("listening on") == 2
    for address in addresses:
        done = refinery.run("jobs", "--server", address, REFINERY_TOKEN="alice-0123456789")
        assert done.returncode == 0, done.stderr
    assert get(admin.getsockname()[1], "/healthz")[0] == 200

    server.process.send_signal(signal.SIGHUP)
    assert int(notify.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
    assert notify.wait_for("READY")["READY"] == "1"

    server.process.send_signal(signal.SIGTERM)
    assert notify.wait_for("STOPPING")["STOPPING"] == "1"
    assert server.process.wait(SECONDS) == 0
    # They are systemd's: who connects meanwhile waits for the next start.
    assert Path(f"{folder}/s").is_socket()
    with socket.create_connection(tcp.getsockname()):
        pass


def test_a_descriptor_that_is_no_listening_socket_is_refused(refinery: Refinery) -> None:
    with socket.socket() as idle:
        done = subprocess.run(
            [*as_systemd_starts(idle), refinery.binary, "serve"],
            env={"LISTEN_FDS": "1", "PATH": "/usr/bin:/bin"},
            pass_fds=(idle.fileno(),),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert done.returncode == 2
    assert "descriptor 3 is no listening TCP or Unix socket" in done.stderr


def test_what_is_meant_for_another_process_is_left_alone(refinery: Refinery) -> None:
    server = refinery.serve("--listen", "127.0.0.1:0", LISTEN_FDS="1", LISTEN_PID="1")
    assert server.log.count("listening on") == 1
    assert server.stop() == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in (ROOT / "dev/systemd").glob("refinery*.s*"):
        # There need be no such executable here.
        text = unit.read_text().replace("/usr/local/bin/refinery", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "refinery.service"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    complaints = [line for line in done.stderr.splitlines() if "refinery" in line]
    assert done.returncode == 0, done.stderr
    assert not complaints
