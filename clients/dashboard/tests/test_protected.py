"""A server that wants a token, and what of it reaches the browser."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from browsing import DashboardProcess
from real_server import Server

pytestmark = pytest.mark.browser

TOKEN = "alice-0123456789"


def told(dashboard: DashboardProcess) -> tuple[dict[str, Any], str]:
    """What the page is told of the server, once it is known whether it can be asked; and all of the
    text."""
    server: dict[str, Any] = {}
    text = ""
    with urllib.request.urlopen(f"{dashboard.url}events", timeout=60) as events:
        while "isConnected" not in server:
            line = events.readline().decode()
            text += line
            if line.startswith("data: "):
                server |= json.loads(line.removeprefix("data: "))["server"]
    return server, text


def test_the_token_opens_a_protected_server_and_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with monkeypatch.context() as environment:
        environment.setenv("REFINERY_TOKENS", f"alice {TOKEN}")
        server = Server(tmp_path)
    try:
        without = DashboardProcess(server.address)
        facts, _ = told(without)
        without.stop()
        assert facts["isConnected"] is False
        assert facts["problem"]["status"] == "UNAUTHENTICATED"

        dashboard = DashboardProcess(server.address, "--token-file", str(file))
        facts, text = told(dashboard)
        dashboard.stop()
        assert facts["isConnected"] is True
        assert TOKEN not in text
    finally:
        server.kill()
