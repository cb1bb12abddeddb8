"""What the pages can ask for over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from importlib import resources
from typing import Any

from aiohttp import hdrs, web
from refinery_client import AsyncClient, RefineryError, Status

from . import asking, describing, guard
from .board import Board
from .follower import Follower
from .pictures import Pictures

# The largest a form can be: prompts of 3000 characters, of four bytes at most.
_BODY_BYTE_COUNT_MAXIMUM = 64 << 10
# Of a picture to start from, as the server has it.
_PICTURE_BYTE_COUNT_MAXIMUM = 16 << 20
# A page is told at most so often; what happens in between comes together.
_TELL_SECONDS = 0.1
# A proxy may close what is silent for a minute.
_ALIVE_SECONDS = 15.0

_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_HTTP_STATUS = {
    Status.INVALID_ARGUMENT: 400,
    Status.OUT_OF_RANGE: 400,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.FAILED_PRECONDITION: 409,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.UNAUTHENTICATED: 502,
    Status.UNAVAILABLE: 503,
    Status.DEADLINE_EXCEEDED: 504,
}


def application(client: AsyncClient, address: str, names: Collection[str]) -> web.Application:
    """The dashboard of the server at ``address``, which ``client`` asks; ``names`` are the hosts
    that the dashboard is called by."""
    dashboard = Dashboard(client, address)
    app = web.Application(
        middlewares=[guard.guard(names), _refusals], client_max_size=_BODY_BYTE_COUNT_MAXIMUM
    )
    app.on_response_prepare.append(guard.add_headers)
    app.cleanup_ctx.append(dashboard.following)
    app.on_shutdown.append(dashboard.close)
    app.add_routes(
        [
            web.get("/", dashboard.page),
            web.get("/page/{name}", dashboard.page),
            web.get("/events", dashboard.events),
            web.get("/picture", dashboard.picture),
            web.get("/preview", dashboard.preview),
            web.post("/jobs", dashboard.submit),
            web.post("/cancel", dashboard.cancel),
            web.post("/resume", dashboard.resume),
            web.post("/upload", dashboard.upload),
        ]
    )
    return app


@web.middleware
async def _refusals(request: web.Request, handler: guard.Handler) -> web.StreamResponse:
    """The server's refusals, as the page can show them."""
    try:
        return await handler(request)
    except RefineryError as error:
        return web.json_response(
            {"error": describing.error(error)}, status=_HTTP_STATUS.get(error.status, 502)
        )


class Dashboard:
    """One handler for each route."""

    def __init__(self, client: AsyncClient, address: str) -> None:
        self._client = client
        self._board = Board()
        self._board.set_server(address=address)
        self._pictures = Pictures()
        self._follower = Follower(client, self._board, self._pictures)
        self._pages: set[asyncio.Task[Any]] = set()
        self._files = {
            file.name: file.read_bytes()
            for file in resources.files(__package__).joinpath("page").iterdir()
        }

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        """While the application runs."""
        task = asyncio.create_task(self._follower.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await self._client.close()

    async def close(self, _: web.Application) -> None:
        """Ends the pages' event streams, which would have no end."""
        for task in self._pages:
            task.cancel()

    async def page(self, request: web.Request) -> web.Response:
        """The files of the page; nothing but these is served."""
        name = request.match_info.get("name", "index.html")
        ending = re.search(r"\.\w+$", name)
        if name not in self._files or ending is None or ending[0] not in _TYPES:
            raise web.HTTPNotFound(text="There is no such file.\n")
        return web.Response(
            body=self._files[name],
            content_type=_TYPES[ending[0]],
            charset="utf-8",
            headers={hdrs.CACHE_CONTROL: "no-cache"},
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The board, then what changes, as server-sent events. A browser that comes back names the
        last one it has seen, and is told what it missed."""
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._pages.add(task)
        mark = request.headers.get("Last-Event-ID")
        try:
            while True:
                changes, mark = self._board.changes(mark), self._board.mark
                data = json.dumps(changes, separators=(",", ":"))
                await response.write(f"id: {mark}\ndata: {data}\n\n".encode())
                while not await self._has_changed(mark):
                    await response.write(b": still here\n\n")
                await asyncio.sleep(_TELL_SECONDS)
        except ConnectionError:
            return response
        finally:
            self._pages.discard(task)

    async def _has_changed(self, mark: str) -> bool:
        """False after a while without a change."""
        try:
            await asyncio.wait_for(self._board.wait(mark), _ALIVE_SECONDS)
        except asyncio.TimeoutError:
            return False
        return True

    async def picture(self, request: web.Request) -> web.Response:
        """A finished picture. Named by its hash too, it never changes."""
        job_id, sha256 = request.query.get("job", ""), request.query.get("sha256", "")
        index = request.query.get("image", "0")
        if not job_id or not re.fullmatch(r"[0-9]{1,4}", index):
            raise asking.refusal("job and image name a picture.", "job")
        known = (self._board.job(job_id) or {}).get("images", [])
        if not any(image["index"] == int(index) and image["sha256"] == sha256 for image in known):
            raise web.HTTPNotFound(text="There is no such picture.\n")
        png = self._pictures.get(sha256)
        if png is None:
            png = await self._client.read_image(job_id, int(index))
            self._pictures.put(sha256, png)
        return web.Response(
            body=png,
            content_type="image/png",
            headers={hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable"},
        )

    async def preview(self, request: web.Request) -> web.Response:
        """The latest preview of a job, whichever a page has heard of."""
        png = self._pictures.preview(request.query.get("job", ""))
        if png is None:
            raise web.HTTPNotFound(text="There is no preview, or no more.\n")
        return web.Response(body=png, content_type="image/png")

    async def submit(self, request: web.Request) -> web.Response:
        body = await _json(request)
        asked = asking.job(body)
        job = await self._client.submit(asked.prompt, **asked.options)
        await self._follower.show(job)
        # What was asked for, until the picture itself tells.
        shown = {name: value for name, value in body["request"].items() if value is not None}
        self._board.set_job(job.id, {"request": shown})
        return web.json_response({"job": job.id})

    async def resume(self, request: web.Request) -> web.Response:
        """Goes on from a paused job, which stays."""
        paused, options = asking.resumption(await _json(request))
        job = await self._client.resume(paused, **options)
        await self._follower.show(job)
        if shown := (self._board.job(paused) or {}).get("request"):
            again = {name: value for name, value in shown.items() if name != "pauseAt"}
            self._board.set_job(job.id, {"request": again})
        return web.json_response({"job": job.id})

    async def cancel(self, request: web.Request) -> web.Response:
        body = await _json(request)
        job_id = asking.named_job(body)
        job = await self._client.cancel(job_id, asking.outcome(body.get("outcome")))
        await self._follower.show(job)
        return web.json_response({})

    async def upload(self, request: web.Request) -> web.Response:
        """Takes a PNG to start from; the answer names it."""
        if request.content_type != "image/png":
            raise web.HTTPUnsupportedMediaType(text="The body is a picture: image/png.\n")
        picture = bytearray()
        async for piece in request.content.iter_any():
            picture += piece
            if len(picture) > _PICTURE_BYTE_COUNT_MAXIMUM:
                limit = f"{_PICTURE_BYTE_COUNT_MAXIMUM >> 20} MiB"
                raise asking.refusal(f"The picture's file is larger than {limit}.", "seedImage")
        return web.json_response({"sha256": await self._client.upload(bytes(picture))})


async def _json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="The body is JSON: application/json.\n")
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise asking.refusal("The body is no JSON.", "") from None
