"""Keeps the board up to date: follows all jobs, asks for what events do not tell, and comes back to
a server that went away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from refinery_client import (
    Accepted,
    AsyncClient,
    Ended,
    Event,
    Image,
    Job,
    Progress,
    RefineryError,
    Unavailable,
)

from . import describing
from .board import Board
from .pictures import Pictures, request_of

_SAMPLE_SECONDS = 2.0
# Models and the list of jobs: events tell what happens, this what was forgotten.
_REFRESH_SECONDS = 20.0
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 3.0
# The newest jobs are shown, and of ended ones so many in full.
_JOB_COUNT_MAXIMUM = 200
_ENDED_COUNT_MAXIMUM = 60


class Follower:
    """``client`` must not reconnect by itself: here the page is told of every loss."""

    def __init__(self, client: AsyncClient, board: Board, pictures: Pictures) -> None:
        self._client = client
        self._board = board
        self._pictures = pictures
        # By job, of its latest event: a list that was asked for before it may say less.
        self._sequences: dict[str, int] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            connected_at = time.monotonic()
            try:
                await self._follow()
            except RefineryError as error:
                self._board.set_server(isConnected=False, problem=describing.error(error))
            if time.monotonic() - connected_at > _LONGEST_DELAY_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)

    async def show(self, job: Job) -> None:
        """Puts a job on the board as the server just described it."""
        if job.sequence >= self._sequences.get(job.id, 0):
            self._board.set_job(job.id, describing.job(job))

    async def _follow(self) -> None:
        """Until the server is lost."""
        info = await self._client.server_info()
        models = await self._client.models()
        self._sequences.clear()
        self._board.set_server(
            info=describing.info(info),
            startedMs=round(1000 * (time.time() - info.uptime_seconds)),
            models=[describing.model(model) for model in models],
            isConnected=True,
            problem=None,
        )
        tasks = [
            asyncio.create_task(work)
            for work in (self._take_events(), self._sample(), self._refresh())
        ]
        try:
            # The first that fails ends them all.
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_events(self) -> None:
        async with aclosing(self._client.watch_all()) as events:
            async for event in events:
                known = self._board.job(event.job_id) or {}
                if isinstance(event, Accepted) and known.get("hasEnded"):
                    # Of jobs that have ended nothing is told here: this is another of its name.
                    self._board.remove([event.job_id])
                self._take(event)
                if isinstance(event, Image):
                    await self._read(event)

    def _take(self, event: Event) -> None:
        self._sequences[event.job_id] = event.sequence
        known = self._board.job(event.job_id) or {}
        # Before the pages hear of it, and ask for it.
        if isinstance(event, Progress) and event.preview is not None:
            self._pictures.set_preview(event.job_id, event.preview)
        elif isinstance(event, Image | Ended):
            self._pictures.drop_preview(event.job_id)
        self._board.set_job(event.job_id, describing.event(event, known))

    async def _sample(self) -> None:
        while True:
            stats = await self._client.server_stats()
            ping_seconds = await self._client.ping(b"dashboard")
            self._board.set_server(stats=describing.stats(stats))
            sample = {
                "timeMs": round(1000 * time.time()),
                "pingSeconds": ping_seconds,
                **describing.stats(stats),
            }
            self._board.add_sample(sample)
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def _refresh(self) -> None:
        while True:
            await self._list()
            await self._look_at_ended()
            await asyncio.sleep(_REFRESH_SECONDS)
            models = await self._client.models()
            self._board.set_server(models=[describing.model(model) for model in models])

    async def _list(self) -> None:
        before, listed = self._board.job_ids(), set()
        async with aclosing(self._client.jobs()) as jobs:
            async for job in jobs:
                listed.add(job.id)
                await self.show(job)
                if len(listed) == _JOB_COUNT_MAXIMUM:
                    break
        # Jobs that came meanwhile may be on the board and not in the list.
        gone = before - listed
        if len(listed) == _JOB_COUNT_MAXIMUM:
            gone = {job_id for job_id in gone if self._has_ended(job_id)}
        self._board.remove(gone)
        for job_id in gone:
            self._sequences.pop(job_id, None)
            self._pictures.drop_preview(job_id)

    def _has_ended(self, job_id: str) -> bool:
        return bool((self._board.job(job_id) or {}).get("hasEnded"))

    async def _look_at_ended(self) -> None:
        """Fetches plan and pictures of jobs that had ended before anyone looked."""
        ended = [job_id for job_id in self._board.job_ids() if self._has_ended(job_id)]
        ended.sort(key=lambda job_id: (self._board.job(job_id) or {}).get("createdMs", 0))
        for job_id in reversed(ended[-_ENDED_COUNT_MAXIMUM:]):
            job = self._board.job(job_id)
            if job is None or "timesteps" in job or job.get("isLookedAt"):
                continue
            try:
                async with aclosing(self._client.watch(job_id)) as events:
                    await self._take_all(events)
            except Unavailable:
                raise
            except RefineryError:
                pass  # The job's own, which the list told already.
            if self._board.job(job_id) is not None:
                self._board.set_job(job_id, {"isLookedAt": True})

    async def _take_all(self, events: AsyncGenerator[Event, None]) -> None:
        async for event in events:
            self._take(event)
            if isinstance(event, Image):
                self._keep(event.job_id, event.sha256.hex(), event.png)

    async def _read(self, image: Image) -> None:
        try:
            png = await self._client.read_image(image.job_id, image.image_index)
        except Unavailable:
            raise
        except RefineryError:
            return  # It may be forgotten already; asked for by a page, it is asked for again.
        self._keep(image.job_id, image.sha256.hex(), png)

    def _keep(self, job_id: str, sha256: str, png: bytes) -> None:
        self._pictures.put(sha256, png)
        if (request := request_of(png)) is not None and self._board.job(job_id) is not None:
            self._board.set_job(job_id, {"request": request})
