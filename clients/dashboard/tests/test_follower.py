"""What the follower makes of a server that says what the test tells it to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import fields, replace
from typing import Any

import pytest
from refinery_client import (
    Accepted,
    BranchPlan,
    ConnectionLost,
    Ended,
    Event,
    Handoff,
    Image,
    Job,
    JobState,
    NotFound,
    Phase,
    Progress,
    RefineryError,
    ServerInfo,
    ServerStats,
    Size,
    Status,
    Summary,
)

from refinery_dashboard.board import Board
from refinery_dashboard.follower import Follower
from refinery_dashboard.pictures import Pictures

INFO = ServerInfo(
    version="1",
    blas_core="x",
    blas_gflops=1,
    lanes=1,
    threads_per_lane=1,
    default_model="m",
    request_byte_limit=1,
    queue_limit=1,
    side_limit=1,
    uptime_seconds=1,
)
STATS = ServerStats(**{field.name: 0 for field in fields(ServerStats)})
SUMMARY = Summary(1, 0, 0, 0, 1, 0, 0, 1, False, 1, 0, 0)
LOST = ConnectionLost("lost", Status.UNAVAILABLE, retryable=True)


def job(name: str, state: JobState, sequence: int = 1) -> Job:
    return Job(
        id=name,
        state=state,
        place=None,
        phase=Phase.UNSPECIFIED,
        image_index=0,
        image_count=1,
        step=0,
        base_steps=2,
        refiner_steps=1,
        eta_seconds=None,
        model="m",
        refiner_model=None,
        size=Size(8, 8),
        created_ms=1,
        ended_ms=None,
        sequence=sequence,
        error=None,
        resumes=None,
    )


def accepted(name: str, sequence: int = 1) -> Accepted:
    return Accepted(
        job_id=name,
        sequence=sequence,
        time_ms=1,
        model="m",
        refiner_model=None,
        size=Size(8, 8),
        seeds=(2**62,),
        scheduler="Euler",
        spacing="leading",
        timesteps=(9.0, 5.0, 1.0),
        sigmas=(3.0, 2.0, 1.0, 0.0),
        base_steps=2,
        refiner_steps=1,
        handoff=None,
        advice=(),
        fingerprint="f",
        branches=(),
        pause_step=None,
        resumes=None,
    )


def progress(name: str, sequence: int) -> Progress:
    return Progress(
        job_id=name,
        sequence=sequence,
        time_ms=2,
        phase=Phase.BASE,
        step=1,
        steps=3,
        phase_step=1,
        phase_steps=2,
        timestep=9,
        sigma=3,
        step_seconds=0.1,
        elapsed_seconds=0.1,
        eta_seconds=None,
        image_index=0,
        image_count=1,
        branch=None,
        job_step=1,
        job_steps=3,
    )


def image(name: str, sequence: int) -> Image:
    return Image(
        job_id=name,
        sequence=sequence,
        time_ms=3,
        png=b"",
        width=8,
        height=8,
        seed=2**62,
        sha256=b"\1" * 32,
        image_index=0,
        image_count=1,
        summary=SUMMARY,
        branch=None,
        paused_step=None,
    )


def ended(name: str, sequence: int, state: JobState) -> Ended:
    return Ended(job_id=name, sequence=sequence, time_ms=4, state=state, error=None)


class ScriptedClient:
    """One list of all jobs' events for each connection: after it the server is lost, but for the
    last, which stays."""

    def __init__(
        self,
        connections: Iterable[list[Event]],
        jobs: Iterable[Job] = (),
        told: dict[str, list[Event]] | None = None,
    ) -> None:
        self._connections = list(connections)
        self._jobs = list(jobs)
        self._told = told or {}
        self.is_over = asyncio.Event()

    async def server_info(self) -> ServerInfo:
        return INFO

    async def server_stats(self) -> ServerStats:
        return STATS

    async def models(self) -> tuple[()]:
        return ()

    async def ping(self, _: bytes) -> float:
        return 0.001

    async def jobs(self) -> AsyncGenerator[Job, None]:
        for each in self._jobs:
            yield each

    async def watch_all(self) -> AsyncGenerator[Event, None]:
        for event in self._connections.pop(0):
            yield event
        await asyncio.sleep(0.05)
        if self._connections:
            raise LOST
        self.is_over.set()
        await asyncio.Event().wait()

    async def watch(self, name: str) -> AsyncGenerator[Event, None]:
        for event in self._told.get(name, []):
            yield event
        raise NotFound("gone", Status.NOT_FOUND)

    async def read_image(self, name: str, _: int) -> bytes:
        raise NotFound(f"{name} is forgotten", Status.NOT_FOUND)


def follow(*connections: list[Event], pictures: Pictures | None = None, **more: Any) -> Board:
    """The board after the last connection's events."""

    async def run() -> Board:
        client: Any = ScriptedClient(connections, **more)
        board = Board()
        task = asyncio.create_task(Follower(client, board, pictures or Pictures()).run())
        await asyncio.wait_for(client.is_over.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return board

    return asyncio.run(run())


def test_events_make_a_job() -> None:
    board = follow([accepted("a"), progress("a", 2)], jobs=[job("a", JobState.RUNNING)])
    known = board.job("a") or {}
    assert known["state"] == "running"
    assert known["seeds"] == [str(2**62)]
    assert known["step"] == 1
    assert board.server("isConnected") is True


def test_a_finished_job_has_its_picture_even_if_its_file_is_forgotten() -> None:
    events = [accepted("a"), progress("a", 2), image("a", 3), ended("a", 4, JobState.FINISHED)]
    known = follow(events, jobs=[job("a", JobState.FINISHED, 4)]).job("a") or {}
    assert known["state"] == "finished"
    assert known["hasEnded"] is True
    assert [each["sha256"] for each in known["images"]] == ["01" * 32]


def test_a_job_with_endings_is_shown_with_the_one_under_way() -> None:
    refined = BranchPlan(
        index=1,
        refiner_model="r",
        base_steps=2,
        refiner_steps=1,
        handoff=Handoff(3, 66.7, 1, 1),
        advice=(),
        fingerprint="f",
    )
    alone = replace(refined, index=0, refiner_model=None, base_steps=3, handoff=None)
    plan = replace(accepted("a"), branches=(refined, alone))
    picture = replace(image("a", 3), branch=1, image_count=2, summary=None)
    events = [plan, replace(progress("a", 2), branch=1), picture]
    listed = [job("a", JobState.RUNNING)]
    known = follow(events, jobs=listed).job("a") or {}
    assert known["imageCount"] == 2
    assert (known["refinerModel"], known["baseSteps"], known["handoff"]["step"]) == ("r", 2, 3)
    assert [each["branch"] for each in known["images"]] == [1]
    known = follow([*events, replace(progress("a", 4), branch=0)], jobs=listed).job("a") or {}
    assert (known["refinerModel"], known["baseSteps"], known["handoff"]) == (None, 3, None)


def test_a_paused_jobs_preview_is_no_finished_picture() -> None:
    preview = replace(image("a", 3), paused_step=2)
    events = [accepted("a"), preview, ended("a", 4, JobState.PAUSED)]
    for told in (events, events[:2]):
        known = follow(told, jobs=[job("a", JobState.RUNNING)]).job("a") or {}
        assert known["state"] == "paused"
        assert known["hasEnded"] is True


def test_a_preview_is_shown_until_the_next_or_the_picture() -> None:
    foreseen = replace(progress("a", 3), preview=b"png", preview_step=1)
    events = [accepted("a"), progress("a", 2), foreseen, progress("a", 4)]
    running = [job("a", JobState.RUNNING)]
    pictures = Pictures()
    known = follow(events, jobs=running, pictures=pictures).job("a") or {}
    sha256 = hashlib.sha256(b"png").hexdigest()
    assert known["preview"] == {"sha256": sha256, "step": 1, "index": 0}
    assert pictures.preview("a") == b"png"

    for last in (image("a", 5), ended("a", 5, JobState.CANCELLED)):
        pictures = Pictures()
        known = follow([*events, last], jobs=running, pictures=pictures).job("a") or {}
        assert known["preview"] is None
        assert pictures.preview("a") is None


def test_an_older_word_does_not_undo_a_newer_one() -> None:
    events = [accepted("a"), image("a", 8), ended("a", 9, JobState.FINISHED)]
    known = follow(events, jobs=[job("a", JobState.RUNNING, 5)]).job("a") or {}
    assert known["state"] == "finished"


def test_jobs_that_the_server_lost_are_taken_away() -> None:
    board = follow(
        [accepted("a"), accepted("b")], [accepted("b")], jobs=[job("b", JobState.QUEUED)]
    )
    assert board.job_ids() == {"b"}


def test_an_ended_jobs_name_can_be_used_again() -> None:
    board = follow(
        [accepted("a"), ended("a", 2, JobState.FAILED)],
        [accepted("a"), progress("a", 2)],
        jobs=[job("a", JobState.RUNNING)],
    )
    known = board.job("a") or {}
    assert known["state"] == "running"
    assert known["hasEnded"] is False
    assert "error" not in known or known["error"] is None


def test_a_job_that_had_ended_before_is_told_in_full_and_stays_ended() -> None:
    board = follow(
        [],
        jobs=[job("a", JobState.CANCELLED, 3)],
        told={"a": [accepted("a"), progress("a", 2)]},
    )
    known = board.job("a") or {}
    assert known["state"] == "cancelled"
    assert known["hasEnded"] is True
    assert len(known["timesteps"]) == 3


def test_a_loss_is_said_until_the_server_is_back() -> None:
    async def run() -> None:
        client: Any = ScriptedClient([[], []])
        board = Board()
        said: list[tuple[object, object]] = []
        task = asyncio.create_task(Follower(client, board, Pictures()).run())
        while not client.is_over.is_set() or board.server("isConnected") is not True:
            mark = board.mark
            said.append((board.server("isConnected"), board.server("problem") is None))
            await asyncio.wait_for(board.wait(mark), 30)
        task.cancel()
        assert (False, False) in said
        assert board.server("problem") is None

    asyncio.run(run())


def test_refusals_are_plain() -> None:
    from refinery_dashboard import describing

    error = RefineryError("no", Status.NOT_FOUND, "taskNotFound", ["taskUUID"])
    assert describing.error(error) == {
        "message": "no",
        "status": "NOT_FOUND",
        "code": "taskNotFound",
        "fields": ["taskUUID"],
        "retryable": False,
    }
