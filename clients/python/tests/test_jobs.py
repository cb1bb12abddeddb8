"""The calls about jobs, and going on after a lost connection, of both faces: scripted servers."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_server import END, TWO_STAGES, FakeServer, Peer, answering, event, failure, reply
from google.protobuf.message import Message

from refinery_client import (
    AlreadyExists,
    AsyncClient,
    Cancelled,
    Client,
    ConnectionLost,
    DeadlineExceeded,
    Ended,
    Event,
    FailedPrecondition,
    JobState,
    Outcome,
    PausePoint,
    Phase,
    ProtocolError,
    Refiner,
    RefineryError,
    ResourceExhausted,
    Unauthenticated,
)
from refinery_client._proto import refinery_pb2

PNG = bytes(range(256)) * 40


class SyncFace:
    """Client as it is."""

    def call(self, address: str, name: str, *arguments: Any, **options: Any) -> Any:
        with Client(address, **client_options(options)) as client:
            answer = getattr(client, name)(*arguments, **options)
            return list(answer) if hasattr(answer, "send") else answer

    def first(self, address: str, count: int, name: str, *arguments: Any, **options: Any) -> None:
        """Leaves after so many events."""
        with Client(address) as client:
            events = getattr(client, name)(*arguments, **options)
            for _ in range(count):
                next(events)
            events.close()


class AsyncFace:
    """AsyncClient behind the same calls."""

    def call(self, address: str, name: str, *arguments: Any, **options: Any) -> Any:
        async def body() -> Any:
            async with AsyncClient(address, **client_options(options)) as client:
                answer = getattr(client, name)(*arguments, **options)
                if hasattr(answer, "asend"):
                    return [item async for item in answer]
                return await answer

        return asyncio.run(body())

    def first(self, address: str, count: int, name: str, *arguments: Any, **options: Any) -> None:
        async def body() -> None:
            async with AsyncClient(address) as client:
                events = getattr(client, name)(*arguments, **options)
                for _ in range(count):
                    await anext(events)
                await events.aclose()

        asyncio.run(body())


def client_options(options: dict[str, Any]) -> dict[str, Any]:
    """Takes out those that are the client's."""
    return {name: options.pop(name) for name in ("token", "reconnect", "retry") if name in options}


Face = SyncFace | AsyncFace


@pytest.fixture(params=[SyncFace(), AsyncFace()], ids=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return request.param  # type: ignore[no-any-return]


class Script:
    """One answer after another, a connection each; keeps what was asked."""

    def __init__(self, *answers: bytes | Iterable[bytes]) -> None:
        self._answers = iter(answers)
        self.requests: list[tuple[str, bytes]] = []
        self.metadata: list[tuple[str, str]] = []

    def __call__(self, peer: Peer) -> None:
        request = peer.read_request()
        self.requests.append((request.method, request.payload))
        self.metadata += [(item.key, item.value) for item in request.metadata]
        answer = next(self._answers)
        peer.send(answer if isinstance(answer, bytes) else b"".join(answer))

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.requests]

    def request(self, index: int, parse: Callable[[bytes], Message]) -> Any:
        return parse(self.requests[index][1])


JOB = refinery_pb2.Job(
    id="fox",
    state=2,
    phase=4,
    image_count=1,
    step=3,
    base_steps=2,
    refiner_steps=1,
    model="base",
    refiner_model="refiner",
    size={"height": 32, "width": 64},
    created_ms=5,
    sequence=9,
)
JOB_REPLY = reply(JOB.SerializeToString())


def test_a_job_is_handed_in_under_an_id_of_its_own(face: Face) -> None:
    script = Script(JOB_REPLY)
    with FakeServer(script) as server:
        job = face.call(server.address, "submit", "a red fox", steps=3)
    request = script.request(0, refinery_pb2.GenerateRequest.FromString)
    assert script.methods == ["Submit"]
    assert len(request.request_id) == 36
    assert (request.positive_prompt, request.steps) == ("a red fox", 3)
    assert (job.id, job.state, job.phase) == ("fox", JobState.RUNNING, Phase.REFINER)
    assert (job.place, job.eta_seconds, job.ended_ms, job.error) == (None, None, None, None)
    assert (job.resumes, job.has_ended) == (None, False)


def test_a_submission_whose_answer_was_lost_is_sent_again(face: Face) -> None:
    script = Script(b"", JOB_REPLY)
    with FakeServer(script) as server:
        face.call(server.address, "submit", "a red fox")
    assert script.requests[0] == script.requests[1]


def test_a_failed_job_carries_its_error(face: Face) -> None:
    failed = refinery_pb2.Job(
        id="fox", state=4, ended_ms=7, error={"code": 6, "message": "no", "detail": {"code": "x"}}
    )
    with FakeServer(answering(reply(failed.SerializeToString()))) as server:
        job = face.call(server.address, "job", "fox")
    assert isinstance(job.error, AlreadyExists)
    assert (job.error.message, job.error.code, job.has_ended) == ("no", "x", True)


def test_jobs_are_listed_page_by_page(face: Face) -> None:
    pages = [
        refinery_pb2.ListJobsResponse(jobs=[JOB, JOB], next_page_token="more"),
        refinery_pb2.ListJobsResponse(jobs=[JOB]),
    ]
    script = Script(*(reply(page.SerializeToString()) for page in pages))
    with FakeServer(script) as server:
        jobs = face.call(
            server.address, "jobs", states=[JobState.QUEUED, JobState.RUNNING], model="base"
        )
    assert [job.id for job in jobs] == ["fox"] * 3
    first, second = (script.request(i, refinery_pb2.ListJobsRequest.FromString) for i in (0, 1))
    assert (list(first.states), first.model, first.page_token) == ([1, 2], "base", "")
    assert second.page_token == "more"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_job_is_cancelled_with_an_outcome(face: Face, outcome: Outcome) -> None:
    script = Script(JOB_REPLY)
    with FakeServer(script) as server:
        assert face.call(server.address, "cancel", "fox", outcome).id == "fox"
    request = script.request(0, refinery_pb2.CancelJobRequest.FromString)
    assert (request.job_id, request.outcome) == ("fox", outcome)


RESUMED = refinery_pb2.Job(id="more", state=1, resumes="fox")


def test_a_paused_job_has_ended_and_is_resumed(face: Face) -> None:
    paused = refinery_pb2.Job(id="fox", state=6, step=12, ended_ms=7)
    script = Script(reply(paused.SerializeToString()), reply(RESUMED.SerializeToString()))
    with FakeServer(script) as server:
        job = face.call(server.address, "job", "fox")
        more = face.call(
            server.address,
            "resume",
            "fox",
            refiner=Refiner(start_step=14),
            pause_at=PausePoint.HANDOFF,
            priority=0,
        )
    assert (job.state, job.has_ended, job.step) == (JobState.PAUSED, True, 12)
    assert (more.id, more.state, more.resumes) == ("more", JobState.QUEUED, "fox")
    assert script.methods == ["GetJob", "ResumeJob"]
    request = script.request(1, refinery_pb2.ResumeJobRequest.FromString)
    assert (request.job_id, request.refiner.start_step) == ("fox", 14)
    assert (request.pause_at.handoff, request.HasField("priority")) == (True, True)
    assert not request.HasField("deadline_ms")


def test_a_resumption_whose_answer_was_lost_is_asked_for_again_under_its_id(face: Face) -> None:
    script = Script(b"", reply(RESUMED.SerializeToString()))
    with FakeServer(script) as server:
        face.call(server.address, "resume", "fox")
    assert script.requests[0] == script.requests[1]
    assert len(script.request(0, refinery_pb2.ResumeJobRequest.FromString).request_id) == 36


def test_a_job_that_cannot_be_resumed_is_told(face: Face) -> None:
    refused = failure(9, "it runs", refinery_pb2.ErrorDetail(code="taskNotPaused"))
    with FakeServer(answering(refused)) as server, pytest.raises(FailedPrecondition) as caught:
        face.call(server.address, "resume", "fox")
    assert caught.value.code == "taskNotPaused"


def chunk(offset: int, data: bytes, png: bytes = PNG) -> bytes:
    message = refinery_pb2.ImageChunk(
        data=data, offset=offset, byte_count=len(png), sha256=hashlib.sha256(png).digest()
    )
    return reply(message.SerializeToString())


def test_a_picture_is_read_in_pieces_across_a_lost_connection(face: Face) -> None:
    script = Script(chunk(0, PNG[:4000]), b"", chunk(4000, PNG[4000:]))
    with FakeServer(script) as server:
        assert face.call(server.address, "read_image", "fox", 2) == PNG
    requests = [script.request(i, refinery_pb2.ReadImageRequest.FromString) for i in range(3)]
    assert [request.offset for request in requests] == [0, 4000, 4000]
    assert {(request.job_id, request.image_index) for request in requests} == {("fox", 2)}


@pytest.mark.parametrize(
    "answer",
    [chunk(0, b"x" * len(PNG)), chunk(0, PNG + b"x"), chunk(1, PNG[1:]), chunk(0, b"")],
    ids=["other bytes", "too many", "from elsewhere", "none"],
)
def test_a_picture_that_arrives_damaged_is_refused(face: Face, answer: bytes) -> None:
    with FakeServer(answering(answer)) as server, pytest.raises(ProtocolError, match="picture"):
        face.call(server.address, "read_image", "fox")


def test_a_part_of_a_picture_is_read(face: Face) -> None:
    script = Script(chunk(10, PNG[10:20]))
    with FakeServer(script) as server:
        part = face.call(server.address, "read_image_chunk", "fox", offset=10, byte_count=10)
    assert (part.data, part.offset, part.byte_count) == (PNG[10:20], 10, len(PNG))


def sequences(events: list[Event]) -> list[int]:
    return [item.sequence for item in events]


def test_a_job_is_watched_from_a_sequence_number(face: Face) -> None:
    script = Script(TWO_STAGES[5:])
    with FakeServer(script) as server:
        events = face.call(server.address, "watch", "job", after_sequence=6)
    assert sequences(events) == [7, 8, 9, 10]
    request = script.request(0, refinery_pb2.WatchRequest.FromString)
    assert (request.job_id, request.after_sequence) == ("job", 6)


def test_there_may_be_nothing_after_a_sequence_number(face: Face) -> None:
    with FakeServer(answering(END)) as server:
        assert face.call(server.address, "watch", "job", after_sequence=10) == []
    with FakeServer(answering(END)) as server, pytest.raises(ProtocolError, match="completes"):
        face.call(server.address, "watch", "job")


def test_no_job_id_is_no_job(face: Face) -> None:
    with pytest.raises(ValueError, match="watch_all"):
        face.call("127.0.0.1:1", "watch", "")


def test_all_jobs_are_watched_again_after_a_loss(face: Face) -> None:
    end = event(4, ended={"state": 5, "error": {"code": 1, "message": "gone"}})
    script = Script([TWO_STAGES[0]], [TWO_STAGES[0], end], failure(16, "no entry"))
    with FakeServer(script) as server, pytest.raises(Unauthenticated):
        face.call(server.address, "watch_all")
    assert script.methods == ["Watch"] * 3
    assert {payload for _, payload in script.requests} == {b""}


def test_the_end_of_one_of_all_jobs_is_told() -> None:
    end = event(4, ended={"state": 5, "error": {"code": 1, "message": "gone"}})
    with FakeServer(answering(end)) as server, Client(server.address, reconnect=0) as client:
        ended = next(client.watch_all())
    assert isinstance(ended, Ended)
    assert ended.state is JobState.CANCELLED
    assert isinstance(ended.error, Cancelled)


@pytest.mark.parametrize("cut", range(len(TWO_STAGES)))
def test_events_go_on_where_they_broke_off(face: Face, cut: int) -> None:
    """Each once and in order; asked again are the request, until the job is known, then Watch."""
    after = cut and [1, 2, 3, 4, 6, 7, 8, 9, 10][cut - 1]
    # As a server may: some of what was told before comes again.
    rest = TWO_STAGES[max(cut - 1, 0) :]
    script = Script(TWO_STAGES[:cut], rest)
    with FakeServer(script) as server:
        events = face.call(server.address, "generate", "a red fox", detach=True)
    assert sequences(events) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    if cut == 0:
        assert script.requests[0] == script.requests[1]
    elif cut == 9:
        assert script.methods == ["Generate"]  # all was told but the end
    else:
        assert script.methods == ["Generate", "Watch"]
        request = script.request(1, refinery_pb2.WatchRequest.FromString)
        assert (request.job_id, request.after_sequence) == ("job", after)


def test_a_server_that_stops_is_waited_for(face: Face) -> None:
    stopping = failure(14, "stopping", refinery_pb2.ErrorDetail(retryable=True))
    script = Script([*TWO_STAGES[:3], stopping], stopping, TWO_STAGES[3:])
    with FakeServer(script) as server:
        events = face.call(server.address, "watch", "job")
    assert sequences(events) == [1, 2, 3, 4, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("code", "message"), [(5, "no such job"), (1, "cancelled")])
def test_a_job_that_ended_with_its_connection_is_told_as_that(
    face: Face, code: int, message: str
) -> None:
    script = Script(TWO_STAGES[:3], failure(code, message))
    with (
        FakeServer(script) as server,
        pytest.raises(ConnectionLost, match=r"closed the connection.*detach=True") as caught,
    ):
        face.call(server.address, "generate", "a red fox")
    assert message in str(caught.value.__cause__)


def test_a_watched_job_s_own_end_is_no_lost_connection(face: Face) -> None:
    script = Script(TWO_STAGES[:3], failure(1, "cancelled"))
    with FakeServer(script) as server, pytest.raises(Cancelled, match="cancelled"):
        face.call(server.address, "watch", "job")


@pytest.mark.parametrize(
    ("options", "methods"),
    [({}, ["Generate", "Watch", "CancelJob"]), ({"detach": True}, ["Generate", "Watch"])],
)
def test_leaving_cancels_a_job_whose_own_connection_was_lost(
    face: Face, options: dict[str, Any], methods: list[str]
) -> None:
    def script(peer: Peer) -> None:
        inner(peer)
        if inner.methods[-1] == "Watch":
            peer.wait_until_hung_up()

    inner = Script(TWO_STAGES[:3], TWO_STAGES[3:5], JOB_REPLY)
    with FakeServer(script) as server:
        face.first(server.address, 4, "generate", "a red fox", **options)
    assert inner.methods == methods


def test_a_timeout_cancels_a_job_whose_own_connection_was_lost(face: Face) -> None:
    def script(peer: Peer) -> None:
        inner(peer)
        if inner.methods[-1] == "Watch":
            peer.wait_until_hung_up()

    inner = Script(TWO_STAGES[:3], TWO_STAGES[3:5], JOB_REPLY)
    with FakeServer(script) as server, pytest.raises(DeadlineExceeded):
        face.call(server.address, "generate", "a red fox", timeout=0.5)
    assert inner.methods == ["Generate", "Watch", "CancelJob"]


def test_closing_the_client_cancels_a_job_whose_own_connection_was_lost() -> None:
    def script(peer: Peer) -> None:
        inner(peer)
        if inner.methods[-1] == "Watch":
            peer.wait_until_hung_up()

    def run(client: Client) -> None:
        for item in client.generate("a red fox"):
            if item.sequence == 4:
                goes_on.set()

    inner = Script(TWO_STAGES[:3], TWO_STAGES[3:5], JOB_REPLY)
    goes_on = threading.Event()
    with FakeServer(script) as server, ThreadPoolExecutor() as threads:
        client = Client(server.address)
        running = threads.submit(run, client)
        assert goes_on.wait(10)
        client.close()
        with pytest.raises(Cancelled, match="closed"):
            running.result(10)
    assert inner.methods == ["Generate", "Watch", "CancelJob"]


def test_without_patience_a_loss_is_told_at_once(face: Face) -> None:
    script = Script(TWO_STAGES[:3])
    with FakeServer(script) as server, pytest.raises(ConnectionLost):
        face.call(server.address, "generate", "a red fox", reconnect=0)
    assert script.methods == ["Generate"]


def test_a_server_that_never_gets_on_is_given_up(face: Face) -> None:
    with FakeServer(answering(*TWO_STAGES[:4])) as server, pytest.raises(ConnectionLost):
        face.call(server.address, "generate", "a red fox", reconnect=0.5)
    assert 2 <= len(server.peers) <= 5


WAIT_SECONDS = 0.3
BUSY = failure(
    8,
    "too many calls",
    refinery_pb2.ErrorDetail(
        code="tooManyCalls", retryable=True, retry_after_ms=round(1000 * WAIT_SECONDS)
    ),
)
STOPPING = failure(14, "stopping", refinery_pb2.ErrorDetail(code="serverStopping", retryable=True))
FOR_GOOD = failure(8, "too large", refinery_pb2.ErrorDetail(code="valueTooLarge"))
PONG = reply()


@pytest.mark.parametrize(
    ("name", "arguments", "answers", "waits"),
    [
        ("generate", ["a red fox"], [BUSY, BUSY, TWO_STAGES], 2 * WAIT_SECONDS),
        ("generate", ["a red fox"], [STOPPING, TWO_STAGES], 0),
        ("watch", ["job"], [BUSY, TWO_STAGES], WAIT_SECONDS),
        ("submit", ["a red fox"], [BUSY, STOPPING, JOB_REPLY], WAIT_SECONDS),
        ("job", ["fox"], [BUSY, JOB_REPLY], WAIT_SECONDS),
        ("ping", [], [BUSY, PONG], WAIT_SECONDS),
    ],
)
def test_what_the_server_refuses_for_now_is_asked_again_on_request(
    face: Face, name: str, arguments: list[str], answers: list[bytes], waits: float
) -> None:
    script = Script(*answers)
    begin = time.monotonic()
    with FakeServer(script) as server:
        face.call(server.address, name, *arguments, retry=60)
    assert time.monotonic() - begin >= waits
    assert len(script.requests) == len(answers)
    # It is one job whatever the number of calls.
    assert len(set(script.requests)) == 1


@pytest.mark.parametrize(
    ("answer", "retry"),
    [(BUSY, 0), (STOPPING, 0), (BUSY, WAIT_SECONDS / 2), (FOR_GOOD, 60)],
)
@pytest.mark.parametrize("name", ["generate", "submit"])
def test_a_refusal_is_told_where_nobody_asked_for_more(
    face: Face, name: str, answer: bytes, retry: float
) -> None:
    script = Script(answer)
    with FakeServer(script) as server, pytest.raises(RefineryError) as caught:
        face.call(server.address, name, "a red fox", retry=retry)
    assert caught.value.retry_after_ms == (300 if answer is BUSY else None)
    assert len(script.requests) == 1


def test_a_job_s_own_failure_is_no_refusal(face: Face) -> None:
    """It would fail again: its request is attached to it."""
    script = Script([*TWO_STAGES[:3], BUSY])
    with FakeServer(script) as server, pytest.raises(ResourceExhausted):
        face.call(server.address, "generate", "a red fox", retry=60)
    assert script.methods == ["Generate"]


def test_a_timeout_ends_the_wait_after_a_refusal(face: Face) -> None:
    far = failure(8, "no", refinery_pb2.ErrorDetail(retryable=True, retry_after_ms=50_000))
    with FakeServer(Script(far)) as server, pytest.raises(DeadlineExceeded):
        face.call(server.address, "generate", "a red fox", retry=60, timeout=0.3)


def test_a_lost_server_that_stops_is_waited_for_as_long_as_it_asks(face: Face) -> None:
    busy = refinery_pb2.ErrorDetail(
        code="serverStopping", retryable=True, retry_after_ms=round(1000 * WAIT_SECONDS)
    )
    script = Script(TWO_STAGES[:3], failure(14, "stopping", busy), TWO_STAGES)
    begin = time.monotonic()
    with FakeServer(script) as server:
        face.call(server.address, "watch", "job")
    assert time.monotonic() - begin >= WAIT_SECONDS


def test_a_token_is_asked_about(face: Face) -> None:
    script = Script(reply(refinery_pb2.AuthenticateResponse(tenant="alice").SerializeToString()))
    with FakeServer(script) as server:
        assert face.call(server.address, "authenticate", token="s3cret") == "alice"
    request = script.request(0, refinery_pb2.AuthenticateRequest.FromString)
    assert request.token == "s3cret"


def test_the_token_goes_with_every_call(face: Face) -> None:
    script = Script(JOB_REPLY, TWO_STAGES)
    with FakeServer(script) as server:
        face.call(server.address, "submit", "a red fox", token="s3cret")
        face.call(server.address, "generate", "a red fox", token="s3cret")
    assert script.metadata == [("authorization", "Bearer s3cret")] * 2


@pytest.mark.parametrize("token", ["", "two\nlines", "caf\u00e9"])
def test_a_token_that_no_header_can_carry_is_refused_untold(token: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        Client(token=token)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["reconnect", "retry"])
def test_a_senseless_patience_is_refused(name: str, seconds: float) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match=name):
            kind(**{name: seconds})


def test_a_notebook_shows_an_image() -> None:
    with FakeServer(answering(*TWO_STAGES)) as server, Client(server.address) as client:
        image = client.generate_image("a red fox")
    assert image._repr_png_() == b"\x89PNG"
