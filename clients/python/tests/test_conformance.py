"""The table that all clients share, clients/conformance: both faces against the real server, and
against peers that send what a server may."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer, Peer
from real_server import PATIENCE_SECONDS, Server

from refinery_client import (
    Accepted,
    AsyncClient,
    Client,
    ConnectionLost,
    Event,
    HandedOff,
    Image,
    Outcome,
    PausePoint,
    Phase,
    Progress,
    ProtocolError,
    Queued,
    Refiner,
    RefineryError,
    Resumed,
)

FOLDER = Path(__file__).resolve().parents[2] / "conformance"
SCENARIOS = json.loads((FOLDER / "scenarios.json").read_text())["scenarios"]
REPLIES = json.loads((FOLDER / "replies.json").read_text())
LETTERS = {Accepted: "a", Queued: "q", HandedOff: "h", Image: "I", Resumed: "R"}
PHASES = {
    Phase.TEXT_ENCODING: "t",
    Phase.IMAGE_ENCODING: "i",
    Phase.BASE: "b",
    Phase.REFINER: "r",
    Phase.DECODING: "d",
}


def letter(event: Event) -> str:
    return PHASES[event.phase] if isinstance(event, Progress) else LETTERS[type(event)]


class Events:
    """A job's events from either face, one at a time in ordinary code."""

    def __init__(self, is_asynchronous: bool, address: str, reconnect: float = 60) -> None:
        self._loop = asyncio.new_event_loop() if is_asynchronous else None
        self._client: Client | AsyncClient = (AsyncClient if is_asynchronous else Client)(
            address, reconnect=reconnect
        )

    def of(self, name: str, *arguments: Any, **options: Any) -> Generator[Event, None, None]:
        events = getattr(self._client, name)(*arguments, **options)
        if self._loop is None:
            with closing(events):
                yield from events
            return
        try:
            while True:
                try:
                    yield self._loop.run_until_complete(anext(events))
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run_until_complete(self._close(events))

    async def _close(self, events: AsyncIterator[Event]) -> None:
        async with aclosing(events):  # type: ignore[type-var]
            pass

    def close(self) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._client.close())  # type: ignore[arg-type]
            self._loop.close()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def open_events(request: pytest.FixtureRequest) -> Iterator[Callable[..., Events]]:
    opened: list[Events] = []

    def make(address: str, **options: Any) -> Events:
        opened.append(Events(request.param, address, **options))
        return opened[-1]

    yield make
    for events in opened:
        events.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("conformance"))
    yield server
    server.kill()


@pytest.mark.server
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_a_scenario_goes_as_the_table_says(
    server: Server, open_events: Callable[..., Events], scenario: dict[str, Any]
) -> None:
    prompt, request = arguments_of(scenario["request"])
    client = Client(server.address)
    events = open_events(server.address).of(
        "generate", prompt, timeout=scenario.get("timeout_seconds"), **request
    )
    seen: list[Event] = []
    error: RefineryError | None = None
    left = killed = cancelled = False
    try:
        for event in events:
            seen.append(event)
            kind = letter(event)
            if kind == scenario.get("leave_at"):
                left = True
                break
            if kind == scenario.get("kill_at") and not killed:
                killed = True
                server.kill()
                server.start()
            if kind == scenario.get("cancel_at") and event.step > 0 and not cancelled:  # type: ignore[attr-defined]
                cancelled = True
                client.cancel(event.job_id, Outcome[scenario["outcome"]])
    except RefineryError as failure:
        error = failure
    finally:
        events.close()

    assert (error.status.name if error else "OK") == scenario.get("status", "OK"), error
    if error is not None:
        assert error.message
        assert error.code == scenario.get("code", error.code)
        assert list(error.fields) == scenario.get("fields", list(error.fields))
    assert left == ("leave_at" in scenario)
    assert killed == ("kill_at" in scenario)
    assert cancelled == ("cancel_at" in scenario)
    assert all(earlier.sequence < later.sequence for earlier, later in itertools.pairwise(seen))
    if "events" in scenario:
        assert re.search(scenario["events"], "".join(letter(event) for event in seen))
        check_picture(client, seen[-1], scenario)
    if "job_state" in scenario:
        check_state(client, seen[0].job_id, scenario["job_state"])
    if "resume" in scenario:
        resumed = open_events(server.address)
        check_resumed(client, resumed, seen[0].job_id, scenario["resume"])


def arguments_of(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The prompt and the client's options of a request of the table."""
    options = dict(request)
    if "refiner" in options:
        options["refiner"] = Refiner(**options["refiner"])
    if "pause_at" in options:
        point = options["pause_at"]
        options["pause_at"] = PausePoint.HANDOFF if point == "handoff" else PausePoint.step(point)
    return options.pop("positive_prompt", ""), options


def check_picture(client: Client, image: Event, scenario: dict[str, Any]) -> None:
    assert isinstance(image, Image)
    assert hashlib.sha256(image.png).digest() == image.sha256
    assert image.summary is not None
    assert image.summary.is_cut_short == scenario.get("is_cut_short", False)
    assert image.paused_step == scenario.get("paused_step")
    check_steps(image, scenario)
    if scenario.get("read_again"):
        assert client.read_image(image.job_id) == image.png


def check_steps(image: Image, said: dict[str, Any]) -> None:
    for name in ("base_steps", "refiner_steps"):
        assert getattr(image.summary, name) == said.get(name, getattr(image.summary, name))


def check_resumed(client: Client, events: Events, job_id: str, said: dict[str, Any]) -> None:
    _, options = arguments_of(said["with"])
    job = client.resume(job_id, **options)
    assert job.resumes == job_id
    seen = list(events.of("watch", job.id))
    assert re.search(said["events"], "".join(letter(event) for event in seen))
    image = seen[-1]
    assert isinstance(image, Image)
    check_steps(image, said)
    prompt, whole = arguments_of(said["same_as"])
    assert image.png == client.generate_image(prompt, **whole).png


def check_state(client: Client, job_id: str, state: str) -> None:
    """A job's end takes effect before its next step."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (job := client.job(job_id)).has_ended and time.monotonic() < end:
        time.sleep(0.02)
    assert job.state.name == state


@pytest.mark.parametrize("entry", REPLIES, ids=[entry["name"] for entry in REPLIES])
def test_a_reply_is_understood_as_the_table_says(
    open_events: Callable[..., Events], entry: dict[str, Any]
) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(bytes.fromhex(entry["bytes"]))

    seen, outcome, retry_after_ms = "", "OK", None
    with FakeServer(script) as server:
        try:
            for event in open_events(server.address, reconnect=0).of("generate", "a red fox"):
                seen += letter(event)
        except ConnectionLost:
            outcome = "lost"
        except ProtocolError:
            outcome = "broken"
        except RefineryError as error:
            outcome, retry_after_ms = error.status.name, error.retry_after_ms
    assert (seen, outcome) == (entry["events"], entry["outcome"])
    assert retry_after_ms == entry.get("retry_after_ms")
