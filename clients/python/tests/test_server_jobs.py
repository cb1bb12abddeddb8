"""Jobs on the real server, one that keeps them: handed in, watched, cancelled, read, with several
endings, paused and resumed, gone on with after the server was killed."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from real_server import PATIENCE_SECONDS, Server

from refinery_client import (
    Accepted,
    AlreadyExists,
    AsyncClient,
    Branch,
    Cancelled,
    Client,
    Ended,
    Event,
    FailedPrecondition,
    HandedOff,
    Image,
    InvalidRequest,
    JobState,
    NotFound,
    Outcome,
    PausePoint,
    Progress,
    Refiner,
    ResourceExhausted,
    Resumed,
    Ticket,
    Unauthenticated,
)
from refinery_client.parameters import GenerateOptions, ResumeOptions

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


def taking_over(step: int) -> Refiner:
    return Refiner(model="tiny-refiner", start_step=step)


# Not in the order in which they are made: that is 3, 4, alone.
ENDINGS = [Branch(), Branch(Refiner(start_step=4)), Branch(Refiner(start_step=3))]


def test_compared_pictures_are_those_of_requests_of_their_own(shared: Client) -> None:
    compared = shared.compare(
        PROMPT, **SMALL, number_results=2, refiner=Refiner(model="tiny-refiner"), branches=ENDINGS
    )
    for images, refiner in zip(compared, (None, taking_over(4), taking_over(3)), strict=True):
        for index, image in enumerate(images):
            own = shared.generate_image(PROMPT, **{**SMALL, "seed": 7 + index}, refiner=refiner)
            assert image.png == own.png
        assert len(images) == 2


def test_the_steps_of_the_base_are_shared_by_branches(shared: Client) -> None:
    events = list(
        shared.generate(PROMPT, **SMALL, refiner=Refiner(model="tiny-refiner"), branches=ENDINGS)
    )
    accepted, image = events[0], events[-1]
    assert isinstance(accepted, Accepted)
    assert [(plan.index, plan.base_steps) for plan in accepted.branches] == [(2, 2), (1, 3), (0, 4)]
    assert [event.branch for event in events if isinstance(event, Image)] == [2, 1, 0]
    assert [event.branch for event in events if isinstance(event, HandedOff)] == [2, 1]
    steps = [event.job_step for event in events if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert {event.job_steps for event in events if isinstance(event, Progress)} == {7}
    assert isinstance(image, Image)
    summary = image.summary
    assert summary is not None
    # Of their own they would have run four steps each.
    evaluations = (
        summary.base_evaluations, summary.refiner_evaluations, summary.shared_evaluations
    )  # fmt: skip
    assert evaluations == (4, 3, 5)


def test_what_is_wrong_with_a_branch_names_it(shared: Client) -> None:
    endings = [Branch(), Branch(taking_over(9))]
    with pytest.raises(InvalidRequest) as caught:
        shared.compare(PROMPT, **SMALL, branches=endings)
    assert "branches[1].refiner.startStep" in caught.value.fields
    with pytest.raises(InvalidRequest) as caught:
        shared.submit(PROMPT, **SMALL, branches=endings[:1], pause_at=PausePoint.step(2))
    assert set(caught.value.fields) == {"pauseAt", "branches"}


def test_previews_form_and_change_no_picture(shared: Client) -> None:
    # Each step waits for nobody: on a busy machine some previews are left out, but never all of 40.
    large: GenerateOptions = {"width": 256, "height": 128, "steps": 40, "seed": 7}
    events = list(shared.generate(PROMPT, **large, preview_every=1, preview_side=64))
    previews = [
        event for event in events if isinstance(event, Progress) and event.preview is not None
    ]
    assert previews
    for event in previews:
        assert event.preview is not None
        # A PNG, and the width and height in its header.
        assert event.preview[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", event.preview[16:24]) == (64, 32)
        assert event.preview_step is not None
        assert 1 <= event.preview_step <= event.step
    image = events[-1]
    assert isinstance(image, Image)
    assert image.png == shared.generate_image(PROMPT, **large).png


def watched(client: Client, job_id: str) -> tuple[list[Event], Image]:
    events = list(client.watch(job_id))
    image = events[-1]
    assert isinstance(image, Image)
    return events, image


def test_a_paused_job_goes_on_to_the_picture_of_one_that_was_not(shared: Client) -> None:
    preview = shared.generate_image(
        PROMPT, **SMALL, refiner=taking_over(3), pause_at=PausePoint.HANDOFF
    )
    assert preview.paused_step == 2
    paused = shared.job(preview.job_id)
    assert (paused.state, paused.has_ended, paused.resumes) == (JobState.PAUSED, True, None)
    assert paused.id in [job.id for job in shared.jobs(states=[JobState.PAUSED])]
    assert shared.read_image(paused.id) == preview.png

    job = shared.resume(paused.id)
    assert job.resumes == paused.id
    events, image = watched(shared, job.id)
    assert isinstance(events[0], Accepted)
    assert events[0].resumes == Ticket(paused.id, 2)
    assert image.paused_step is None
    assert image.png == shared.generate_image(PROMPT, **SMALL, refiner=taking_over(3)).png

    job = shared.resume(paused.id, refiner=Refiner(start_step=4))
    other = shared.generate_image(PROMPT, **SMALL, refiner=taking_over(4))
    assert watched(shared, job.id)[1].png == other.png
    job = shared.resume(paused.id, without_refiner=True)
    alone = shared.generate_image(PROMPT, **SMALL)
    assert watched(shared, job.id)[1].png == alone.png


def test_a_paused_job_is_paused_again_and_thrown_away(shared: Client) -> None:
    before = shared.server_stats().paused
    first = shared.generate_image(
        PROMPT, **SMALL, refiner=taking_over(3), pause_at=PausePoint.step(1)
    )
    options: ResumeOptions = {"pause_at": PausePoint.step(3), "request_id": "again"}
    again = shared.resume(first.job_id, **options)
    assert shared.resume(first.job_id, **options).id == again.id
    events, preview = watched(shared, again.id)
    assert isinstance(events[0], Accepted)
    assert (events[0].pause_step, preview.paused_step) == (3, 3)
    assert shared.server_stats().paused == before + 2
    with pytest.raises(FailedPrecondition) as caught:
        shared.resume(again.id, without_refiner=True)
    assert caught.value.code == "refinerHasRun"

    for paused in (first.job_id, again.id):
        shared.cancel(paused)
        assert shared.job(paused).state is JobState.CANCELLED
    assert shared.server_stats().paused == before
    with pytest.raises(FailedPrecondition) as caught:
        shared.resume(again.id)
    assert caught.value.code == "taskNotPaused"


def test_asyncio_compares_and_resumes(server: Server) -> None:
    async def body() -> None:
        async with AsyncClient(server.address) as client:
            (alone,), (refined,) = await client.compare(
                PROMPT, **SMALL, branches=[Branch(), Branch(taking_over(3))]
            )
            preview = await client.generate_image(
                PROMPT, **SMALL, refiner=taking_over(3), pause_at=PausePoint.step(2)
            )
            for ending, image in (({}, refined), ({"without_refiner": True}, alone)):
                job = await client.resume(preview.job_id, **ending)
                *_, last = [event async for event in client.watch(job.id)]
                assert isinstance(last, Image)
                assert last.png == image.png

    asyncio.run(body())


def test_a_token_is_asked_about_and_its_limit_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as environment:
        environment.setenv("REFINERY_TOKENS", "alice alice-0123456789 calls-per-minute=60")
        server = Server(tmp_path)
    try:
        with pytest.raises(Unauthenticated):
            Client(server.address, token="mallory-0123456789").authenticate()
        client = Client(server.address, token="alice-0123456789")
        assert client.authenticate() == "alice"
        with pytest.raises(ResourceExhausted) as caught:
            all(client.ping() for _ in range(200))
        assert caught.value.code == "tooManyCalls"
        assert 1 <= (caught.value.retry_after_ms or 0) <= 1000
        Client(server.address, token="alice-0123456789", retry=PATIENCE_SECONDS).ping()
    finally:
        server.kill()


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
