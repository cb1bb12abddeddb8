"""Both faces over real sockets, against scripted servers.

Each test runs for both: a Face hides which one it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import inspect
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import (
    END,
    PICTURE,
    SUMMARY,
    TWO_BRANCHES,
    TWO_STAGES,
    FakeServer,
    Peer,
    answering,
    event,
    failure,
    holding,
    reply,
)

from refinery_client import (
    Accepted,
    AsyncClient,
    Branch,
    BranchPlan,
    Cancelled,
    Client,
    ConnectionLost,
    DeadlineExceeded,
    Event,
    HandedOff,
    Handoff,
    Health,
    Image,
    InvalidRequest,
    ModelRole,
    Progress,
    ProtocolError,
    Refiner,
    ServerUnreachable,
    Ticket,
    _job_messages,
    _messages,
)
from refinery_client._calls import Method
from refinery_client._proto import health_pb2, refinery_pb2


class SyncFace:
    """Client as it is."""

    def events(self, address: str, reconnect: float = 60, **options: Any) -> list[Event]:
        with Client(address, reconnect=reconnect) as client:
            return list(client.generate("a red fox", **options))

    def first_event(self, address: str) -> Event:
        with Client(address) as client:
            for item in client.generate("a red fox"):
                return item
        raise AssertionError("no event")

    def call(self, address: str, name: str, *arguments: Any, **options: Any) -> Any:
        timeout = options.pop("client_timeout", 10)
        with Client(address, timeout=timeout) as client:
            return getattr(client, name)(*arguments, **options)


class AsyncFace:
    """AsyncClient behind the same three calls."""

    def events(self, address: str, reconnect: float = 60, **options: Any) -> list[Event]:
        async def body(client: AsyncClient) -> list[Event]:
            return [item async for item in client.generate("a red fox", **options)]

        return self._run(address, body, reconnect=reconnect)

    def first_event(self, address: str) -> Event:
        async def body(client: AsyncClient) -> Event:
            async for item in client.generate("a red fox"):
                return item
            raise AssertionError("no event")

        return self._run(address, body)

    def call(self, address: str, name: str, *arguments: Any, **options: Any) -> Any:
        timeout = options.pop("client_timeout", 10)

        async def body(client: AsyncClient) -> Any:
            return await getattr(client, name)(*arguments, **options)

        return self._run(address, body, timeout)

    def _run(
        self,
        address: str,
        body: Callable[[AsyncClient], Awaitable[Any]],
        timeout: float | None = 10,
        reconnect: float = 60,
    ) -> Any:
        async def main() -> Any:
            async with AsyncClient(address, timeout=timeout, reconnect=reconnect) as client:
                return await body(client)

        return asyncio.run(main())


Face = SyncFace | AsyncFace


@pytest.fixture(params=[SyncFace(), AsyncFace()], ids=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    yield request.param
    gc.collect()  # a socket left open warns, and a warning fails


def test_a_job_s_events_arrive(face: Face) -> None:
    with FakeServer(answering(*TWO_STAGES)) as server:
        events = face.events(server.address, steps=3)
    assert [item.sequence for item in events] == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_the_request_arrives(face: Face) -> None:
    seen = []

    def script(peer: Peer) -> None:
        seen.append(peer.read_request())
        peer.send(b"".join(TWO_STAGES))

    with FakeServer(script) as server:
        face.events(server.address, seed=7, timeout=60)
    request = refinery_pb2.GenerateRequest.FromString(seen[0].payload)
    assert (request.positive_prompt, request.seed) == ("a red fox", 7)
    assert 0 < seen[0].timeout_nano <= 60_000_000_000


def test_generate_image_returns_the_picture_and_reports_progress(
    face: Face, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    with FakeServer(answering(*TWO_STAGES)) as server:
        image = face.call(server.address, "generate_image", "a red fox", on_progress=seen.append)
    assert isinstance(image, Image)
    assert len(seen) == 5
    assert image.save(tmp_path / "fox.png").read_bytes() == b"\x89PNG"


def test_what_on_progress_raises_cancels_the_job(face: Face) -> None:
    def stop(progress: Progress) -> None:
        raise KeyError("enough")

    with FakeServer(holding(TWO_STAGES[:5])) as server:
        with pytest.raises(KeyError, match="enough"):
            face.call(server.address, "generate_image", "a red fox", on_progress=stop)
        assert server.peers[0].hung_up.wait(10)


def test_events_say_which_branch_they_are_of(face: Face) -> None:
    with FakeServer(answering(*TWO_BRANCHES)) as server:
        events = face.events(server.address)
    accepted, image = events[0], events[-1]
    assert isinstance(accepted, Accepted)
    assert accepted.branches == (
        BranchPlan(
            index=1,
            refiner_model="refiner",
            base_steps=2,
            refiner_steps=1,
            handoff=Handoff(3, 0, 0, 0),
            advice=(),
            fingerprint="both",
        ),
        BranchPlan(
            index=0,
            refiner_model=None,
            base_steps=3,
            refiner_steps=0,
            handoff=None,
            advice=("Refine it.",),
            fingerprint="base",
        ),
    )
    assert [item.branch for item in events if isinstance(item, Progress | HandedOff | Image)] == [
        1,
        1,
        1,
        1,
        0,
        0,
        1,
        0,
    ]
    assert [item.job_step for item in events if isinstance(item, Progress)] == [2, 3, 4]
    assert isinstance(image, Image)
    assert image.summary is not None
    assert image.summary.base_evaluations == 6
    assert image.summary.refiner_evaluations == 2
    assert image.summary.shared_evaluations == 4


def test_what_only_branches_and_paused_jobs_have_is_none_elsewhere(face: Face) -> None:
    with FakeServer(answering(*TWO_STAGES)) as server:
        events = face.events(server.address)
    accepted, image = events[0], events[-1]
    assert isinstance(accepted, Accepted)
    assert (accepted.branches, accepted.pause_step, accepted.resumes) == ((), None, None)
    assert isinstance(image, Image)
    assert image.paused_step is None
    branches = {item.branch for item in events if isinstance(item, Progress | HandedOff | Image)}
    assert branches == {None}


def test_a_paused_job_ends_with_its_preview(face: Face) -> None:
    frames = [
        event(1, accepted={"pause_step": 12, "resumes": {"job_id": "paused", "step": 8}}),
        event(2, image={**PICTURE, "paused_step": 12, "summary": SUMMARY}),
        END,
    ]
    with FakeServer(answering(*frames)) as server:
        accepted, preview = face.events(server.address)
    assert isinstance(accepted, Accepted)
    assert (accepted.pause_step, accepted.resumes) == (12, Ticket("paused", 8))
    assert isinstance(preview, Image)
    assert preview.paused_step == 12


ENDINGS = [Branch(), Branch(Refiner(start_step=3))]


def test_pictures_are_compared_by_branch_and_seed(face: Face) -> None:
    seen: list[Progress] = []
    requests = []

    def script(peer: Peer) -> None:
        requests.append(peer.read_request())
        peer.send(b"".join(TWO_BRANCHES))

    with FakeServer(script) as server:
        alone, refined = face.call(
            server.address,
            "compare",
            "a red fox",
            branches=ENDINGS,
            number_results=2,
            on_progress=seen.append,
            timeout=60,
        )
    assert [image.png for image in alone] == [b"alone 5", b"alone 6"]
    assert [image.png for image in refined] == [b"refined 5", b"refined 6"]
    assert len(seen) == 3
    request = refinery_pb2.GenerateRequest.FromString(requests[0].payload)
    assert (request.positive_prompt, request.number_results) == ("a red fox", 2)
    assert [branch.refiner.start_step for branch in request.branches] == [0, 3]
    assert 0 < requests[0].timeout_nano <= 60_000_000_000


def test_a_comparison_that_is_cut_short_lacks_pictures(face: Face) -> None:
    last = event(5, image={**PICTURE, "branch": 1, "summary": {**SUMMARY, "is_cut_short": True}})
    with FakeServer(answering(*TWO_BRANCHES[:4], last, END)) as server:
        alone, refined = face.call(server.address, "compare", "a red fox", branches=ENDINGS)
    assert alone == []
    assert len(refined) == 1


@pytest.mark.parametrize("frames", [TWO_STAGES, TWO_BRANCHES], ids=["none", "another"])
def test_a_picture_of_no_branch_that_was_asked_for_is_told(face: Face, frames: list[bytes]) -> None:
    with (
        FakeServer(answering(*frames)) as server,
        pytest.raises(ProtocolError, match="none of the 1 branches"),
    ):
        face.call(server.address, "compare", "a red fox", branches=ENDINGS[:1])


def test_nothing_to_compare_is_the_caller_s_bug(face: Face) -> None:
    with pytest.raises(ValueError, match="branches is empty"):
        face.call("127.0.0.1:1", "compare", "a red fox", branches=[])


def test_what_on_progress_raises_cancels_the_comparison(face: Face) -> None:
    def stop(progress: Progress) -> None:
        raise KeyError("enough")

    with FakeServer(holding(TWO_BRANCHES[:5])) as server:
        with pytest.raises(KeyError, match="enough"):
            face.call(server.address, "compare", "a red fox", branches=ENDINGS, on_progress=stop)
        assert server.peers[0].hung_up.wait(10)


def test_leaving_the_loop_cancels_the_job(face: Face) -> None:
    with FakeServer(holding(TWO_STAGES[:3])) as server:
        assert face.first_event(server.address).sequence == 1
        assert server.peers[0].hung_up.wait(10)


def test_a_refused_request_raises_its_error(face: Face) -> None:
    detail = refinery_pb2.ErrorDetail(code="invalidSteps", fields=["steps"])
    with (
        FakeServer(answering(failure(3, "steps is 0", detail))) as server,
        pytest.raises(InvalidRequest, match="steps is 0") as caught,
    ):
        face.events(server.address, steps=0)
    assert caught.value.fields == ("steps",)


def test_a_server_that_dies_in_mid_stream_is_told(face: Face) -> None:
    with (
        FakeServer(answering(*TWO_STAGES[:4])) as server,
        pytest.raises(ConnectionLost, match="closed the connection"),
    ):
        face.events(server.address, reconnect=0)


def test_a_connection_reset_in_mid_stream_is_told(face: Face) -> None:
    def script(peer: Peer) -> None:
        answering(TWO_STAGES[0])(peer)
        peer.reset()

    with FakeServer(script) as server, pytest.raises(ConnectionLost, match="connection"):
        face.events(server.address, reconnect=0)


def test_a_job_past_its_timeout_is_given_up(face: Face) -> None:
    with FakeServer(holding(TWO_STAGES[:3])) as server:
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            face.events(server.address, timeout=0.05)
        assert server.peers[0].hung_up.wait(10)


def test_a_timeout_counts_even_while_events_keep_coming(face: Face) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        with contextlib.suppress(OSError):
            while True:
                peer.send(event(1, queued={}))
                time.sleep(0.001)

    with FakeServer(script) as server, pytest.raises(DeadlineExceeded):
        face.events(server.address, timeout=0.1)


def test_a_short_call_has_the_client_s_timeout(face: Face) -> None:
    with FakeServer(holding([])) as server, pytest.raises(DeadlineExceeded):
        face.call(server.address, "ping", client_timeout=0.05)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_senseless_timeout_is_refused_at_once(face: Face, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        face.call("127.0.0.1:1", "ping", client_timeout=timeout)


def test_nobody_listening_is_unreachable_with_advice(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerUnreachable, match=f"refinery serve --listen 127.0.0.1:{port}"):
        face.call(f"127.0.0.1:{port}", "ping")


def test_no_socket_file_is_unreachable_with_advice(face: Face, tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachable, match="nothing listens there"):
        face.events(f"unix:{tmp_path}/none.sock")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".invalid"])
def test_an_unknown_host_is_unreachable(face: Face, host: str) -> None:
    with pytest.raises(ServerUnreachable, match="cannot reach a server at"):
        face.call(f"{host}:7420", "ping")


def test_a_unix_socket_works_as_well(face: Face, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with FakeServer(answering(*TWO_STAGES), listener) as server:
            assert len(face.events(server.address)) == 9


def test_a_web_server_is_recognised(face: Face) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with FakeServer(script) as server, pytest.raises(ProtocolError, match="not a Refinery server"):
        face.call(server.address, "server_info")


def test_an_answer_before_the_request_was_read_is_heard(face: Face) -> None:
    def script(peer: Peer) -> None:
        peer.send(failure(8, "too many connections"))
        peer.read_request()

    with FakeServer(script) as server, pytest.raises(Exception, match="too many connections"):
        face.events(server.address)


def test_a_ping_comes_back(face: Face) -> None:
    pong = refinery_pb2.PingMessage(payload=b"hello").SerializeToString()
    with FakeServer(answering(reply(pong))) as server:
        assert face.call(server.address, "ping", b"hello") > 0


def test_a_ping_that_comes_back_changed_is_an_error(face: Face) -> None:
    with (
        FakeServer(answering(reply())) as server,
        pytest.raises(ProtocolError, match="not what it was sent"),
    ):
        face.call(server.address, "ping", b"hello")


def test_a_picture_goes_up_in_pieces_from_where_the_server_says(face: Face) -> None:
    picture = bytes(range(256)) * 4096  # 1 MiB
    here = len(picture) // 4
    offsets = []

    received = iter((here, here + (512 << 10), len(picture)))

    def script(peer: Peer) -> None:
        request = refinery_pb2.UploadImageRequest.FromString(peer.read_request().payload)
        offsets.append(request.offset)
        assert request.data == picture[request.offset :][: 512 << 10]
        assert (request.total, request.sha256) == (len(picture), hashlib.sha256(picture).digest())
        count = next(received)
        answer = refinery_pb2.UploadedImage(
            sha256="ab", received=count, complete=count == len(picture)
        )
        peer.send(reply(answer.SerializeToString()))

    with FakeServer(script) as server:
        assert face.call(server.address, "upload", picture) == "ab"
    assert offsets == [0, here, here + (512 << 10)]


def test_a_server_that_takes_nothing_in_is_given_up(face: Face) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(reply())

    with FakeServer(script) as server, pytest.raises(ProtocolError, match="take in"):
        face.call(server.address, "upload", b"picture")


def test_info_and_stats_keep_every_field(face: Face) -> None:
    for name, message in (
        ("server_info", refinery_pb2.ServerInfo(version="1", blas_gflops=1.5, lanes=2)),
        ("server_stats", refinery_pb2.ServerStats(accepted=3, finished=2, running=1)),
    ):
        with FakeServer(answering(reply(message.SerializeToString()))) as server:
            answer = face.call(server.address, name)
        assert vars(answer) == {
            field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields
        }


def test_models_are_listed_with_their_roles(face: Face) -> None:
    models = refinery_pb2.ListModelsResponse(
        models=[
            {"id": "base", "aliases": ["b"], "role": 1, "default_size": {"height": 8, "width": 9}},
            {"id": "broken", "problem": "not safetensors"},
            {"id": "odd", "role": 9},
        ]
    )
    with FakeServer(answering(reply(models.SerializeToString()))) as server:
        base, broken, odd = face.call(server.address, "models")
    assert (base.id, base.aliases, base.role) == ("base", ("b",), ModelRole.BASE)
    assert base.default_size.width == 9
    assert (broken.role, broken.problem) == (ModelRole.UNUSABLE, "not safetensors")
    assert odd.role is ModelRole.UNUSABLE


@pytest.mark.parametrize(
    ("status", "health"), [(1, Health.SERVING), (2, Health.NOT_SERVING), (9, Health.UNKNOWN)]
)
def test_health_is_told(face: Face, status: int, health: Health) -> None:
    answer = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    with FakeServer(answering(reply(answer))) as server:
        assert face.call(server.address, "health") is health


def test_closing_the_client_cancels_other_threads_jobs() -> None:
    errors = []

    def run(client: Client) -> None:
        try:
            for _ in client.generate("a red fox"):
                started.set()
        except Cancelled as error:
            errors.append(error)

    started = threading.Event()
    with FakeServer(holding(TWO_STAGES[:1])) as server:
        client = Client(server.address)
        thread = threading.Thread(target=run, args=(client,))
        thread.start()
        assert started.wait(10)
        client.close()
        thread.join(10)
        assert server.peers[0].hung_up.wait(10)
        with pytest.raises(Cancelled, match="closed"):
            client.ping()
    assert len(errors) == 1


def test_closing_the_async_client_cancels_other_tasks_jobs() -> None:
    async def main(address: str) -> None:
        started = asyncio.Event()
        client = AsyncClient(address)

        async def run() -> None:
            async for _ in client.generate("a red fox"):
                started.set()

        task = asyncio.create_task(run())
        await asyncio.wait_for(started.wait(), 10)
        await client.close()
        with pytest.raises(Cancelled, match="closed"):
            await task
        with pytest.raises(Cancelled, match="closed"):
            await client.ping()

    with FakeServer(holding(TWO_STAGES[:1])) as server:
        asyncio.run(main(server.address))
        assert server.peers[0].hung_up.wait(10)


def test_cancelling_the_task_cancels_the_job() -> None:
    async def main(address: str) -> None:
        started = asyncio.Event()

        async def run() -> None:
            async with AsyncClient(address) as client:
                await client.generate_image("a red fox", on_progress=lambda _: started.set())

        task = asyncio.create_task(run())
        await asyncio.wait_for(started.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with FakeServer(holding(TWO_STAGES[:4])) as server:
        asyncio.run(main(server.address))
        assert server.peers[0].hung_up.wait(10)


def test_threads_may_share_a_client() -> None:
    pictures = []
    with FakeServer(answering(*TWO_STAGES)) as server, Client(server.address) as client:
        threads = [
            threading.Thread(target=lambda: pictures.append(client.generate_image("a red fox")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(pictures) == 8


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(call).parameters)
            for name, call in vars(kind).items()
            if not name.startswith("_")
        }

    assert calls(Client) == calls(AsyncClient)
    # And every call that the server has.
    services = refinery_pb2.DESCRIPTOR.services_by_name.values()
    methods = {method.name for service in services for method in service.methods}
    asked = {
        value.name
        for module in (_messages, _job_messages)
        for value in vars(module).values()
        if isinstance(value, Method)
    }
    assert asked - {"Check"} == methods
