"""Jobs on the real server, one that keeps them: handed in, watched, cancelled, read, gone on with
after the server was killed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from real_server import PATIENCE_SECONDS, Server

from refinery_client import (
    Accepted,
    AlreadyExists,
    AsyncClient,
    Cancelled,
    Client,
    Ended,
    Image,
    InvalidRequest,
    JobState,
    NotFound,
    Outcome,
    Progress,
    Refiner,
    Resumed,
)
from refinery_client.parameters import GenerateOptions

pytestmark = pytest.mark.server

PROMPT = "a red fox"
SMALL: GenerateOptions = {"width": 64, "height": 64, "steps": 4, "seed": 7}
# Long enough that a kill after its second step finds it at work.
KILLED: GenerateOptions = {"width": 128, "height": 128, "steps": 60, "seed": 7}
LONG: GenerateOptions = {"width": 256, "height": 256, "steps": 100, "seed": 7, "number_results": 20}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    server = Server(tmp_path_factory.mktemp("shared"))
    with Client(server.address) as client:
        yield client
    server.kill()


def test_a_job_is_handed_in_watched_and_read(shared: Client) -> None:
    job = shared.submit(PROMPT, **SMALL)
    assert job.state in (JobState.QUEUED, JobState.RUNNING, JobState.FINISHED)
    events = list(shared.watch(job.id))
    assert isinstance(events[0], Accepted)
    image = events[-1]
    assert isinstance(image, Image)
    assert {event.job_id for event in events} == {job.id}

    ended = shared.job(job.id)
    assert (ended.state, ended.has_ended, ended.error) == (JobState.FINISHED, True, None)
    assert (ended.base_steps, ended.size.width) == (4, 64)
    assert job.id in [listed.id for listed in shared.jobs(states=[JobState.FINISHED])]
    assert job.id not in [listed.id for listed in shared.jobs(states=[JobState.QUEUED])]

    assert shared.read_image(job.id) == image.png
    part = shared.read_image_chunk(job.id, offset=8, byte_count=4)
    assert (part.data, part.byte_count) == (image.png[8:12], len(image.png))
    assert part.sha256 == hashlib.sha256(image.png).digest()
    assert list(shared.watch(job.id, after_sequence=image.sequence)) == []


def test_one_request_id_is_one_job(shared: Client) -> None:
    first = shared.submit(PROMPT, **SMALL, request_id="one")
    again = shared.submit(PROMPT, **SMALL, request_id="one")
    assert first.id == again.id
    image = shared.generate_image(PROMPT, **SMALL, request_id="one")
    assert image.job_id == first.id
    with pytest.raises(AlreadyExists):
        shared.submit("another prompt", **SMALL, request_id="one")


def test_a_job_that_is_not_there_is_not_found(shared: Client) -> None:
    for ask in (shared.job, shared.cancel, shared.read_image, lambda id: next(shared.watch(id))):
        with pytest.raises(NotFound):
            ask("no such job")
    with pytest.raises(InvalidRequest):
        shared.submit(PROMPT, **{**SMALL, "steps": 0})


def first_step(client: Client, job_id: str) -> None:
    """Returns once the job has done one."""
    with closing(client.watch(job_id)) as events:
        next(event for event in events if isinstance(event, Progress) and event.step > 0)


def test_a_discarded_job_ends_with_cancelled(shared: Client) -> None:
    job = shared.submit(PROMPT, **LONG)
    shared.cancel(job.id)
    with pytest.raises(Cancelled):
        list(shared.watch(job.id))
    ended = shared.job(job.id)
    assert ended.state is JobState.CANCELLED
    assert isinstance(ended.error, Cancelled)


@pytest.mark.parametrize("outcome", [Outcome.DECODE_NOW, Outcome.SKIP_TO_REFINER])
def test_a_job_is_brought_to_an_early_end_with_a_picture(shared: Client, outcome: Outcome) -> None:
    refiner = Refiner(model="tiny-refiner", start_step_percentage=95)
    job = shared.submit(PROMPT, **LONG, refiner=refiner)
    first_step(shared, job.id)
    shared.cancel(job.id, outcome)
    image = list(shared.watch(job.id))[-1]
    assert isinstance(image, Image)
    assert image.summary is not None
    assert image.summary.is_cut_short
    assert (image.summary.refiner_steps > 0) == (outcome is Outcome.SKIP_TO_REFINER)


def test_all_jobs_are_watched(shared: Client) -> None:
    with closing(shared.watch_all(timeout=PATIENCE_SECONDS)) as events:
        job = shared.submit(PROMPT, **SMALL)
        seen = []
        for event in events:
            if event.job_id == job.id:
                seen.append(event)
                if isinstance(event, Ended):
                    break
    assert seen[-1] == Ended(
        job_id=job.id,
        sequence=seen[-1].sequence,
        time_ms=seen[-1].time_ms,
        state=JobState.FINISHED,
        error=None,
    )
    image = next(event for event in seen if isinstance(event, Image))
    assert image.png == b""


def test_events_go_on_after_the_server_was_killed(server: Server) -> None:
    sequences, killed, resumed = [], False, False
    with Client(server.address) as client, closing(client.generate(PROMPT, **KILLED)) as events:
        for event in events:
            sequences.append(event.sequence)
            resumed = resumed or isinstance(event, Resumed)
            if not killed and isinstance(event, Progress) and event.step > 2:
                server.kill()
                server.start()
                killed = True
        assert isinstance(event, Image)
        assert killed
        assert resumed
        assert sequences == sorted(set(sequences))
        undisturbed = client.generate_image(PROMPT, **KILLED)
    assert event.png == undisturbed.png


def test_asyncio_events_go_on_after_the_server_was_killed(server: Server) -> None:
    async def make() -> Image:
        async with AsyncClient(server.address) as client:
            job = await client.submit(PROMPT, **KILLED)
            killed = False
            async for event in client.watch(job.id):
                if not killed and isinstance(event, Progress) and event.step > 2:
                    server.kill()
                    server.start()
                    killed = True
            assert killed
            assert isinstance(event, Image)
            assert await client.read_image(job.id) == event.png
            assert [listed.id async for listed in client.jobs()] == [job.id]
            return event

    assert asyncio.run(make()).summary is not None
