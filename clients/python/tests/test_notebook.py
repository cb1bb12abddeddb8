"""What a notebook shows. IPython is stood in for: it is no dependency."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from fake_server import (
    END,
    PICTURE,
    SUMMARY,
    TWO_BRANCHES,
    TWO_STAGES,
    FakeServer,
    answering,
    event,
)

from refinery_client import Client, Event, Progress, Resumed
from refinery_client.notebook import JobView, show, show_async


def played(frames: list[bytes]) -> list[Event]:
    with FakeServer(answering(*frames)) as server, Client(server.address) as client:
        return list(client.generate("a red fox"))


@pytest.fixture
def events() -> list[Event]:
    return played(TWO_STAGES)


class Cell:
    """IPython's display, and what it was given, as it was then."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, view: Any, *, display_id: bool) -> Cell:
        assert display_id
        self.update(view)
        return self

    def update(self, view: Any) -> None:
        self.shown.append(view._repr_html_())


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    cell = Cell()
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: object()  # type: ignore[attr-defined]
    module.display = cell.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return cell


def test_a_cell_follows_the_job(cell: Cell, events: list[Event]) -> None:
    assert show(events).png == b"\x89PNG"
    assert len(cell.shown) == 1 + len(events)
    said = [shown.splitlines()[0] for shown in cell.shown]
    assert "asking" in said[0]
    assert "waiting, 1 ahead" in said[2]
    assert "base, step 2 of 3" in said[5]
    assert "refiner, step 3 of 3" in said[7]
    assert "done in 1.5 s" in said[-1]
    assert "data:image/png;base64,iVBORw==" in cell.shown[-1]


def test_the_bar_is_in_two_colours(events: list[Event]) -> None:
    view = JobView()
    for item in events[:5]:
        view.take(item)
    assert "#3b6fb6 100%" in view._repr_html_()
    assert "#e0873a 0%" in view._repr_html_()


def test_the_bar_is_that_of_the_branch_under_way() -> None:
    view = JobView()
    events = played(TWO_BRANCHES)
    for item in events[:5]:
        view.take(item)
    shown = view._repr_html_()
    assert "#e0873a 100%" in shown
    assert 'title="seed 5, branch 2"' in shown
    view.take(events[5])
    assert "#3b6fb6 100%" in view._repr_html_()
    assert "#e0873a" not in view._repr_html_()


def test_the_latest_preview_is_shown_until_the_picture_is_there() -> None:
    seen = {"phase": 3, "step": 2, "steps": 3, "preview": b"seen", "preview_step": 1}
    later = {"phase": 4, "step": 3, "steps": 3, "preview": b"later", "preview_step": 3}
    frames = [*TWO_STAGES[:5], event(6, progress=seen), *TWO_STAGES[5:7], event(8, progress=later)]
    view = JobView()
    for item in played([*frames, event(9, image={**PICTURE, "summary": SUMMARY}), END]):
        view.take(item)
        if isinstance(item, Progress) and item.preview is not None:
            shown = view._repr_html_().splitlines()
            assert len(shown) == 2
            # As large as the picture will be.
            assert 'width="64" height="32"' in shown[1]
            assert f"after step {item.preview_step}" in shown[1]
            assert base64.b64encode(item.preview).decode() in shown[1]
    shown = view._repr_html_()
    assert "foreseen" not in shown
    assert shown.count("<img") == 1


def test_progress_without_a_preview_leaves_the_one_there_is() -> None:
    view = JobView()
    seen = {"phase": 3, "step": 1, "steps": 3, "preview": b"seen", "preview_step": 1}
    events = played([TWO_STAGES[0], event(2, progress=seen), *TWO_STAGES[4:]])
    for item in events[:3]:
        view.take(item)
    progress = events[2]
    assert isinstance(progress, Progress)
    assert (progress.preview, progress.preview_step) == (None, None)
    assert "after step 1" in view._repr_html_()


def test_a_paused_job_is_not_called_done() -> None:
    view = JobView()
    paused = [*TWO_STAGES[:8], event(10, image={**PICTURE, "paused_step": 2, "summary": SUMMARY})]
    for item in played([*paused, END]):
        view.take(item)
    assert "paused after step 2" in view._repr_html_()


def test_without_ipython_nothing_is_shown_and_all_is_done(
    monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)

    async def replayed() -> AsyncIterator[Event]:
        for item in events:
            yield item

    assert asyncio.run(show_async(replayed())).png == b"\x89PNG"
    with pytest.raises(ValueError, match="without a picture"):
        show([])


def test_what_the_server_says_is_no_markup() -> None:
    view = JobView()
    view.take(Resumed(job_id="", sequence=1, time_ms=0, image_index=0, step=0, reason="<script>"))
    assert "&lt;script&gt;" in view._repr_html_()
