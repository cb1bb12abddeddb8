"""The web server without a browser and without a server behind it: what it serves, and to whom."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from refinery_client import AsyncClient

from refinery_dashboard.__main__ import loopback_address, read_token
from refinery_dashboard.guard import LOOPBACK_NAMES
from refinery_dashboard.web import application

TOKEN = "a-token-that-no-page-sees"
PAGE = Path(__file__).parents[1] / "src/refinery_dashboard/page"
# Nobody listens there: port 1 is tcpmux's.
NOWHERE = "127.0.0.1:1"

Ask = Callable[[ClientSession, str], Awaitable[None]]


def with_dashboard(ask: Ask) -> None:
    async def run() -> None:
        client = AsyncClient(NOWHERE, token=TOKEN, reconnect=0)
        app = application(client, NOWHERE, LOOPBACK_NAMES | {"dash.example"})
        async with TestServer(app) as server, ClientSession() as session:
            await ask(session, str(server.make_url("/")).rstrip("/"))

    asyncio.run(run())


def test_the_page_and_its_files_are_served_and_nothing_else() -> None:
    async def ask(session: ClientSession, url: str) -> None:
        for path in ("/", *(f"/page/{file.name}" for file in PAGE.iterdir())):
            async with session.get(url + path) as response:
                assert response.status == 200, path
                assert TOKEN not in await response.text()
                policy = response.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
                assert "unsafe" not in policy
                assert "*" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert "Server" not in response.headers
        for path in ("/page/", "/page/..%2fweb.py", "/page/web.py", "/page/x", "/x"):
            async with session.get(url + path) as response:
                assert response.status == 404, path
                assert "Content-Security-Policy" in response.headers

    with_dashboard(ask)


def test_the_page_names_no_other_origin() -> None:
    for file in PAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        for part in ("http:", "https:", "url(", "@import", "innerHTML", "eval("):
            assert part not in text, file.name


GET_EVENTS, GET_PAGE, POST = ("GET", "/events"), ("GET", "/"), ("POST", "/jobs")


@pytest.mark.parametrize(
    ("what", "headers", "is_allowed"),
    [
        (GET_PAGE, {}, True),
        (GET_PAGE, {"Host": "localhost:1234"}, True),
        (GET_PAGE, {"Host": "LOCALHOST"}, True),
        (GET_PAGE, {"Host": "[::1]:80"}, True),
        (GET_PAGE, {"Host": "dash.example"}, True),
        (GET_PAGE, {"Host": "evil.example"}, False),
        (GET_PAGE, {"Host": "localhost.evil.example"}, False),
        (GET_PAGE, {"Host": "127.0.0.1.evil.example:80"}, False),
        (GET_PAGE, {"Host": "evil.example:127.0.0.1"}, False),
        (GET_PAGE, {"Host": ""}, False),
        (GET_PAGE, {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, True),
        (GET_PAGE, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
        (GET_PAGE, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
        (GET_PAGE, {"Origin": "http://evil.example"}, False),
        (GET_EVENTS, {"Sec-Fetch-Site": "same-origin"}, True),
        (GET_EVENTS, {"Sec-Fetch-Site": "same-site"}, False),
        (GET_EVENTS, {"Sec-Fetch-Site": "cross-site"}, False),
        (GET_EVENTS, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        (GET_EVENTS, {"Origin": "null"}, False),
        (POST, {}, False),
        (POST, {"Origin": "http://evil.example"}, False),
        (POST, {"Origin": "null"}, False),
        (POST, {"Host": "localhost:80", "Origin": "http://localhost:81"}, False),
        (POST, {"Host": "localhost:80", "Origin": "http://127.0.0.1:80"}, False),
        (POST, {"Host": "localhost:80", "Origin": "http://localhost:80"}, True),
        (POST, {"Host": "dash.example", "Origin": "https://dash.example"}, True),
        (
            POST,
            {
                "Host": "localhost:80",
                "Origin": "http://localhost:80",
                "Sec-Fetch-Site": "cross-site",
            },
            False,
        ),
    ],
)
def test_only_its_own_pages_under_its_own_names_are_answered(
    what: tuple[str, str], headers: Mapping[str, str], is_allowed: bool
) -> None:
    async def ask(session: ClientSession, url: str) -> None:
        method, path = what
        async with session.request(method, url + path, headers=headers, json={}) as response:
            assert (response.status != 403) is is_allowed

    with_dashboard(ask)


def test_events_begin_with_everything_and_say_that_the_server_is_away() -> None:
    async def ask(session: ClientSession, url: str) -> None:
        async with session.get(f"{url}/events") as response:
            assert response.content_type == "text/event-stream"
            server: dict[str, object] = {}
            while "isConnected" not in server:
                mark = (await response.content.readline()).decode()
                assert mark.startswith("id: ")
                line = await response.content.readline()
                assert TOKEN.encode() not in line
                changes = json.loads(line.removeprefix(b"data: "))
                assert await response.content.readline() == b"\n"
                server |= changes["server"]
        assert server["isConnected"] is False
        assert NOWHERE in str(server["problem"])
        again = {"Last-Event-ID": mark.removeprefix("id: ").strip()}
        async with session.get(f"{url}/events", headers=again) as response:
            await response.content.readline()
            line = await response.content.readline()
            assert json.loads(line.removeprefix(b"data: "))["whole"] is False

    with_dashboard(ask)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/jobs", '{"request": {"positivePrompt": "a fox"}}', "application/json", 503),
        ("/jobs", '{"request": {"steps": "x"}}', "application/json", 400),
        ("/jobs", "{", "application/json", 400),
        ("/jobs", "[" * 60000, "application/json", 400),
        ("/jobs", '{"request": {}}', "text/plain", 415),
        ("/jobs", '{"x": "' + "x" * 70000 + '"}', "application/json", 413),
        ("/cancel", '{"job": "x", "outcome": "decodeNow"}', "application/json", 503),
        ("/cancel", '{"job": "x", "outcome": "never"}', "application/json", 400),
        ("/cancel", '{"job": 7}', "application/json", 400),
        ("/cancel", "[]", "application/json", 400),
        ("/resume", '{"job": "x"}', "application/json", 503),
        ("/resume", '{"job": "x", "pauseAt": "noon"}', "application/json", 400),
        ("/resume", "{}", "application/json", 400),
        ("/upload", "a picture", "image/png", 503),
        ("/upload", "a picture", "image/jpeg", 415),
        ("/upload", "x" * ((16 << 20) + 1), "image/png", 400),
    ],
)
def test_what_cannot_be_done_has_a_reason(path: str, body: str, kind: str, status: int) -> None:
    async def ask(session: ClientSession, url: str) -> None:
        headers = {"Content-Type": kind, "Origin": url}
        data = io.BytesIO(body.encode())
        async with session.post(url + path, data=data, headers=headers) as response:
            text = await response.text()
            assert response.status == status, text
            if status not in (413, 415):
                assert json.loads(text)["error"]["message"]

    with_dashboard(ask)


@pytest.mark.parametrize(
    "query", ["", "job=x", "job=x&image=0&sha256=00", "job=x&image=-1", "job=x&image=99999"]
)
def test_pictures_that_nobody_made_are_not_served(query: str) -> None:
    async def ask(session: ClientSession, url: str) -> None:
        async with session.get(f"{url}/picture?{query}") as response:
            assert response.status in (400, 404)

    with_dashboard(ask)


def test_a_preview_that_there_is_not_is_not_served() -> None:
    async def ask(session: ClientSession, url: str) -> None:
        for query in ("", "job=x", "job=x&sha256=00"):
            async with session.get(f"{url}/preview?{query}") as response:
                assert response.status == 404

    with_dashboard(ask)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7422", ("127.0.0.1", 7422)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_it_listens_on_this_machine(text: str, address: tuple[str, int]) -> None:
    assert loopback_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "7422", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "0.0.0.0:80", "[::]:80", "a.b:80"],
)
def test_it_listens_nowhere_else(text: str) -> None:
    with pytest.raises(ValueError, match="--listen"):
        loopback_address(text)


def test_the_token_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFINERY_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("REFINERY_TOKEN", "from-the-environment")
    assert read_token(None) == "from-the-environment"
    file = tmp_path / "token"
    file.write_text("from-the-file\n")
    assert read_token(file) == "from-the-file"
    file.write_text("\n")
    with pytest.raises(ValueError, match="no token"):
        read_token(file)
