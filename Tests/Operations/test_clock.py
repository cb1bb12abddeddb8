"""A wall clock that is set by more than a day, either way, while the server works: what waits and
measures goes by the monotonic one. Only ``time_ms`` of events, for display, follows."""

from __future__ import annotations

import ctypes
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from refinery_client import Client, DeadlineExceeded, Event, JobState, PictureOptions, Progress

from conftest import SECONDS, Refinery, free_port
from test_systemd import NotifySocket

HOUR_MS = 3_600_000
LONG = PictureOptions(width=512, height=512, steps=100, number_results=20)


class WallClock:
    """That of servers started with ``environment``."""

    def __init__(self, path: Path, library: Path) -> None:
        self._path = path
        self.set(0)
        # What the library shares among processes. If it had to make this itself it would change its
        # environment, by whose place in memory Swift finds a program's arguments.
        name = f"refinery-clock-{os.getpid()}"
        self._shared = [Path("/dev/shm", name), Path("/dev/shm", f"sem.{name}")]
        self._shared[0].write_bytes(bytes(4096))
        ctypes.CDLL(None).sem_open(f"/{name}".encode(), os.O_CREAT, 0o600, 1)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_SHARED": f"/{name} /{name}",
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, hours: int) -> None:
        """So far from the true time, from now on."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(f"{hours:+d}h\n")
        os.replace(fresh, self._path)

    def close(self) -> None:
        for path in self._shared:
            path.unlink(missing_ok=True)


@pytest.fixture
def clock(refinery: Refinery) -> Iterator[WallClock]:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is missing (Debian: apt-get install libfaketime)")
    clock = WallClock(refinery.folder / "clock", library)
    yield clock
    clock.close()


def steps(events: Iterator[Event], count: int) -> list[Progress]:
    return list(itertools.islice((e for e in events if isinstance(e, Progress)), count))


@pytest.mark.parametrize("hours", [30, -30])
def test_a_wall_clock_that_jumps_moves_nothing(
    refinery: Refinery, clock: WallClock, hours: int
) -> None:
    notify = NotifySocket(f"@refinery-{refinery.folder.name}-{free_port()}")
    arguments = ["--listen", "127.0.0.1:0", "--data", "data", "--checkpoint-seconds", "0"]
    watched = {"NOTIFY_SOCKET": notify.name, "WATCHDOG_USEC": "1000000"}
    server = refinery.serve(*arguments, "--drain-seconds", "0", **watched, **clock.environment)
    with Client(server.address) as client:
        old = client.generate_image("a fox", width=64, height=64, steps=2, request_id="old")
        # An hour is more than this test has, and less than the jump.
        client.submit("a fox", **LONG, request_id="long", deadline_ms=HOUR_MS)
        events = client.watch("long", timeout=SECONDS)
        before = steps(events, 5)
        clock.set(hours)
        after = steps(events, 20)
        jump = (after[-1].time_ms - before[-1].time_ms) / HOUR_MS
        assert abs(jump - hours) < 1, "the clock was not set"
        for last, event in itertools.pairwise(before + after):
            assert event.sequence > last.sequence
            assert 0 <= event.elapsed_seconds - last.elapsed_seconds < SECONDS
            assert 0 <= event.step_seconds < SECONDS
            assert event.eta_seconds is None or event.eta_seconds < 12 * 3600
        last = after[-1]
        events.close()

        # A deadline is neither over at once nor in thirty hours.
        begun = time.monotonic()
        client.submit("a fox", **LONG, request_id="short", deadline_ms=1500)
        with pytest.raises(DeadlineExceeded):
            for _ in client.watch("short", timeout=SECONDS):
                pass
        assert time.monotonic() - begun >= 1.5
        assert client.job("short").state is JobState.FAILED
        assert client.job("long").state is JobState.RUNNING

        # The loop lives, and says so.
        notify.drain()
        for _ in range(3):
            notify.wait_for("WATCHDOG")

        # Jobs are kept for days: these are not forgotten.
        assert {job.id for job in client.jobs()} == {"old", "short", "long"}
        assert client.read_image("old") == old.png
    assert server.stop() == 0
    assert "notice job left by the server's stop id=long" in server.log

    # And a start at yet another time.
    clock.set(-hours)
    server = refinery.serve(*arguments, "--drain-seconds", "0", **clock.environment)
    assert "the job goes on from step" in server.log
    with Client(server.address) as client:
        events = client.watch("long", after_sequence=last.sequence, timeout=SECONDS)
        again = steps(events, 5)
        assert all(event.sequence > last.sequence for event in again)
        assert all(event.job_step >= last.job_step for event in again[1:])
        events.close()
        assert client.read_image("old") == old.png
        assert client.job("short").state is JobState.FAILED
    assert server.stop() == 0
