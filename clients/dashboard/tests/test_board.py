from __future__ import annotations

import asyncio

import pytest

from refinery_dashboard.board import Board


def test_an_unknown_mark_is_told_everything() -> None:
    board = Board()
    board.set_server(isConnected=True)
    board.set_job("a", {"step": 1})
    board.add_sample({"queued": 0})
    expected = {
        "whole": True,
        "server": {"isConnected": True},
        "jobs": {"a": {"step": 1}},
        "gone": [],
        "samples": [{"queued": 0}],
    }
    other_run = Board().mark
    for mark in (None, "", "x", "x.1", other_run, f"{board.mark}0", f"{board.mark}.1", "\u0661"):
        assert board.changes(mark) == expected


def test_a_known_mark_is_told_what_changed_and_nothing_else() -> None:
    board = Board()
    board.set_server(isConnected=True, address="here")
    board.set_job("a", {"step": 1, "model": "m"})
    board.set_job("b", {"step": 1})
    board.set_job("c", {"step": 1})
    mark = board.mark
    board.set_job("a", {"step": 2, "model": "m"})
    board.remove(["b", "unknown"])
    board.set_server(isConnected=False)
    assert board.changes(mark) == {
        "whole": False,
        "server": {"isConnected": False},
        "jobs": {"a": {"step": 2}},
        "gone": ["b"],
        "samples": [],
    }
    assert board.changes(board.mark)["jobs"] == {}


def test_a_job_that_comes_back_is_told_whole_after_it_is_gone() -> None:
    board = Board()
    board.set_job("a", {"step": 7, "error": "old"})
    mark = board.mark
    board.remove(["a"])
    board.set_job("a", {"step": 1})
    changes = board.changes(mark)
    assert changes["gone"] == ["a"]
    assert changes["jobs"] == {"a": {"step": 1}}


def test_a_page_that_missed_more_than_is_kept_is_told_everything() -> None:
    board = Board()
    board.set_job("first", {"step": 1})
    mark = board.mark
    for number in range(1001):
        board.set_job(str(number), {"step": 1})
        board.remove([str(number)])
    assert board.changes(mark)["whole"] is True


@pytest.mark.parametrize("changes", [True, False])
def test_waiting_ends_with_a_change_only(changes: bool) -> None:
    async def wait() -> None:
        board = Board()
        board.set_job("a", {"step": 1})
        waiting = asyncio.create_task(board.wait(board.mark))
        await asyncio.sleep(0)
        board.set_job("a", {"step": 2 if changes else 1})
        for _ in range(3):
            await asyncio.sleep(0)
        assert waiting.done() is changes
        waiting.cancel()

    asyncio.run(wait())
